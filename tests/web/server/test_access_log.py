"""The access log: one line a request, in a form that programs read, which gives nothing away."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import grpc
import httpx2 as httpx
import pytest
from websockets.sync.client import connect
from websockets.typing import Origin

from classifier.checkout import ROOT
from tests.support.photos import photo
from tests.support.server import free_port, running
from tests.support.waiting import until
from web.server import access_log
from web.server.access_log import Entry, combined

PANDA = photo("panda.webp").read_bytes()
SECRET = "not-for-the-log"
COMBINED = re.compile(
    r'(\S+) - (\S+) \[\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d \+0000\] "([^"]*)" (\d{3}) (\d+|-) "([^"]*)" "([^"]*)"'
)


class Logged:
    """A server that writes its log as JSON, trusts a proxy and asks for keys."""

    def __init__(self, address: str, grpc_port: int, log: Path) -> None:
        self.address = address
        self.grpc_port = grpc_port
        self.log = log

    def lines(self, agent: str) -> list[dict[str, Any]]:
        """The lines of the requests that one program has made."""
        found = [json.loads(line) for line in self.log.read_text("utf-8").splitlines() if line.startswith("{")]
        return [line for line in found if agent in line["user_agent"]]

    def line(self, agent: str) -> dict[str, Any]:
        until(lambda: bool(self.lines(agent)))
        (line,) = self.lines(agent)
        return line


@pytest.fixture(scope="module")
def logged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Logged]:
    folder = tmp_path_factory.mktemp("access")
    keys = folder / "keys"
    keys.write_text(f"somebody {SECRET}-0123456789abcdef0123456789\n", "utf-8")
    port = free_port()
    settings = {
        "CLASSIFIER_ACCESS_LOG": "json",
        "CLASSIFIER_API_KEYS_FILE": str(keys),
        "CLASSIFIER_TRUSTED_PROXIES": "127.0.0.1",
        "CLASSIFIER_GRPC_PORT": str(port),
    }
    with running(folder / "log", settings) as address:
        yield Logged(address, port, folder / "log")


def test_a_request_has_one_line_with_who_asked_what_and_what_came_of_it(logged: Logged) -> None:
    headers = {
        "Authorization": f"Bearer {SECRET}-0123456789abcdef0123456789",
        "User-Agent": "one",
        "Referer": f"https://other.example/page?token={SECRET}#{SECRET}",
        "X-Forwarded-For": "203.0.113.9, 2001:db8::1:2",
        "Content-Type": "image/webp",
        "Cookie": f"session={SECRET}",
    }
    answer = httpx.post(f"{logged.address}/api/v1/classify?lang=zh&password={SECRET}", content=PANDA, headers=headers)
    assert answer.status_code == 200
    line = logged.line("one")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line.pop("time"))
    assert line.pop("duration_ms") > 1
    assert line == {
        "client": "2001:db8::1:2",
        "status": 200,
        "bytes": int(answer.headers["Content-Length"]),
        "key": "somebody",
        "method": "POST",
        "path": "/api/v1/classify",
        "protocol": "HTTP/1.1",
        "referer": "https://other.example/page",
        "user_agent": "one",
    }
    assert SECRET not in logged.log.read_text("utf-8")


def test_what_is_refused_has_its_line_too(logged: Logged) -> None:
    httpx.get(f"{logged.address}/api/v1/models", headers={"User-Agent": "no-key"})
    httpx.head(f"{logged.address}/nothing%20here", headers={"User-Agent": "none"})
    assert (logged.line("no-key")["status"], logged.line("no-key")["key"]) == (401, "")
    assert [logged.line("none")[name] for name in ("path", "status", "bytes")] == ["/nothing%20here", 200, 0]
    place = urlsplit(logged.address)
    with socket.create_connection((place.hostname, place.port), source_address=("127.0.0.3", 0)) as connection:
        connection.sendall(b"no HTTP at all\r\n\r\n")
        assert b" 400 " in connection.recv(1000)
    until(lambda: any(line["client"] == "127.0.0.3" for line in logged.lines("")))
    last = [line for line in logged.lines("") if line["client"] == "127.0.0.3"]
    assert [(line["method"], line["status"]) for line in last] == [("", 400)]


def test_a_visit_has_a_line_without_its_name_when_it_ends(logged: Logged) -> None:
    place = urlsplit(logged.address)
    with connect(
        f"ws://{place.netloc}/_stcore/stream?{SECRET}", user_agent_header="visitor", origin=Origin(logged.address)
    ):
        time.sleep(0.5)
        assert not logged.lines("visitor")
    line = logged.line("visitor")
    assert (line["method"], line["path"], line["status"]) == ("GET", "/_stcore/stream", 101)
    for path in (f"/_stcore/upload_file/{SECRET}/{SECRET}", f"/media/{SECRET}.jpg"):
        httpx.get(f"{logged.address}{path}", headers={"User-Agent": path[:6]})
        assert logged.line(path[:6])["path"] == f"{path.partition(SECRET)[0]}..."
    assert SECRET not in logged.log.read_text("utf-8")


def test_calls_over_grpc_have_lines_of_the_same_kind(logged: Logged) -> None:
    path = "/inference.GRPCInferenceService/ServerLive"
    options = [("grpc.primary_user_agent", "by-grpc")]
    with grpc.insecure_channel(f"127.0.0.1:{logged.grpc_port}", options) as channel:
        channel.unary_unary(path)(b"", timeout=20, metadata=[("x-forwarded-for", "198.51.100.7")])
    line = logged.line("by-grpc")
    assert (line["client"], line["method"], line["path"]) == ("198.51.100.7", "POST", path)
    assert (line["protocol"], line["status"]) == ("HTTP/2.0", 200)


def test_a_caller_cannot_write_lines_of_its_own() -> None:
    agent = 'x" 200 1 "\n127.0.0.1 - - [now] "GET /\x1b[2J\\\xe9'
    line = combined(Entry(1764170000.5, "::1", 400, 0, 'me "x"', "GET", '/"\r\n', "HTTP/1.1", 2, "", agent))
    match = COMBINED.fullmatch(line)
    assert match
    assert line.isascii()
    assert line.isprintable()
    assert match.groups()[:6] == ("::1", "me\\x20\\x22x\\x22", "GET /\\x22\\x0d\\x0a HTTP/1.1", "400", "-", "-")
    assert match[7].startswith("x\\x22 200 1 \\x22\\x0a127.0.0.1")
    assert COMBINED.fullmatch(combined(Entry(0, "", 503, 0)))


def test_there_is_no_log_unless_a_setting_asks_for_one() -> None:
    code = "from web.app import middleware; print([one.cls.__name__ for one in middleware])"
    for value, wanted in (("", False), ("off", False), ("combined", True)):
        environment = {"PATH": "/usr/bin", "PYTHONPATH": str(ROOT), access_log.VARIABLE: value}
        said = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
        assert ("AccessLog" in said.stdout) is wanted
