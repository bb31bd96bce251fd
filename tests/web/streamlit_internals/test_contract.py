"""What we use of Streamlit though it promises it to nobody: an upgrade that changes one of these parts fails here.

docs/architecture.md lists all of them. Sessions and uploads are those of a real Streamlit; nothing of it is replaced.
"""

from __future__ import annotations

import importlib
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import streamlit as st
from starlette.middleware import Middleware
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.testclient import TestClient, WebSocketTestSession
from starlette.websockets import WebSocketDisconnect
from streamlit import net_util, runtime
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.runtime import Runtime
from streamlit.web.server.starlette.starlette_app import create_streamlit_routes

from tests.support.waiting import until
from web.streamlit_internals import allowed_paths, external_address, index_page, script_loops, sessions
from web.streamlit_internals.frontend import ROOT, scripts
from web.streamlit_internals.index_page import frame

PAGE = Path(sessions.__file__).parents[1] / "page"
PICTURE = b"a picture"


@pytest.fixture
def streamlit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    """A running Streamlit with an empty page, which forgets a lost connection after 0.2 s."""
    option = st.get_option
    monkeypatch.setattr(
        st.config, "get_option", lambda name: 0.2 if name == "server.disconnectedSessionTTL" else option(name)
    )
    script = tmp_path / "page.py"
    script.write_text("")
    monkeypatch.setattr(Runtime, "_instance", None)
    with TestClient(st.App(script)) as client:
        yield client


def visit(connection: WebSocketTestSession) -> str:
    """The session of a connection whose page has run once."""
    run = BackMsg()
    run.rerun_script.query_string = ""
    connection.send_bytes(run.SerializeToString())
    session = ""
    while True:
        message = ForwardMsg.FromString(connection.receive_bytes())
        if message.WhichOneof("type") == "new_session":
            session = message.new_session.initialize.session_id
        if message.WhichOneof("type") == "script_finished":
            return session


def connect(client: TestClient) -> WebSocketTestSession:
    """A page's connection."""
    return client.websocket_connect("/_stcore/stream", subprotocols=["streamlit"])


def test_the_session_manager_lists_sessions_open_and_lost(streamlit: TestClient) -> None:
    assert sessions.visits() == set()
    with connect(streamlit) as connection:
        session = visit(connection)
        assert sessions.visits() == {session}
    assert sessions.visits() == {session}


def test_the_storage_of_lost_sessions_gives_those_that_are_over(streamlit: TestClient) -> None:
    with connect(streamlit) as connection:
        session = visit(connection)
    manager = runtime.get_instance()._session_mgr
    until(lambda: not manager.is_active_session(session))
    sessions._free_expired()
    assert sessions.visits() == {session}  # it may still come back
    time.sleep(0.3)
    sessions._free_expired()
    assert sessions.visits() == set()


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="there is no /proc here")
def test_a_visit_takes_no_descriptors_for_a_loop_and_none_is_left_behind(tmp_path: Path) -> None:
    def descriptors() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    def loops(client: TestClient) -> list[object]:
        return [info.session._script_event_loop for info in runtime.get_instance()._session_mgr.list_sessions()]

    script = tmp_path / "page.py"
    script.write_text("import asyncio; assert asyncio.get_event_loop().run_until_complete(asyncio.sleep(0, 7)) == 7")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Runtime, "_instance", None)
        with TestClient(st.App(script, middleware=[Middleware(script_loops.SpareLoops)])) as client:
            with connect(client) as first:
                visit(first)
                before = descriptors()
                with connect(client) as second:
                    visit(second)
                    assert descriptors() == before
                    assert all(isinstance(loop, script_loops.IdleLoop) for loop in loops(client))
            until(lambda: all(loop.is_closed() for loop in loops(client)))  # type: ignore[attr-defined]


def test_a_foreign_origin_makes_the_server_ask_nobody(streamlit: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []
    monkeypatch.setattr(net_util, "_external_ip", None)
    monkeypatch.setattr(net_util, "_make_blocking_http_get", lambda *args, **_: asked.append(args))
    foreign = {"Origin": "https://elsewhere.example"}
    with pytest.raises(WebSocketDisconnect), streamlit.websocket_connect("/_stcore/stream", headers=foreign):
        pass
    assert asked  # as Streamlit does by itself
    asked.clear()
    external_address.never_ask()
    with pytest.raises(WebSocketDisconnect), streamlit.websocket_connect("/_stcore/stream", headers=foreign):
        pass
    streamlit.get("/_stcore/health", headers=foreign)
    assert asked == []


def test_what_is_imported_before_the_first_label_in_chinese_is_there() -> None:
    assert importlib.import_module("streamlit.emojis").ALL_EMOJIS


def test_the_paths_that_stay_open_are_streamlits(streamlit: TestClient) -> None:
    routes = create_streamlit_routes(runtime.get_instance())
    paths = [route.path for route in routes if isinstance(route, Mount | Route | WebSocketRoute)]
    theirs = {path.removeprefix("/_stcore/").partition("/")[0] for path in paths if path.startswith("/_stcore/")}
    assert set(allowed_paths._OPEN) <= theirs


def test_every_mark_in_streamlits_frame_that_is_replaced_is_there() -> None:
    theirs = (ROOT / "index.html").read_text("utf-8")
    for mark in ('<html lang="en">', "<title>Streamlit</title>", "<noscript>", '<link rel="service-desc" href="'):
        assert theirs.count(mark) == 1, mark
    ours = frame("zh")
    assert '<html lang="zh-CN">' in ours
    assert "<title>图像分类器</title>" in ours
    assert '<link rel="service-desc" href="./api/openapi.json"' in ours
    assert "本页面需要 JavaScript" in ours
    assert ours.count("</head>") == 1


@pytest.mark.parametrize("part", index_page._PARTS)
def test_every_part_that_the_frame_names_ahead_has_its_script(part: str) -> None:
    assert scripts([part], "")
