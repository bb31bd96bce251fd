"""Who sends too much over gRPC, or nothing, or what nobody could send, harms nobody."""

from __future__ import annotations

import socket
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc import StatusCode

from classifier.protocols import oip_grpc
from classifier.protocols.oip import InferRequest
from tests.support.grpc_caller import SERVICE, Stalled, call, channel, infer, pixels, refused, send
from tests.support.waiting import until
from tests.support.wire import metric
from tests.web.grpc_server.serving import MODEL, Server, code, memory

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    "data",
    [
        b"\xff" * 100,
        b"\x0a\xff\xff\xff\xff\x7f",
        b"",
        b"\x2a\x00" * 500_000,  # tensors without anything: a hundred bytes each when they are parsed
        b"\x32\x00" * 500_000,
        b"\x22\x00" * 500_000,
        b"\x0b" * 100_000,
        oip_grpc.message("ModelInferRequest", model_name=MODEL, raw_input_contents=[b"x"] * 3).SerializeToString(),
    ],
)
def test_messages_that_are_none_are_refused(server: Server, caller: grpc.Channel, data: bytes) -> None:
    before = memory(server)
    error = refused(lambda: send(caller, f"{SERVICE}ModelInfer", data))
    assert error.code() in (StatusCode.INVALID_ARGUMENT, StatusCode.NOT_FOUND)
    assert memory(server) - before < 30


def test_typed_contents_are_bounded_before_they_take_memory(server: Server, caller: grpc.Channel) -> None:
    before = memory(server)
    request = oip_grpc.message("ModelInferRequest", model_name=MODEL)
    request.inputs.add(name="pixels", datatype="UINT64", shape=[3_000_000]).contents.uint64_contents.extend(
        [1] * 3_000_000
    )
    error = refused(lambda: send(caller, f"{SERVICE}ModelInfer", request))
    assert (error.code(), code(error)) == (StatusCode.INVALID_ARGUMENT, "bad_message")
    assert "raw contents" in error.details()
    assert memory(server) - before < 30


def test_a_message_over_the_limit_is_refused_before_it_comes(server: Server, caller: grpc.Channel) -> None:
    before = memory(server)
    error = refused(lambda: send(caller, f"{SERVICE}ModelInfer", bytes(60_000_000)))
    assert error.code() is StatusCode.RESOURCE_EXHAUSTED
    bomb = caller.unary_unary(f"{SERVICE}ModelInfer")
    error = refused(lambda: bomb(bytes(60_000_000), compression=grpc.Compression.Gzip, timeout=30))
    assert error.code() is StatusCode.RESOURCE_EXHAUSTED
    assert memory(server) - before < 30
    assert call(caller, "ServerLive").live


def test_methods_and_services_that_are_not_there(caller: grpc.Channel) -> None:
    for path in (f"{SERVICE}ModelStreamInfer", "/another.Service/Method", "/"):
        error = refused(lambda path=path: caller.unary_unary(path)(b"", timeout=10))
        assert error.code() is StatusCode.UNIMPLEMENTED
        assert "RepositoryIndex, ModelInfer; grpc.health.v1.Health with Check." in error.details()


@pytest.mark.parametrize("name", ["x" * 100_000, "\N{PANDA FACE}" * 5000])
def test_a_sentence_that_quotes_much_still_arrives(caller: grpc.Channel, name: str) -> None:
    error = refused(lambda: call(caller, "ModelReady", name=name))
    assert (error.code(), code(error)) == (StatusCode.NOT_FOUND, "unknown_model")
    assert error.details().startswith("There is no model named ")
    assert MODEL in error.details()


def test_calls_that_stall_leave_room_for_others(server: Server) -> None:
    """One client opens calls without end and sends nothing; another one, at another address, is served."""
    with channel(server.port) as hostile:
        stalled = [Stalled(hostile) for _ in range(90)]
        try:
            until(lambda: any(one.call.done() for one in stalled))
            refusals = [one.call for one in stalled if one.call.done()]
            assert {one.code() for one in refusals} == {StatusCode.RESOURCE_EXHAUSTED}
            assert infer_from(server.port, "127.0.0.2").outputs[0].shape == (1, 1000)
        finally:
            for one in stalled:
                one.stop()
    until(lambda: not metric(server.address, "classifier_budget_used_bytes"))


def infer_from(port: int, source: str) -> Any:
    """Asks over a connection from another address, which gRPC's client cannot choose: a plain relay does."""
    with Relay(port, source) as relay, channel(relay.port) as connection:
        return infer(connection, MODEL, pixels())


class Relay:
    """Passes one connection on, from another address."""

    def __init__(self, port: int, source: str) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self._target, self._source = ("127.0.0.1", port), source
        self._threads = ThreadPoolExecutor(2)
        self._ends: list[socket.socket] = []

    def __enter__(self) -> Relay:
        self._threads.submit(self._accept)
        return self

    def _accept(self) -> None:
        inner, _ = self._listening.accept()
        outer = socket.create_connection(self._target, source_address=(self._source, 0))
        self._ends += [inner, outer]
        self._threads.submit(self._pass, inner, outer)
        self._pass(outer, inner)

    def _pass(self, one: socket.socket, other: socket.socket) -> None:
        try:
            while data := one.recv(1 << 16):
                other.sendall(data)
        except OSError:
            pass

    def __exit__(self, *_: object) -> None:
        for end in self._ends:
            end.close()
        self._listening.close()
        self._threads.shutdown(wait=False, cancel_futures=True)


def test_connections_that_never_speak_are_closed(server: Server) -> None:
    silent = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(20)]
    garbage = socket.create_connection(("127.0.0.1", server.port))
    garbage.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    try:
        for one in (garbage, *silent):
            one.settimeout(30)
            with suppress(ConnectionError):
                while one.recv(1 << 16):  # gRPC's server speaks first
                    pass
    finally:
        for one in (*silent, garbage):
            one.close()


def test_more_connections_than_there_may_be_leave_descriptors_and_other_clients_alone(server: Server) -> None:
    many = []
    try:
        for _ in range(200):
            many.append(socket.create_connection(("127.0.0.1", server.port)))
        assert open_descriptors_of(server.pid) < 400
        with urllib.request.urlopen(f"{server.address}/readyz", timeout=10) as response:
            assert response.status == 200
        assert infer_from(server.port, "127.0.0.3").outputs
    finally:
        for one in many:
            one.close()


def open_descriptors_of(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def test_who_goes_away_is_not_worked_for(server: Server, caller: grpc.Channel) -> None:
    request = oip_grpc.request_to(MODEL, "", InferRequest([pixels(15)])).SerializeToString()
    calls = [caller.unary_unary(f"{SERVICE}ModelInfer").future(request, timeout=60) for _ in range(8)]
    until(lambda: metric(server.address, "classifier_slots_busy") > 0)
    begin = time.monotonic()
    for one in calls:
        one.cancel()
    until(lambda: metric(server.address, "classifier_slots_busy") == 0)
    until(lambda: metric(server.address, "classifier_budget_used_bytes") == 0)
    assert time.monotonic() - begin < 3  # all of them take 8 x 15 x 10 ms or more


def test_a_deadline_ends_the_work(caller: grpc.Channel) -> None:
    error = refused(lambda: infer(caller, MODEL, pixels(25), timeout=0.05))
    assert error.code() is StatusCode.DEADLINE_EXCEEDED
