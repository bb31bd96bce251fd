"""A visitor of the page without a browser: opens it, uploads a picture and reads what the page says about it.

It speaks the browser's protocol, protobuf messages over a WebSocket, so that a small machine can simulate many
visitors. It sees elements, not pixels: how the page looks, and whether a browser can use it, is tested in `tests/e2e`.
"""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from html import unescape

import httpx2 as httpx
from streamlit.proto.Alert_pb2 import Alert
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.proto.Common_pb2 import FileURLs
from streamlit.proto.Element_pb2 import Element
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin, Subprotocol

PATIENCE = 60.0
"""Seconds that a visitor waits for any answer."""

_TOKEN = "_streamlit_xsrf"  # noqa: S105  (a cookie's name)
_METER = re.compile(r'role="meter" aria-label="([^"]*)"')


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

    uploader = "upload"
    """The key of the page's file uploader."""

    def __init__(self, http: httpx.Client, socket: ClientConnection, token: str) -> None:
        """See `opened`."""
        self._http, self._socket = http, socket
        self.headers = {"X-Xsrftoken": token, "Cookie": f"{_TOKEN}={token}"}
        """The headers that an upload by this tab must have."""
        self._session = ""
        self._cache: dict[str, ForwardMsg] = {}
        self.elements: list[Element] = []
        """What the page shows."""
        self._file: tuple[str, int, FileURLs] | None = None
        self._start_run()
        self._wait()

    def show(self, data: bytes, name: str = "photo.jpg") -> Answer:
        """Uploads a picture and waits for the bars, or for what the page says instead."""
        refused = self.hand_in(data, name)
        if refused:
            return refused
        self._wait()
        return self._read()

    def hand_in(self, data: bytes, name: str = "photo.jpg") -> Answer | None:
        """Uploads a picture and starts a run of the page without waiting for its end; returns a refusal, if any."""
        urls = self.place_for(name)
        response = self._http.put(urls.upload_url, files={"file": (name, data)}, headers=self.headers)
        if response.status_code == 503:
            return Answer(refusal=response.text, later=float(response.headers["Retry-After"]))
        if response.status_code != 204:
            return Answer(refusal=f"{response.status_code} {response.text}")
        before, self._file = self._file, (name, len(data), urls)
        self._start_run()
        if before:  # as the browser does
            self._http.delete(before[2].delete_url, headers=self.headers)
        return None

    def press_retry(self) -> Answer:
        """Presses the button under the message of a busy server."""
        self._start_run(pressed=self._widget("button", "retry"))
        self._wait()
        return self._read()

    @property
    def retry_offered(self) -> bool:
        """Whether the page shows that button."""
        return self._widget("button", "retry") is not None

    def _read(self) -> Answer:
        labels = [
            unescape(label)
            for element in self.elements
            if element.WhichOneof("type") == "html"
            for label in _METER.findall(element.html.body)
        ]
        errors = [
            element.alert.body
            for element in self.elements
            if element.WhichOneof("type") == "alert" and element.alert.format == Alert.ERROR
        ]
        return Answer(tuple(labels), " ".join(errors), 1.0 if self.retry_offered else None)

    def _widget(self, kind: str, key: str) -> str | None:
        """The id of a widget that the page now shows."""
        for element in self.elements:
            if element.WhichOneof("type") == kind:
                identity = str(getattr(element, kind).id)
                if identity.endswith(f"-{key}"):
                    return identity
        return None

    def place_for(self, name: str) -> FileURLs:
        """Asks the server where to send a file; returns the addresses for it."""
        message = BackMsg()
        message.file_urls_request.request_id = uuid.uuid4().hex
        message.file_urls_request.file_names.append(name)
        message.file_urls_request.session_id = self._session
        self._socket.send(message.SerializeToString())
        response = next(one for one in self._messages() if one.HasField("file_urls_response")).file_urls_response
        assert not response.error_msg, response.error_msg
        (urls,) = response.file_urls
        assert isinstance(urls, FileURLs)
        return urls

    def _start_run(self, pressed: str | None = None) -> None:
        """Starts a run of the page with the state of this tab's widgets."""
        message = BackMsg()
        message.rerun_script.CopyFrom(self._state(pressed))
        self._socket.send(message.SerializeToString())

    def _wait(self) -> None:
        """Waits for the end of the page's run, and keeps the elements that it shows."""
        for message in self._messages():
            kind = message.WhichOneof("type")
            if kind == "new_session":
                self._session = message.new_session.initialize.session_id
                self.elements = []
            elif kind == "delta" and message.delta.HasField("new_element"):
                self.elements.append(message.delta.new_element)
            elif kind == "script_finished" and message.script_finished != ForwardMsg.FINISHED_EARLY_FOR_RERUN:
                return

    def _state(self, pressed: str | None) -> ClientState:
        state = ClientState(cached_message_hashes=list(self._cache))
        state.context_info.locale = "en-US"
        uploader = self._widget("file_uploader", self.uploader)
        if uploader and self._file:
            name, size, urls = self._file
            widget = state.widget_states.widgets.add(id=uploader)
            info = widget.file_uploader_state_value.uploaded_file_info.add(name=name, size=size, file_id=urls.file_id)
            info.file_urls.CopyFrom(urls)
        if pressed:
            state.widget_states.widgets.add(id=pressed, trigger_value=True)
        return state

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


def client(address: str) -> httpx.Client:
    """An HTTP client for one visitor or caller."""
    # Not verifying spares reading the system's certificates, which takes many visitors longer than their whole visit.
    return httpx.Client(
        base_url=address, timeout=PATIENCE, verify=False, limits=httpx.Limits(max_keepalive_connections=0)
    )


@contextmanager
def opened(address: str, kind: type[Tab] = Tab) -> Iterator[Tab]:
    """Opens the page in a tab and waits until it is drawn; closes the tab afterwards.

    Args:
        address: the server's address, such as http://localhost:8501.
        kind: the class of the tab, which knows how to read the page.
    """
    with client(address) as http:
        http.get("/_stcore/health").raise_for_status()
        token = http.cookies[_TOKEN]
        with connect(
            f"{address.replace('http', 'ws', 1)}/_stcore/stream",
            origin=Origin(address),
            subprotocols=[Subprotocol("streamlit"), Subprotocol(token)],
            additional_headers={"Cookie": f"{_TOKEN}={token}"},
            compression=None,
            max_size=None,
            open_timeout=PATIENCE,
        ) as socket:
            yield kind(http, socket, token)
