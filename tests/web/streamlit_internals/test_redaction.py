"""Whatever is asked, and however wrongly, no answer tells where our files lie, what runs them, or a traceback."""

from __future__ import annotations

import platform
import sys
from pathlib import Path

import pytest
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.exceptions import ConnectionClosed

from benchmarks.visitor import opened
from tests.support.photos import photo
from tests.support.server import ROOT
from tests.support.wire import FORM, Answer, answer, connected, head, page_head, post, send, send_as_page
from web.streamlit_internals.redaction import without_server

PANDA = photo("panda.webp").read_bytes()
# The checkout, the environment's packages, Python's own files, a traceback, Python's version.
OURS = [str(ROOT), "site-packages", sys.base_prefix, ".py", "Traceback", platform.python_version()]


def check(said: bytes) -> None:
    text = said.decode("utf-8", "replace")
    assert not [word for word in OURS if word in text], text


def check_answer(got: Answer) -> int:
    check(got.body)
    assert got.headers.get("server", "uvicorn") == "uvicorn"
    check(str(got.headers).encode())
    return got.status


@pytest.mark.slow
def test_the_page_is_told_nothing_of_the_server(plain_server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[bytes] = []
    read = ForwardMsg.FromString

    def listen(data: bytes) -> ForwardMsg:
        said.append(data)
        message: ForwardMsg = read(data)
        return message

    with opened(plain_server) as tab:
        monkeypatch.setattr(ForwardMsg, "FromString", listen)
        assert tab.show(PANDA).labels
        assert tab.show(b"no picture").refusal
        tab.start_run()
        tab.wait()
        tab._socket.send(b"no message")
        with pytest.raises(ConnectionClosed) as closed:
            tab.wait()
        check(str(closed.value).encode())
    kinds = {read(data).WhichOneof("type") for data in said}
    assert {"new_session", "delta", "script_finished"} <= kinds
    for data in said:
        check(data)


@pytest.mark.slow
def test_no_refusal_of_the_page_tells_more_than_that(plain_server: str) -> None:
    statuses = [
        check_answer(got)
        for got in (
            send(plain_server, page_head(len(PANDA)).replace(b"same-origin", b"cross-site"), PANDA),
            send_as_page(plain_server, b"x" * 1000),
            send_as_page(plain_server, PANDA[:1000]),
            send_as_page(plain_server, b"x" * 21_000_000),
            send(plain_server, head("/_stcore/upload_file/x/x", "DELETE")),
        )
    ]
    assert statuses == [403, 415, 400, 413, 404]


@pytest.mark.slow
def test_no_error_tells_more_than_what_is_wrong(plain_server: str) -> None:
    statuses = [
        check_answer(got)
        for got in (
            post(plain_server, b"no picture"),
            post(plain_server, PANDA[:5000]),
            post(plain_server, b"x", Content_Type=FORM),
            post(plain_server, b""),
            post(plain_server, PANDA, "/api/v1/classify?top_k=x"),
            post(plain_server, PANDA, "/api/v1/classify?model=/etc/passwd"),
            send(plain_server, head(Content_Length="30000000")),
            send(plain_server, head("/api/v1/nothing", "GET")),
            send(plain_server, head("/api/v1/classify", "GET")),
            send(plain_server, head("/healthz", "POST")),
            send(plain_server, head("/", "POST")),
            send(plain_server, head("/_stcore/metrics", "GET")),
            send(plain_server, head("/media/no.webp", "GET")),
            send(plain_server, head("/app-static/no", "GET")),
            send(plain_server, head("/component/no/no", "GET")),
            send(plain_server, head("/static/../../etc/passwd", "GET")),
            send(plain_server, b"GET / HTTP/1.1\r\n\r\n"),
        )
    ]
    assert statuses == [415, 400, 400, 422, 422, 404, 413, 404, 405, 405, 405, 404, 404, 404, 404, 400, 400]


@pytest.mark.slow
@pytest.mark.parametrize(
    "upgrade",
    [
        {},
        {
            "Sec_WebSocket_Key": "dGhlIHNhbXBsZSBub25jZQ==",
            "Sec_WebSocket_Version": "13",
            "Origin": "http://other.example",
        },
    ],
    ids=["without a key", "from another site"],
)
def test_no_refusal_of_a_socket_does_either(plain_server: str, upgrade: dict[str, str]) -> None:
    with connected(plain_server) as connection:
        connection.sendall(head("/_stcore/stream", "GET", Upgrade="websocket", Connection="Upgrade", **upgrade))
        assert check_answer(answer(connection, "GET")) in (400, 403)


def test_other_messages_stay_as_they_are() -> None:
    message = ForwardMsg()
    message.script_finished = ForwardMsg.FINISHED_SUCCESSFULLY
    data = message.SerializeToString()
    assert without_server(data) is data


def test_a_session_keeps_what_the_page_needs() -> None:
    message = ForwardMsg()
    session = message.new_session
    session.main_script_path, session.main_script_hash = str(Path(__file__)), "abc"
    session.initialize.session_id = "def"
    session.initialize.environment_info.streamlit_version = "1"
    session.initialize.environment_info.python_version = platform.python_version()
    left = ForwardMsg.FromString(without_server(message.SerializeToString())).new_session
    assert (left.main_script_path, left.main_script_hash) == ("", "abc")
    assert left.initialize.session_id == "def"
    assert left.initialize.environment_info.streamlit_version == "1"
    assert left.initialize.environment_info.python_version == ""
