"""One hostile client takes the service from nobody else; `python -m benchmarks.hostile` tells how long answers take."""

from __future__ import annotations

import socket
import time
from collections import Counter
from collections.abc import Iterator

import httpx2 as httpx
import pytest

from benchmarks import hostile
from benchmarks.visitor import client, opened
from tests.support.photos import photo
from tests.support.server import started

pytestmark = pytest.mark.slow

PHOTO = photo("bucket.webp").read_bytes()


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with started(tmp_path_factory.mktemp("server") / "log.txt", {"CLASSIFIER_MODEL": "efficientnet-lite0"}) as (_, at):
        hostile.honest(at, PHOTO, 3)
        yield at


@pytest.fixture(autouse=True)
def _quiet(address: str) -> Iterator[None]:
    yield
    with httpx.Client(base_url=address) as http:
        idle(http)


def metrics(http: httpx.Client) -> Counter[str]:
    lines = http.get("/metrics").text.splitlines()
    return Counter(
        {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines if line[0] != "#")}
    )


def idle(http: httpx.Client) -> Counter[str]:
    """The metrics, once nothing is worked on and nothing waits."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        seen = metrics(http)
        if not seen["classifier_slots_busy"] and not seen["classifier_queue_depth"]:
            return seen
        time.sleep(0.05)
    raise AssertionError(seen)


@pytest.mark.alone
@pytest.mark.parametrize("attack", [name for name in hostile.ATTACKS if name != "idle"])
def test_another_client_is_served_beside(address: str, attack: str) -> None:
    with hostile.attacking(attack, hostile.place(address)) as got:
        served = hostile.honest(address, PHOTO, 20)
    assert served.share >= 0.95, (served, got)
    if attack == "slow_pictures":
        assert got["429"] > got["200"], got  # each with Retry-After, or it would count under another name


def test_pictures_of_callers_who_have_gone_are_not_worked_on(address: str) -> None:
    head = f"POST /api/v1/classify HTTP/1.1\r\nHost: a\r\nContent-Length: {len(hostile.SLOW_PICTURE)}\r\n\r\n"
    with client(address) as http:
        before = idle(http)
        callers = []
        for _ in range(12):
            caller = socket.create_connection(hostile.place(address))
            caller.sendall(head.encode() + hostile.SLOW_PICTURE)
            callers.append(caller)
        while not metrics(http)["classifier_queue_depth"]:
            time.sleep(0.01)
        for caller in callers:
            caller.close()
        seen = idle(http)
        seen.subtract(before)
    abandoned = 'classifier_pictures_total{client="api",model="",outcome="abandoned"}'
    assert seen[abandoned] >= 8, seen  # those in the places of one client; the others were refused


def test_a_picture_is_not_worked_on_when_its_tab_has_been_closed(address: str) -> None:
    classified = 'classifier_pictures_total{client="page",model="efficientnet-lite0",outcome="ok"}'
    with client(address) as http:
        before = idle(http)[classified]
        with opened(address) as tab:
            tab.hand_in(hostile.SLOW_PICTURE)
            while not metrics(http)["classifier_slots_busy"]:
                time.sleep(0.01)
        end = time.monotonic() + 4  # twice what the labels would take
        while time.monotonic() < end:
            assert metrics(http)[classified] == before
            time.sleep(0.1)
        assert not idle(http)["classifier_slots_busy"]
