"""Streamlit gets from a page's WebSocket only what our page sends, no faster, and no more."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from starlette.middleware import Middleware
from starlette.testclient import TestClient, WebSocketTestSession
from starlette.websockets import WebSocketDisconnect
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState
from streamlit.runtime import Runtime
from streamlit.runtime.app_session import AppSession

from web.streamlit_internals import page_messages
from web.streamlit_internals.page_messages import KINDS, MAX_BYTES, PageMessages

OTHERS = sorted({field.name for field in BackMsg.DESCRIPTOR.oneofs_by_name["type"].fields} - set(KINDS))
ID = "$$ID-0123456789abcdef0123456789abcdef-{}"

Page = Callable[..., WebSocketTestSession]


@pytest.fixture
def handled(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The kinds of messages that reach Streamlit."""
    kinds: list[str] = []
    handle = AppSession.handle_backmsg

    def listen(session: AppSession, message: BackMsg) -> None:
        kinds.append(str(message.WhichOneof("type")))
        handle(session, message)

    monkeypatch.setattr(AppSession, "handle_backmsg", listen)
    return kinds


@pytest.fixture(params=[""])
def page(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Page]:
    """Connects to a real Streamlit, whose page is this script."""
    script = tmp_path / "page.py"
    script.write_text(request.param)
    monkeypatch.setattr(Runtime, "_instance", None)
    with TestClient(st.App(script, middleware=[Middleware(PageMessages)])) as client:
        yield lambda *more: client.websocket_connect("/_stcore/stream", subprotocols=["streamlit", *more])


def message(**fields: Any) -> BackMsg:
    return BackMsg(**fields)


def run(*widgets: WidgetState, **state: Any) -> bytes:
    asked = BackMsg()
    asked.rerun_script.query_string = state.pop("query_string", "")
    asked.rerun_script.widget_states.widgets.extend(widgets)
    for name, value in state.items():
        if isinstance(value, list):
            getattr(asked.rerun_script, name).extend(value)
        else:
            setattr(asked.rerun_script, name, value)
    return bytes(asked.SerializeToString())


def files(number: int) -> bytes:
    asked = BackMsg()
    asked.file_urls_request.request_id = "1"
    asked.file_urls_request.file_names.extend(["photo.jpg"] * number)
    return bytes(asked.SerializeToString())


def heard(connection: WebSocketTestSession, kind: str) -> ForwardMsg:
    """The next message of a kind."""
    while True:
        said: ForwardMsg = ForwardMsg.FromString(connection.receive_bytes())
        if said.WhichOneof("type") == kind:
            return said


def closed_with(connection: WebSocketTestSession) -> int:
    try:
        while True:
            connection.receive_bytes()
    except WebSocketDisconnect as closed:
        return closed.code


def test_what_our_page_sends_gets_its_answer(page: Page, handled: list[str]) -> None:
    with page() as connection:
        connection.send_bytes(run(WidgetState(id=ID.format("upload"), string_value="x"), query_string="?k=5"))
        heard(connection, "script_finished")
        connection.send_bytes(message(app_heartbeat=True).SerializeToString())
        heard(connection, "heartbeat_ack")
        connection.send_bytes(files(2))
        assert len(heard(connection, "file_urls_response").file_urls_response.file_urls) == 2
        connection.send_bytes(message(stop_script=True).SerializeToString())
        connection.send_bytes(run())
        heard(connection, "script_finished")
    assert handled == ["rerun_script", "app_heartbeat", "file_urls_request", "stop_script", "rerun_script"]


def one_of(kind: str) -> bytes:
    asked = BackMsg()
    field = getattr(asked, kind)
    if isinstance(field, bool):
        setattr(asked, kind, True)
    else:
        field.SetInParent()
    return bytes(asked.SerializeToString())


NO_PAGE = {
    **{kind: one_of(kind) for kind in OTHERS},
    "two kinds": message(app_heartbeat=True).SerializeToString() + one_of("load_git_info"),
    "nothing": b"",
    "no message": b"no message",
    "an unknown kind": b"\xfa\x3e\x01x",
    "many bytes": run(page_name="x" * MAX_BYTES),
    "many widgets": run(*(WidgetState(id=ID.format(number)) for number in range(101))),
    "state of ours": run(WidgetState(id="looked_at", string_value="x")),
    "many hashes": run(cached_message_hashes=["x"] * 1001),
    "a long address": run(query_string="x" * 8193),
    "a fragment": run(fragment_id="x"),
    "a run by itself": run(is_auto_rerun=True),
    "many files": files(21),
}


def test_there_are_kinds_that_no_page_sends() -> None:
    assert {"load_git_info", "clear_cache", "set_run_on_save", "backend_operation_request"} <= set(OTHERS)


@pytest.mark.parametrize("sent", NO_PAGE.values(), ids=NO_PAGE)
def test_what_no_page_sends_closes_the_socket_and_reaches_nothing(page: Page, handled: list[str], sent: bytes) -> None:
    with page() as connection:
        connection.send_bytes(sent)
        assert closed_with(connection) == 1008
    assert handled == []


def test_neither_does_text(page: Page, handled: list[str]) -> None:
    with page() as connection:
        connection.send_text("load_git_info")
        assert closed_with(connection) == 1008
    assert handled == []


def test_nothing_after_it_is_read_while_the_page_runs(page: Page, handled: list[str]) -> None:
    with page() as connection:
        connection.send_bytes(run())
        connection.send_bytes(one_of("load_git_info"))
        connection.send_bytes(run())
        assert closed_with(connection) == 1008
    assert handled == ["rerun_script"]


def test_messages_pass_no_faster_than_a_page_sends_them(page: Page) -> None:
    with page() as connection:
        begin = time.monotonic()
        for _ in range(20):
            connection.send_bytes(message(app_heartbeat=True).SerializeToString())
        for _ in range(10):
            heard(connection, "heartbeat_ack")
        at_once = time.monotonic() - begin
        for _ in range(10):
            heard(connection, "heartbeat_ack")
        assert at_once < 0.9 <= time.monotonic() - begin


NEVER_ENDS = "import time\nimport streamlit as st\nwhile True:\n    st.empty()\n    time.sleep(0.01)"


def states(number: int, size: int = 500) -> list[WidgetState]:
    """Those of widgets that the page does not have, other ones for each number."""
    return [WidgetState(id=ID.format(f"{number}_{one}-None"), string_value="x" * size) for one in range(90)]


def most(connection: WebSocketTestSession, begin: int) -> int:
    """How many messages with states of other widgets pass, when no run ends before the next."""
    for number in range(20):
        connection.send_bytes(run(*states(begin + number)))
        try:
            heard(connection, "new_session")
        except WebSocketDisconnect:
            return number
    return 20


@pytest.mark.parametrize("page", [NEVER_ENDS], indirect=True)
def test_made_up_widgets_take_bounded_memory(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_messages, "_PER_SECOND", 1000.0)
    with page() as connection:
        connection.send_bytes(run())
        session = heard(connection, "new_session").new_session.initialize.session_id
        passed = most(connection, 0)
    assert 1 <= passed <= page_messages._STATE_BYTES // (90 * 500)
    with page("", session) as connection:  # the same visit goes on
        connection.send_bytes(run())
        assert heard(connection, "new_session").new_session.initialize.session_id == session
        assert most(connection, 100) == 0


@pytest.mark.parametrize("page", [NEVER_ENDS], indirect=True)
def test_a_run_that_is_stopped_does_not_end_by_itself(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_messages, "_PER_SECOND", 1000.0)
    with page() as connection:
        connection.send_bytes(run(*states(0)))
        heard(connection, "new_session")
        connection.send_bytes(message(stop_script=True).SerializeToString())
        heard(connection, "script_finished")
        assert most(connection, 1) < page_messages._STATE_BYTES // (90 * 500)


@pytest.mark.parametrize("page", [NEVER_ENDS], indirect=True)
def test_a_visitor_who_never_waits_may_go_on(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_messages, "_PER_SECOND", 1000.0)
    with page() as connection:
        for _ in range(20):
            connection.send_bytes(run(*states(1)))
            heard(connection, "new_session")


def test_what_is_kept_is_forgotten_when_a_run_ends(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_messages, "_PER_SECOND", 1000.0)
    with page() as connection:
        for number in range(20):
            connection.send_bytes(run(*states(number)))
            heard(connection, "script_finished")
