"""A visit has a name that no visitor can choose, and what is worked on for it ends with its WebSocket."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

from starlette.types import Receive, Scope, Send

from classifier.machine.cancellation import Cancellation
from tests.support.loops import run
from web.server.visits import HEADER, Visit, Visits, visit


def test_the_work_of_a_visit_is_called_off_when_it_ends() -> None:
    works: list[Cancellation] = []
    begun: list[AbstractContextManager[Cancellation]] = []
    seen: list[Visit] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        names = [value.decode() for name, value in scope["headers"] if name.decode().lower() == HEADER]
        assert len(names) == 1
        assert names != ["mine"]
        seen.append(visit(names[0]))
        begun.append(seen[0].work())
        works.append(begun[0].__enter__())
        assert not works[0].cancelled

    async def nothing(*_: Any) -> Any:
        raise AssertionError

    scope = {"type": "websocket", "client": ("192.0.2.1", 1), "headers": [(b"X-Visit", b"mine"), (b"host", b"a")]}
    run(Visits(app)(scope, nothing, nothing))
    assert seen[0].client == "192.0.2.1"
    assert works[0].cancelled
    with seen[0].work() as late:
        assert late.cancelled


def test_work_that_is_done_is_forgotten() -> None:
    here = Visit("192.0.2.1")
    with here.work() as done:
        pass
    here.end()
    assert not done.cancelled


def test_who_has_no_visit_is_nobody_in_particular() -> None:
    assert visit(None).client == ""
    assert visit("unknown").client == ""
