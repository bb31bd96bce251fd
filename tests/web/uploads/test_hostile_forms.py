"""Forms made to cost time, sent to a real server by one address while another asks for something."""

from __future__ import annotations

import http.client
import os
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.support.photos import photo
from tests.support.server import running
from tests.support.wire import BOUNDARY, FORM, form, post

pytestmark = [pytest.mark.slow, pytest.mark.alone]

SIZE = 10_000_000
START = form(b"").partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
SHORT = "multipart/form-data; boundary=x"
ATTACKS = {
    "lines that begin with the boundary": (FORM, form(f"\r\n--{BOUNDARY}X".encode() * (SIZE // 9))),
    "a boundary of one character": (SHORT, form(b"\r\n--x\r" * (SIZE // 6)).replace(BOUNDARY.encode(), b"x")),
    "blanks after a boundary": (FORM, START + f"\r\n--{BOUNDARY}".encode() + b" " * SIZE),
    "ampersands": ("application/x-www-form-urlencoded", b"&" * SIZE),
    "many headers of semicolons": (FORM, START.replace(b'"0"', b'"' + b";" * 4000 + b'"') * 1000),
}


@contextmanager
def asking(address: str) -> Iterator[list[float]]:
    """How many seconds each answer took that another address got meanwhile."""
    times: list[float] = []
    over = threading.Event()

    def ask() -> None:
        url = urlsplit(address)
        while not over.is_set():
            start = time.monotonic()
            connection = http.client.HTTPConnection(
                str(url.hostname), url.port, timeout=60, source_address=("127.0.0.2", 0)
            )
            connection.request("GET", "/healthz")
            assert connection.getresponse().status == 200
            connection.close()
            times.append(time.monotonic() - start)
            time.sleep(0.005)

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield times
    finally:
        over.set()
        thread.join()


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    log: Path = tmp_path_factory.mktemp("server") / "log.txt"
    with running(log) as address:
        yield address
    assert "Traceback" not in log.read_text()


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_form_made_to_cost_time_takes_little_more_than_a_plain_one(address: str, attack: str) -> None:
    kind, body = ATTACKS[attack]
    plain = form(os.urandom(SIZE))
    seconds: dict[str, list[float]] = {"plain": [], attack: []}
    worst: dict[str, list[float]] = {"plain": [], attack: []}
    for _ in range(3):
        for name, (kind_, body_) in {"plain": (FORM, plain), attack: (kind, body)}.items():
            with asking(address) as times:
                start = time.monotonic()
                assert post(address, body_, Content_Type=kind_).status in (400, 415)
                seconds[name].append(time.monotonic() - start)
            worst[name].append(max(times))
    assert min(seconds[attack]) < 6 * min(seconds["plain"])  # before: up to 40 times
    assert min(worst[attack]) < 6 * min(worst["plain"]) + 0.05


def test_spoilt_forms_are_never_an_error_of_the_server(address: str) -> None:
    dice = random.Random(16)
    whole = form(photo("panda.webp").read_bytes()[:300], b"x")
    for _ in range(150):
        data = bytearray(whole)
        for _ in range(dice.randrange(1, 6)):
            at = dice.randrange(len(data))
            data[at : at + dice.randrange(4)] = dice.choice([b"\r\n", b"--", BOUNDARY.encode(), b'"', b";", b"\0"])
        assert post(address, bytes(data), Content_Type=FORM).status in (200, 400, 413, 415, 422)
