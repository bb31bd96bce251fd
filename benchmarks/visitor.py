"""A visitor of the page without a browser: opens it, sends a picture and reads what the server answers.

It speaks the browser's protocols, Streamlit's messages over a WebSocket and the requests of our scripts, so that a
small machine can simulate many visitors. How the page looks and works in a browser is tested in `tests/e2e`.
"""

from __future__ import annotations

import http.client as http_client
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import httpx2 as httpx
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.proto.Element_pb2 import Element
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin, Subprotocol

PATIENCE = 60.0
"""Seconds that a visitor waits for any answer."""

TOKEN = "_streamlit_xsrf"  # noqa: S105
"""The name of the cookie with a visit's token."""
_OWN = {"Sec-Fetch-Site": "same-origin", "Content-Type": "application/octet-stream"}


@dataclass(frozen=True)
class Answer:
    """What a visitor with a picture was told."""

    labels: tuple[str, ...] = ()
    """Best first; empty when there was no answer."""
    refusal: str = ""
    """The message that was shown instead."""
    later: float | None = None
    """Seconds after which to try again, if the answer named any."""


class Tab:
    """One open tab."""

    def __init__(self, http: httpx.Client, socket: ClientConnection) -> None:
        """See `opened`."""
        self._http, self._socket = http, socket
        self._cache: dict[str, ForwardMsg] = {}
        self._left: list[http_client.HTTPConnection] = []
        self.elements: list[Element] = []
        """What Streamlit's script has drawn."""
        self.session = ""
        """The name of Streamlit's session."""
        self.start_run()
        self.wait()

    def show(self, data: bytes) -> Answer:
        """Sends a picture, as the page's script does, and reads the answer."""
        response = self._http.post("/page/classify", content=data, headers=_OWN)
        found = response.json()
        if response.status_code == 200:
            return Answer(tuple(found["words"]["en"]["labels"]))
        later = response.headers.get("Retry-After")
        return Answer(refusal=found["texts"]["en"], later=float(later) if later else None)

    def hand_in(self, data: bytes) -> None:
        """Sends a picture and does not wait for the answer; with the tab, its connection is closed."""
        address = self._http.base_url
        connection = http_client.HTTPConnection(address.host, address.port or 80, timeout=PATIENCE)
        connection.request("POST", "/page/classify", data, _OWN)
        self._left.append(connection)

    def close(self) -> None:
        """Ends what nobody waits for any more."""
        for connection in self._left:
            connection.close()

    def start_run(self) -> None:
        """Starts a run of Streamlit's script."""
        message = BackMsg()
        message.rerun_script.CopyFrom(self.state())
        self._socket.send(message.SerializeToString())

    def state(self) -> ClientState:
        """What the browser says of this tab when it asks for a run."""
        state = ClientState(cached_message_hashes=list(self._cache))
        state.context_info.locale = "en-US"
        return state

    def wait(self) -> None:
        """Waits for the end of the run, and keeps the elements that it draws."""
        for message in self._messages():
            kind = message.WhichOneof("type")
            if kind == "new_session":
                self.session = message.new_session.initialize.session_id
                self.elements = []
            elif kind == "delta" and message.delta.HasField("new_element"):
                self.elements.append(message.delta.new_element)
            elif kind == "script_finished" and message.script_finished != ForwardMsg.FINISHED_EARLY_FOR_RERUN:
                return

    def _messages(self) -> Iterator[ForwardMsg]:
        """The server's messages; large ones that it sent before and now refers to are taken from this tab's cache."""
        end = time.monotonic() + PATIENCE
        while True:
            data = self._socket.recv(timeout=max(0, end - time.monotonic()))
            assert isinstance(data, bytes)
            message = ForwardMsg.FromString(data)
            if message.HasField("ref_hash"):
                message = self._cache[message.ref_hash]
            elif message.metadata.cacheable:
                self._cache[message.hash] = message
            yield message


def another(picture: bytes) -> bytes:
    """The same picture as a file of its own: the page remembers what it has found for a file."""
    return picture + uuid.uuid4().bytes  # behind the end of a JPEG


def client(address: str, headers: Mapping[str, str] | None = None) -> httpx.Client:
    """An HTTP client for one visitor or caller, with what it sends each time."""
    # Not verifying spares reading the system's certificates, which takes many visitors longer than their whole visit.
    return httpx.Client(
        base_url=address,
        headers=headers,
        timeout=PATIENCE,
        verify=False,
        limits=httpx.Limits(max_keepalive_connections=0),
    )


@contextmanager
def opened(address: str, headers: Mapping[str, str] | None = None) -> Iterator[Tab]:
    """Opens the page in a tab and waits until its script has run; closes the tab afterwards.

    Args:
        address: the server's address, such as http://localhost:8501.
        headers: that are sent with each request.
    """
    with connection(address, headers) as (http, socket, _):
        tab = Tab(http, socket)
        try:
            yield tab
        finally:
            tab.close()


@contextmanager
def connection(
    address: str, headers: Mapping[str, str] | None = None
) -> Iterator[tuple[httpx.Client, ClientConnection, str]]:
    """An HTTP client, Streamlit's WebSocket and the token of a visit."""
    with client(address, headers) as http:
        http.get("/_stcore/health").raise_for_status()
        token = http.cookies[TOKEN]
        with connect(
            f"{address.replace('http', 'ws', 1)}/_stcore/stream",
            origin=Origin(address),
            subprotocols=[Subprotocol("streamlit"), Subprotocol(token)],
            additional_headers={**(headers or {}), "Cookie": f"{TOKEN}={token}"},
            compression=None,
            max_size=None,
            open_timeout=PATIENCE,
        ) as socket:
            yield http, socket, token
