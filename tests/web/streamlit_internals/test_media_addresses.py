"""Nobody finds out by a picture's content whether somebody is looking at it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import streamlit as st
from starlette.testclient import TestClient, WebSocketTestSession
from streamlit import runtime
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.runtime import Runtime, memory_media_file_storage

from tests.support.photos import photo
from tests.support.waiting import until
from web.streamlit_internals import media_addresses, sessions

PANDA = photo("panda.webp")
# A picture of its own, and files of the kinds that the page offers.
SCRIPT = f"""
import streamlit as st
st.image({str(PANDA)!r})
st.download_button("CSV", b"label,score", "result.csv", "text/csv", on_click="ignore")
st.download_button("JSON", b"[]", "result.json", "application/json", on_click="ignore")
"""


@pytest.fixture
def streamlit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    """A running Streamlit, which forgets a lost connection after 0.2 s."""
    option = st.get_option
    monkeypatch.setattr(
        st.config, "get_option", lambda name: 0.2 if name == "server.disconnectedSessionTTL" else option(name)
    )
    monkeypatch.setattr(memory_media_file_storage, "_calculate_file_id", media_addresses._content_hash)
    media_addresses.hide()
    monkeypatch.setattr(Runtime, "_instance", None)
    script = tmp_path / "page.py"
    script.write_text(SCRIPT)
    with TestClient(st.App(script)) as client:
        yield client


def shown(connection: WebSocketTestSession) -> list[str]:
    """The addresses of all files after a run: picture, CSV and JSON."""
    run = BackMsg()
    run.rerun_script.query_string = ""
    connection.send_bytes(run.SerializeToString())
    found: list[str] = []
    while True:
        message = ForwardMsg.FromString(connection.receive_bytes())
        if message.WhichOneof("type") == "script_finished":
            return found
        element = message.delta.new_element
        found += [image.url for image in element.imgs.imgs]
        found += [element.download_button.url] if element.download_button.url else []


def connect(client: TestClient) -> WebSocketTestSession:
    return client.websocket_connect("/_stcore/stream", subprotocols=["streamlit"])


def test_a_file_keeps_its_address_in_a_visit_and_has_another_in_the_next(streamlit: TestClient) -> None:
    with connect(streamlit) as one, connect(streamlit) as other:
        ours = shown(one)
        assert len(ours) == 3
        assert shown(one) == ours
        theirs = shown(other)
        assert len(set(ours + theirs)) == 6
        assert {streamlit.get(address).status_code for address in ours + theirs} == {200}
        assert streamlit.get(ours[0]).content == streamlit.get(theirs[0]).content
        assert streamlit.get(ours[1]).content == b"label,score"


def test_nobody_finds_a_picture_by_having_it(streamlit: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    with connect(streamlit) as connection:
        ours = shown(connection)
        names = {address.rpartition("/")[2].partition(".")[0] for address in ours}
        files = runtime.get_instance().media_file_mgr._storage._files_by_id  # type: ignore[attr-defined]
        assert names == set(files)
        for file in list(files.values()):
            assert media_addresses._content_hash(file.content, file.mimetype, file.filename) not in names
        # Not even with the name of the visit: the secret of the process is missing.
        monkeypatch.setattr(media_addresses, "_SECRET", b"guessed")
        assert set(shown(connection)).isdisjoint(ours)


def test_the_files_of_a_visit_are_freed_with_it(streamlit: TestClient) -> None:
    manager = runtime.get_instance()._session_mgr
    with connect(streamlit) as connection:
        ours = shown(connection)
    (session,) = sessions.visits()
    until(lambda: not manager.is_active_session(session))
    time.sleep(0.3)
    with connect(streamlit) as connection:  # Streamlit looks for what is over when the next run ends
        sessions._free_expired()
        shown(connection)
        shown(connection)
        until(lambda: {streamlit.get(address).status_code for address in ours} == {404})
