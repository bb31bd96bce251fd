"""The remote backend where an engine has several addresses, or a name: nobody waits for one of them in vain."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from numpy.typing import NDArray

from classifier.backends.remote import address, balancer
from classifier.backends.remote.addresses import EngineUrl
from classifier.errors import EngineUnavailableError
from classifier.package import ModelPackage
from tests.support.engine import Connect, Engine, Handler, engine
from tests.support.waiting import until


def test_addresses_share_what_is_to_be_done(
    server: Engine, connect: Connect, pixels: NDArray[Any], package: ModelPackage
) -> None:
    with engine(package) as other:
        backend = connect(server.url, other.url)
        until(lambda: len(backend._balancer.usable) == 2)
        server.metadata["inputs"][0]["shape"][0] = 1
        server.seconds = other.seconds = 0.05
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda _: backend.run_one(pixels), range(20)))
        assert min(sum(server.batches), sum(other.batches)) >= 5


def test_another_address_takes_over_and_nothing_fails(
    server: Engine,
    connect: Connect,
    pixels: NDArray[Any],
    package: ModelPackage,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with engine(package) as other:
        backend = connect(server.url, other.url)
        until(lambda: len(backend._balancer.usable) == 2)
        for _ in range(3):
            backend.run_one(pixels)
    for _ in range(20):  # the other one has gone
        backend.run_one(pixels)
    until(lambda: len(backend._balancer.usable) == 1)
    until(lambda: bool(caplog.messages))
    assert f"cifar10: {other.url} at 127.0.0.1 is left out: the connection is refused" in caplog.text
    assert backend.problem is None


def test_a_name_is_resolved_anew(
    server: Engine, connect: Connect, pixels: NDArray[Any], package: ModelPackage, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = server.server_address[1]
    found = ["127.0.0.1"]
    monkeypatch.setattr(balancer, "_RESOLVE_SECONDS", 0.05)
    monkeypatch.setattr(balancer, "_ips", lambda url: list(found))
    backend = connect(f"http://engine.test:{port}")
    backend.run_one(pixels)
    with engine(package, port, "127.0.0.2") as other:
        found[:] = ["127.0.0.2"]
        until(lambda: [one.key[-1] for one in backend._balancer.usable] == ["127.0.0.2"])
        backend.run_one(pixels)
        assert other.batches == [1]
        assert other.seen["Host"] == f"engine.test:{port}"


def test_a_name_that_does_not_exist_is_a_sentence(connect: Connect, pixels: NDArray[Any]) -> None:
    with pytest.raises(EngineUnavailableError, match="its name cannot be resolved"):
        connect("http://engine.invalid:8000").run_one(pixels)


def test_a_name_that_is_not_resolved_for_long_keeps_nobody_waiting(
    server: Engine, connect: Connect, pixels: NDArray[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    resolved = threading.Event()

    def ips(url: EngineUrl) -> list[str]:
        if url.host == "slow.test":
            assert resolved.wait(20)
            raise OSError("no such name")
        return [url.host]

    monkeypatch.setattr(balancer, "_ips", ips)
    try:
        start = time.monotonic()
        connect("http://slow.test:8000", server.url).run_one(pixels)
        assert time.monotonic() - start < 3
    finally:
        resolved.set()


@contextmanager
def hanging(server: Engine) -> Iterator[None]:
    """An engine that takes requests and answers none of them."""
    awake = threading.Event()
    server.fault = lambda _: not awake.wait(20)
    try:
        yield
    finally:
        server.fault = None
        awake.set()


def test_what_waits_for_an_address_that_hangs_is_done_by_another(
    server: Engine, connect: Connect, pixels: NDArray[Any], package: ModelPackage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(address, "_QUIET_SECONDS", 0.1)
    monkeypatch.setattr(address, "_PROBE_SECONDS", 0.5)
    with engine(package) as other:
        backend = connect(server.url, other.url, timeout=20)
        until(lambda: len(backend._balancer.usable) == 2)
        backend.run_one(pixels)
        with hanging(server), ThreadPoolExecutor(4) as pool:
            start = time.monotonic()
            list(pool.map(lambda _: backend.run_one(pixels), range(12)))
            assert time.monotonic() - start < 10
            assert len(backend._balancer.usable) == 1
        until(lambda: len(backend._balancer.usable) == 2)


def test_one_that_works_for_long_is_not_taken_for_one_that_hangs(
    server: Engine, connect: Connect, pixels: NDArray[Any], package: ModelPackage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(address, "_QUIET_SECONDS", 0.05)
    with engine(package) as other:
        backend = connect(server.url, other.url)
        until(lambda: len(backend._balancer.usable) == 2)
        server.seconds = other.seconds = 1.0
        backend.run_one(pixels)
        assert sorted(server.batches + other.batches) == [1]
        assert server.paths["/v2/models/cifar10/ready"] + other.paths["/v2/models/cifar10/ready"] > 3


def test_engines_that_say_nothing_while_their_model_runs_are_soon_known_as_such(
    server: Engine, connect: Connect, pixels: NDArray[Any], package: ModelPackage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(address, "_QUIET_SECONDS", 0.05)
    monkeypatch.setattr(address, "_PROBE_SECONDS", 0.2)
    with engine(package) as other:
        backend = connect(server.url, other.url, timeout=20)
        until(lambda: len(backend._balancer.usable) == 2)
        for one in (server, other):
            one.seconds, one.fault = 0.6, _one_at_a_time()
        backend.run_one(pixels)
        until(lambda: len(backend._balancer.usable) == 2)
        server.batches, other.batches = [], []
        for _ in range(3):
            backend.run_one(pixels)
        assert len(server.batches + other.batches) <= 4


def _one_at_a_time() -> Callable[[Handler], bool]:
    """Does nothing else while it does something."""
    lock = threading.Lock()

    def fault(handler: Handler) -> bool:
        with lock:
            if handler.command == "POST":
                handler._oip()
                return True
        return False

    return fault


REFUSALS: dict[str, Callable[[Handler], bool]] = {
    "too much to do": lambda handler: handler.answer(b"", 429),
    "its model is gone": lambda handler: handler.answer(b"", 404),
    "a token that is not known there": lambda handler: handler.answer(b"", 401),
    "another model": lambda handler: handler.answer(b"", 400),
    "broken": lambda handler: handler.answer(b"", 500),
}


@pytest.mark.parametrize("refusal", REFUSALS)
def test_what_one_address_does_not_do_another_does(
    server: Engine, connect: Connect, pixels: NDArray[Any], package: ModelPackage, refusal: str
) -> None:
    with engine(package) as other:
        backend = connect(server.url, other.url)
        until(lambda: len(backend._balancer.usable) == 2)
        server.fault = lambda handler: handler.command == "POST" and REFUSALS[refusal](handler)
        for _ in range(4):
            backend.run_one(pixels)
        assert len(other.batches) == 4
