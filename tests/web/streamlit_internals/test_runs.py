"""Runs of the page begin a few at a time, each client in turn."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator

import pytest
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from benchmarks.visitor import opened
from classifier.machine.clients import Clients
from tests.support.addresses import ask, rerun, visit
from tests.support.loops import run
from tests.support.server import running
from web.streamlit_internals import runs
from web.streamlit_internals.runs import RunTurns, Turns


def test_who_waits_gets_a_place_in_turn_by_client() -> None:
    async def order() -> str:
        turns, got = Turns(1, Clients()), []
        first = turns.take("first")
        waiting = [(name, turns.take(name)) for name in "aaab"]
        assert first.done()
        turns.release("first")
        for _ in range(4):
            name, place = next((name, place) for name, place in waiting if place.done())
            waiting.remove((name, place))
            got.append(name)
            turns.release(name)
        return "".join(got)

    assert run(order()) == "abaa"


def test_beside_others_a_client_leaves_a_place_free_and_alone_takes_all() -> None:
    async def held() -> list[list[bool]]:
        alone, beside = Turns(3, Clients()), Turns(3, Clients())
        first = [alone.take("a") for _ in range(4)]
        other = beside.take("b")
        second = [beside.take("a") for _ in range(3)]
        return [[place.done() for place in places] for places in (first, [other, *second])]

    assert run(held()) == [[True, True, True, False], [True, True, False, False]]


def test_whoever_stops_waiting_is_passed_over() -> None:
    async def last() -> bool:
        turns = Turns(1, Clients())
        turns.take("a")
        turns.take("b").cancel()
        place = turns.take("c")
        turns.release("a")
        return place.done()

    assert run(last())


def message(**kind: str) -> dict[str, object]:
    asked = BackMsg()
    asked.rerun_script.query_string = kind.get("query", "")
    return {"type": "websocket.receive", "bytes": asked.SerializeToString()}


def finished() -> dict[str, object]:
    return {
        "type": "websocket.send",
        "bytes": ForwardMsg(script_finished=ForwardMsg.FINISHED_SUCCESSFULLY).SerializeToString(),
    }


async def app(scope: object, receive: object, send: object) -> None:
    """Notes what it reads; `"finish"` in it ends the run."""
    while True:
        got = await receive()  # type: ignore[operator]
        scope["seen"].append(got["type"])  # type: ignore[index]
        if got["type"] == "websocket.disconnect":
            return
        if b"finish" in got["bytes"]:
            await send(finished())  # type: ignore[operator]


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


@pytest.mark.parametrize("by", ["its end", "time", "the visitor's leaving"])
def test_a_run_waits_until_the_one_before_gives_its_place_up(monkeypatch: pytest.MonkeyPatch, by: str) -> None:
    monkeypatch.setattr(runs, "LONGEST", 0.2 if by == "time" else 60)

    async def seen() -> tuple[int, int]:
        turns = RunTurns(app, lambda: 1, Clients())
        queues: list[asyncio.Queue[dict[str, object]]] = [asyncio.Queue(), asyncio.Queue()]
        scopes = [{"type": "websocket", "client": (f"192.0.2.{n}", 1), "seen": []} for n in (1, 2)]

        async def send(_: object) -> None:
            pass

        tasks = [
            asyncio.ensure_future(turns(scope, queue.get, send)) for scope, queue in zip(scopes, queues, strict=True)
        ]
        for queue in queues:
            queue.put_nowait(message())
            await settle()
        before = len(scopes[1]["seen"])
        if by == "its end":
            queues[0].put_nowait(message(query="finish"))
        elif by == "the visitor's leaving":
            queues[0].put_nowait({"type": "websocket.disconnect"})
        await asyncio.sleep(0.4)
        after = len(scopes[1]["seen"])
        for queue in queues:
            queue.put_nowait({"type": "websocket.disconnect"})
        await asyncio.wait(tasks, timeout=5)
        return before, after

    assert run(seen()) == (0, 1)


def test_who_leaves_while_waiting_starts_no_run() -> None:
    async def seen() -> list[object]:
        turns = RunTurns(app, lambda: 1, Clients())
        queues: list[asyncio.Queue[dict[str, object]]] = [asyncio.Queue(), asyncio.Queue()]
        scopes = [{"type": "websocket", "client": ("192.0.2.1", 1), "seen": []} for _ in queues]

        async def send(_: object) -> None:
            pass

        tasks = [
            asyncio.ensure_future(turns(scope, queue.get, send)) for scope, queue in zip(scopes, queues, strict=True)
        ]
        for queue in queues:
            queue.put_nowait(message())
            await settle()
        for queue in reversed(queues):
            queue.put_nowait({"type": "websocket.disconnect"})
        await asyncio.wait(tasks, timeout=5)
        return list(scopes[1]["seen"])

    assert run(seen()) == ["websocket.disconnect"]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running(tmp_path_factory.mktemp("runs") / "log.txt") as address:
        yield address


@pytest.mark.slow
@pytest.mark.alone
def test_pages_that_are_run_without_pause_leave_others_theirs(server: str) -> None:
    pages = [visit(server, "127.0.0.2")[0] for _ in range(40)]
    over = threading.Event()

    def flood(number: int) -> None:
        for page in pages[number::4]:
            page.setblocking(False)
        while not over.wait(0.2):
            for page in pages[number::4]:
                try:
                    page.send(rerun())
                    while page.recv(1 << 16):
                        pass
                except BlockingIOError:
                    pass
                except OSError:
                    return

    floods = [threading.Thread(target=flood, args=(number,)) for number in range(4)]
    for thread in floods:
        thread.start()
    try:
        time.sleep(2)
        slowest = 0.0
        for _ in range(5):
            begin = time.monotonic()
            assert ask(server, "127.0.0.1").status == 200
            health = time.monotonic() - begin
            with opened(server) as tab:
                assert tab.elements
            slowest = max(slowest, time.monotonic() - begin)
            assert health < 2
        assert slowest < 5  # it was never drawn
    finally:
        over.set()
        for thread in floods:
            thread.join()
        for page in pages:
            page.close()
