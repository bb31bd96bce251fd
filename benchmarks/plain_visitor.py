"""A visitor of a plain Streamlit page, with Streamlit's own uploader, in whose place ours is measured."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import httpx2 as httpx
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.proto.Common_pb2 import FileURLs
from websockets.sync.client import ClientConnection

from benchmarks.visitor import TOKEN, Answer, Tab, connection


class PlainTab(Tab):
    """A tab with the plain page."""

    def __init__(self, http: httpx.Client, socket: ClientConnection, token: str) -> None:
        """See `opened`."""
        self._headers = {"X-Xsrftoken": token, "Cookie": f"{TOKEN}={token}"}
        self._file: tuple[str, int, FileURLs] | None = None
        super().__init__(http, socket)

    def show(self, data: bytes) -> Answer:
        """Uploads a picture, and reads the bars that the page's script draws then."""
        urls = self._place_for("photo.jpg")
        response = self._http.put(urls.upload_url, files={"file": ("photo.jpg", data)}, headers=self._headers)
        if response.status_code != 204:
            return Answer(refusal=f"{response.status_code} {response.text}")
        before, self._file = self._file, ("photo.jpg", len(data), urls)
        self.start_run()
        if before:  # as the browser does
            self._http.delete(before[2].delete_url, headers=self._headers)
        self.wait()
        bars = [element.progress.text for element in self.elements if element.WhichOneof("type") == "progress"]
        return Answer(tuple(bar.partition(":")[0] for bar in bars))

    def state(self) -> ClientState:
        """As for `Tab`, with the file in the uploader."""
        state = super().state()
        uploaders = [one.file_uploader.id for one in self.elements if one.WhichOneof("type") == "file_uploader"]
        if uploaders and self._file:
            name, size, urls = self._file
            widget = state.widget_states.widgets.add(id=uploaders[0])
            info = widget.file_uploader_state_value.uploaded_file_info.add(name=name, size=size, file_id=urls.file_id)
            info.file_urls.CopyFrom(urls)
        return state

    def _place_for(self, name: str) -> FileURLs:
        """Asks the server where to send a file; returns the addresses for it."""
        message = BackMsg()
        message.file_urls_request.request_id = uuid.uuid4().hex
        message.file_urls_request.file_names.append(name)
        message.file_urls_request.session_id = self.session
        self._socket.send(message.SerializeToString())
        response = next(one for one in self._messages() if one.HasField("file_urls_response")).file_urls_response
        assert not response.error_msg, response.error_msg
        (urls,) = response.file_urls
        assert isinstance(urls, FileURLs)
        return urls


@contextmanager
def opened(address: str) -> Iterator[PlainTab]:
    """Opens the plain page in a tab and waits until it is drawn; closes the tab afterwards."""
    with connection(address) as (http, socket, token):
        yield PlainTab(http, socket, token)
