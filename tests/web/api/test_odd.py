"""Whatever is sent to the real server's API gets one clear answer, and the server goes on."""

from __future__ import annotations

import base64
import json
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.photos import photo
from tests.support.server import running
from tests.support.waiting import until
from tests.support.wire import BOUNDARY, CLASSIFY, FORM, answer, chunk, connected, form, head, metric, post, send

pytestmark = pytest.mark.slow

PANDA = photo("panda.webp").read_bytes()
STRIPPED = PANDA.translate(None, b"\0\r\n")
JSON = b'{"image": "%b"}' % base64.b64encode(PANDA)
FILE = 'Content-Disposition: form-data; name="file"; filename="a"'
TEXT = 'Content-Disposition: form-data; name="file"'
END = f"--{BOUNDARY}--\r\n".encode()


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("odd") / "log.txt"


@pytest.fixture(scope="module")
def server(log: Path) -> Iterator[str]:
    with running(log) as address:
        yield address
    assert "Traceback" not in log.read_text()


@pytest.fixture(autouse=True)
def _goes_on(server: str) -> Iterator[None]:
    yield
    until(lambda: metric(server, "classifier_budget_used_bytes") == 0)
    assert post(server, PANDA).status == 200


def part(headers: str, data: bytes = b"x") -> bytes:
    return f"--{BOUNDARY}\r\n{headers}\r\n\r\n".encode("latin-1") + data + b"\r\n"


FORMS = {
    "no boundary": ("multipart/form-data", form(PANDA), 400, "leave that header to the client"),
    "an empty boundary": ("multipart/form-data; boundary=", form(PANDA), 400, "part named `file`"),
    "an endless boundary": (f"multipart/form-data; boundary={'a' * 5000}", form(PANDA), 400, "part named `file`"),
    "another boundary": ("multipart/form-data; boundary=other", form(PANDA), 400, "part named `file`"),
    "one that breaks off": (FORM, form(PANDA)[:-1000], 400, "incomplete"),
    "one that breaks off in the second file": (FORM, form(PANDA, PANDA)[:-1000], 400, "incomplete"),
    "no last boundary": (FORM, part(FILE, PANDA), 400, "incomplete"),
    "nothing": (FORM, b"", 400, "incomplete"),
    "no part": (FORM, END, 422, "No picture"),
    "a part without a name": (FORM, part('Content-Disposition: form-data; filename="a"') + END, 400, '"name"'),
    "a part without a disposition": (FORM, part("Content-Type: image/webp") + END, 400, '"name"'),
    "another name": (FORM, part(FILE.replace('"file"', '"image"'), PANDA) + END, 422, "part named `file`"),
    "a picture as text": (FORM, part(TEXT, PANDA) + END, 422, "has no file name"),
    "a large picture as text": (FORM, part(TEXT, b"x" * 2_000_000) + END, 400, "has a file name"),
    "one file and one text": (FORM, part(FILE, PANDA) + part(TEXT, PANDA) + END, 422, "has no file name"),
    "a form in a form": (FORM, part(f"{FILE}\r\nContent-Type: {FORM}", form(PANDA)[2:]) + END, 415, "not a picture"),
    "an address instead of a file": ("application/x-www-form-urlencoded", b"file=http://a/b", 415, "with `file`"),
    "a picture as curl -d sends it": ("application/x-www-form-urlencoded", STRIPPED, 415, "as curl -d sends it"),
    "JSON of another shape": ("application/json", b'{"file": "aGVsbG8="}', 422, "pictures go by `image`"),
    "JSON that breaks off": ("application/json", JSON[:-1000], 400, "it is cut off"),
    "JSON of another type": ("text/plain", JSON, 415, "JSON with the Content-Type text/plain"),
    "an address in JSON": ("application/json", b'{"image": "http://a/b"}', 422, "an address"),
    "a list without end": ("application/json", b'{"image": ' + b"[" * 5_000_000, 422, "a list in a list"),
    "blanks without end": ("application/json", b" " * 5_000_000, 422, "the body is empty"),
    "1,000 files": (FORM, form(*[b"x"] * 1000), 400, "100"),
    "1,000 fields": (FORM, part('Content-Disposition: form-data; name="a"') * 1000 + END, 400, "100"),
    "a part with 100 headers": (FORM, part("\r\n".join([FILE, *["X: x"] * 100]), PANDA) + END, 400, "cannot be read"),
    "a part with a long header": (FORM, part(f"{FILE}\r\nX: {'x' * 100_000}", PANDA) + END, 400, "cannot be read"),
    "nothing but line ends": (FORM, b"\r\n" * 5_000_000, 400, "incomplete"),
}


CODES = {
    400: {"bad_form", "incomplete_form", "bad_json"},
    415: {"unsupported_format", "wrong_body"},
    422: {"no_picture", "text_part", "not_base64"},
}


@pytest.mark.parametrize(("kind", "body", "status", "words"), FORMS.values(), ids=FORMS)
def test_a_wrong_form_gets_a_problem_that_says_what_to_do(
    server: str, kind: str, body: bytes, status: int, words: str
) -> None:
    got = post(server, body, Content_Type=kind)
    code = json.loads(got.body)["code"]
    assert code in CODES[status]
    assert (code == "incomplete_form") == ("incomplete" in words)
    assert (code == "text_part") == ("has no file name" in words)
    detail = got.problem(status, code)
    assert words in detail
    assert ".." not in detail


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (f"{FORM}; charset=nonsense", form(PANDA)),
        (FORM, part(f'{TEXT}; filename="\xff\x01"', PANDA) + END),
        (FORM, part(f'{TEXT}; filename="../../etc/passwd"', PANDA) + END),
        (FORM, b"\r\n" + form(PANDA) + b"an epilogue"),
        (FORM, part('Content-Disposition: form-data; name="_charset_"') + form(PANDA)),
        ("text/html", PANDA),
        ("\x01/\x02", PANDA),
        ("application/json", PANDA),
        ("application/x-www-form-urlencoded", PANDA),
    ],
)
def test_what_does_not_matter_is_not_looked_at(server: str, kind: str, body: bytes) -> None:
    assert b"giant panda" in post(server, body, Content_Type=kind).body


@pytest.mark.parametrize(
    ("query", "status"),
    [
        *((f"top_k={value}", 422) for value in ("9" * 5000, "-" + "9" * 30, "nan", "inf", "1e3", "1.5", "", "0x5")),
        *((f"top_k={value}", 422) for value in ("%D9%A3", "%00", "5%00", "%ff", "1,2", "[1]", "null")),
        *((f"model={value}", 404) for value in ("%00", "%ff%fe", "a" * 8000, "%F0%9F%90%BC", "..%2f..", "%ed%a0%80")),
        *((f"lang={value}", 422) for value in ("%00", "%ff", "z" * 8000, "EN", "zh,en", "%F0%9F%90%BC")),
        ("top_k=1&top_k=many", 422),
        *((query, 422) for query in ("%", "unknown=1", "top_k[]=x", "a=" + "b" * 50_000, "%00=1", "TOP_K=1")),
        ("model=efficientnet-lite0&model=none", 404),
        *(
            (query, 200)
            for query in (
                "",
                "&&&===;",
                "model=",
                "lang=",
                "_=1",
                "__sign=a.b",
                "utm_source=x",
                "key=k",
                "X-Amz-Date=1",
            )
        ),
    ],
    ids=lambda value: str(value)[:20],
)
def test_any_query_gets_a_problem_or_an_answer(server: str, query: str, status: int) -> None:
    got = post(server, PANDA, f"{CLASSIFY}?{query}")
    if status == 200:
        assert got.status == 200
    else:
        code = {404: "unknown_model", 422: "unknown_language" if "lang" in query else "bad_parameter"}[status]
        name = query.partition("=")[0]
        known = name in ("top_k", "model", "lang")
        detail = got.problem(status, code if known else "unknown_parameter")
        assert known or "Choose from: top_k, model, lang" in detail


def test_of_repeated_parameters_the_last_one_counts(server: str) -> None:
    got = post(server, PANDA, f"{CLASSIFY}?top_k=9&top_k=1&lang=xx&lang=zh")
    assert [one["label"] for one in json.loads(got.body)["results"][0]["predictions"]] == ["大熊猫"]


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "BREW"])
def test_any_other_method_is_told_which_one_there_is(server: str, method: str) -> None:
    with connected(server) as connection:
        connection.sendall(head(CLASSIFY, method, Content_Length=str(len(PANDA))) + PANDA)
        got = answer(connection, method)
    assert (got.status, got.headers["allow"]) == (405, "POST")
    if method == "HEAD":
        assert got.body == b""
    else:
        assert "POST only" in got.problem(405, "method_not_allowed")
    with connected(server) as connection:
        connection.sendall(head("/api", method))
        assert answer(connection, method).status == 404


@pytest.mark.parametrize("path", ["/api/" + "a" * 50_000, "/api/v1/classify/", "/api//v1/classify"])
def test_any_other_path_is_not_found(server: str, path: str) -> None:
    assert "/api/docs" in send(server, head(path, "GET")).problem(404, "not_found")


# What is not HTTP, the HTTP server refuses by itself, before any of our code.
NOT_HTTP = {
    "a negative length": head(Content_Length="-1"),
    "a word for a length": head(Content_Length="many"),
    "two lengths": head(Content_Length="1", content_length="2") + b"xx",
    "a length of 30 digits": head(Content_Length="9" * 30),
    "an unknown encoding": head(Transfer_Encoding="gzip") + b"x",
    "a chunk without a length": head(Transfer_Encoding="chunked") + b"many\r\nx",
    "bytes in the path": b"GET /api/\xc3\xa9 HTTP/1.1\r\nHost: x\r\n\r\n",
    "a null in the path": b"GET /api/\0 HTTP/1.1\r\nHost: x\r\n\r\n",
    "a null in a header": b"GET /api/v1/info HTTP/1.1\r\nHost: x\r\nX: \0\r\n\r\n",
    "no host": b"GET /api/v1/info HTTP/1.1\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500) + b"\r\n\r\n",
}


@pytest.mark.parametrize("data", NOT_HTTP.values(), ids=NOT_HTTP)
def test_what_is_not_http_is_refused_and_closed(server: str, data: bytes) -> None:
    with connected(server) as connection:
        connection.sendall(data)
        assert answer(connection).status == 400
        assert connection.recv(1) == b""


def test_headers_without_end_are_refused(server: str) -> None:
    with connected(server) as connection:
        connection.sendall(head("/api/v1/info", "GET")[:-2])
        try:
            for _ in range(1000):
                connection.sendall(b"X-More: " + b"x" * 1000 + b"\r\n")
            assert answer(connection, "GET").status == 400
        except ConnectionError:
            return  # it did not even listen any more


@pytest.mark.parametrize("length", ["20200000", "9" * 19])
def test_a_large_body_is_refused_before_it_is_sent(server: str, length: str) -> None:
    got = send(server, head(Content_Length=length, Expect="100-continue"))
    assert "the limit is 20 MB in all" in got.problem(413, "request_too_large")


def test_a_caller_who_asks_first_is_told_to_go_on(server: str) -> None:
    with connected(server) as connection:
        connection.sendall(head(Content_Length=str(len(PANDA)), Expect="100-continue"))
        assert connection.recv(1000).startswith(b"HTTP/1.1 100 ")
        connection.sendall(PANDA)
        assert answer(connection).status == 200


def test_requests_sent_all_at_once_are_answered_in_order(server: str) -> None:
    one = head(f"{CLASSIFY}?top_k=1", Content_Length=str(len(PANDA))) + PANDA
    with connected(server) as connection:
        connection.sendall(one + head("/api/nothing", "GET") + one + head("/healthz", "GET", Connection="close"))
        answers = connection.makefile("rb").read()
    assert re.findall(rb"HTTP/1.1 (\d+) ", answers) == [b"200", b"404", b"200", b"200"]


@pytest.mark.parametrize(
    "begun", [head(Content_Length="1000") + b"x", head(Transfer_Encoding="chunked") + chunk(PANDA)]
)
@pytest.mark.parametrize("way", ["closed", "reset", "half"])
def test_a_connection_may_be_cut_at_any_time(server: str, begun: bytes, way: str) -> None:
    with connected(server) as connection:
        connection.sendall(begun)
        until(lambda: metric(server, "classifier_budget_used_bytes") > 0)
        if way == "reset":
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        if way == "half":
            connection.shutdown(socket.SHUT_WR)
            until(lambda: metric(server, "classifier_budget_used_bytes") == 0)
