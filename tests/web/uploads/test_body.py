"""The body of a request: how large it may be, and how long the rest of it is waited for."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from starlette.testclient import TestClient
from starlette.types import Message, Receive, Scope, Send

from classifier.errors import BusyError
from tests.support.api import classify, problem
from web import models as registry
from web.errors import TooMuchSentError
from web.uploads import body
from web.uploads.body import BodyLimit
from web.uploads.budget import Budget


def test_too_many_bytes(client: TestClient) -> None:
    limit = registry.models().plan.max_bytes
    problem(classify(client, b"\xff\xd8\xff" + b"x" * limit), 413, "too_many_bytes")
    half = b"\xff\xd8\xff" + b"x" * (limit // 2)
    problem(classify(client, half, half), 413, "request_too_large")
    problem(client.post("/api/v1/classify", content=b"x" * (limit + 1)), 413, "too_many_bytes")


def test_too_many_bytes_without_an_announced_length(client: TestClient) -> None:
    def endless() -> Iterator[bytes]:
        sent = 0
        while sent < 3 * registry.models().plan.max_bytes:
            sent += 1_000_000
            yield b"x" * 1_000_000

    problem(client.post("/api/v1/classify", content=endless()), 413, "request_too_large")


def test_who_has_sent_everything_may_wait_for_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body, "IDLE_SECONDS", 0.01)
    parts: list[Message] = [{"type": "http.request", "body": b"x"}]
    asked: list[str] = []

    async def receive() -> Message:
        if parts:
            return parts.pop()
        await asyncio.sleep(0.05)
        return {"type": "http.disconnect"}

    async def send(_: Message) -> None:
        raise AssertionError("nothing is to be answered")

    async def app(_: Scope, receive: Receive, __: Send) -> None:
        asked.extend([(await receive())["type"], (await receive())["type"]])

    limited = BodyLimit(app, lambda: 10, lambda: (Budget(10, TooMuchSentError),))
    with ThreadPoolExecutor(1) as thread:  # Playwright's loop may run in this one
        thread.submit(asyncio.run, limited({"type": "http", "headers": []}, receive, send)).result(10)
    assert asked == ["http.request", "http.disconnect"]


def test_a_body_that_is_not_admitted_is_answered_without_being_read() -> None:
    sent: list[Message] = []

    async def receive() -> Message:
        raise AssertionError("nothing is to be read")

    async def send(message: Message) -> None:
        sent.append(message)

    async def app(_: Scope, __: Receive, ___: Send) -> None:
        raise AssertionError("nothing is to be done")

    def admit(scope: Scope) -> None:
        assert scope["client"] == ("192.0.2.7", 1)
        raise BusyError

    limited = BodyLimit(app, lambda: 10, lambda: (Budget(10, TooMuchSentError),), admit)
    scope = {"type": "http", "headers": [(b"content-length", b"5")], "client": ("192.0.2.7", 1), "path": "/"}
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, limited(scope, receive, send)).result(10)
    assert sent[0]["status"] == 503
    assert (b"retry-after", b"1") in sent[0]["headers"]


def test_a_body_of_single_bytes_takes_no_more_memory_than_its_length() -> None:
    parts: list[Message] = [{"type": "http.request", "body": b"x", "more_body": True}] * 50_000
    parts.append({"type": "http.request", "body": b"", "more_body": False})
    sent, pieces = iter(parts), list[int]()

    async def receive() -> Message:
        return next(sent)

    async def send(_: Message) -> None:
        raise AssertionError("nothing is to be answered")

    async def app(_: Scope, receive: Receive, __: Send) -> None:
        more = True
        while more:
            message = await receive()
            pieces.append(len(message["body"]))
            more = message["more_body"]

    budget = Budget(50_000, TooMuchSentError)
    limited = BodyLimit(app, lambda: 50_000, lambda: (budget,))
    with ThreadPoolExecutor(1) as thread:  # Playwright's loop may run in this one
        thread.submit(asyncio.run, limited({"type": "http", "headers": []}, receive, send)).result(30)
    assert sum(pieces) == 50_000
    assert len(pieces) < 10
    assert budget.reserved == 0
