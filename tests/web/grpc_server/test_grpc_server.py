"""The gRPC server, from outside: the same scores, limits and errors as over HTTP, and callers who mean harm."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import grpc
import numpy as np
import pytest

from classifier import ModelPackage
from classifier.backends.choice import load_backend
from classifier.backends.remote.addresses import Engine, parsed
from classifier.backends.remote.backend import RemoteBackend
from classifier.errors import ParameterError
from classifier.preprocessing import normalise
from classifier.protocols import oip_grpc
from classifier.protocols.oip import InferRequest, RequestedOutput, Tensor, strings
from classifier.protocols.protobuf import message_class
from tests.support.grpc_caller import HEALTH, SERVICE, Stalled, call, channel, infer, pixels, refused, send
from tests.support.photos import ROOT
from tests.support.server import free_port, started
from tests.support.waiting import until
from tests.support.wire import metric
from web.grpc_server import make_server

pytestmark = pytest.mark.slow

MODEL = "efficientnet-lite0"
SETTINGS = {"CLASSIFIER_MODEL": MODEL, "CLASSIFIER_MAX_BYTES": "4000000"}
PHOTO = (ROOT / "tests/photos/bison.webp").read_bytes()
StatusCode = grpc.StatusCode


class Server(NamedTuple):
    """A server that runs.

    Attributes:
        address: of its page and API.
        port: on which it serves gRPC.
        pid: of its process.
    """

    address: str
    port: int
    pid: int


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The server, with gRPC."""
    port = free_port()
    log = tmp_path_factory.mktemp("grpc") / "log.txt"
    few = "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (1024, 1024))"
    with started(log, {**SETTINGS, "CLASSIFIER_GRPC_PORT": str(port)}, first=few) as (process, address):
        yield Server(address, port, process.pid)
    assert "Traceback" not in log.read_text()


@pytest.fixture
def caller(server: Server) -> Iterator[grpc.Channel]:
    """A connection to it."""
    with channel(server.port) as connection:
        yield connection


def classified(server: Server, data: bytes) -> Any:
    request = urllib.request.Request(
        f"{server.address}/api/v1/classify?top_k=1000", data, {"Content-Type": "image/webp"}
    )
    with urllib.request.urlopen(request, timeout=30) as response:
        return json.load(response)["results"][0]


def memory(server: Server) -> int:
    """MB that the server's process has."""
    status = Path(f"/proc/{server.pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) // 1000


def code(error: grpc.RpcError) -> str:
    return str(dict(error.trailing_metadata() or ()).get(oip_grpc.ERROR_CODE, ""))


def test_it_says_that_it_is_there(caller: grpc.Channel) -> None:
    assert call(caller, "ServerLive").live
    assert call(caller, "ServerReady").ready
    assert call(caller, "ModelReady", name=MODEL, version="1").ready
    health = message_class("grpc.health.v1.HealthCheckRequest")
    assert send(caller, HEALTH, health()).status == 1
    assert send(caller, HEALTH, health(service=oip_grpc.SERVICE)).status == 1
    assert send(caller, HEALTH, health(service="another")).status == 3


def test_its_metadata_are_those_over_http(server: Server, caller: grpc.Channel) -> None:
    with urllib.request.urlopen(f"{server.address}/v2/models/{MODEL}", timeout=10) as response:
        over_http = json.load(response)
    found = oip_grpc.model_metadata_from(call(caller, "ModelMetadata", name=MODEL))
    assert found.platform == over_http["platform"]
    assert [[tensor.name, tensor.datatype, list(tensor.shape)] for tensor in (*found.inputs, *found.outputs)] == [
        [tensor["name"], tensor["datatype"], tensor["shape"]] for tensor in over_http["inputs"] + over_http["outputs"]
    ]
    assert call(caller, "ServerMetadata").name == "image-classifier"


def test_scores_are_those_of_the_api(server: Server, caller: grpc.Channel) -> None:
    found = infer(caller, MODEL, strings("picture", [PHOTO, PHOTO]))
    (tensor,) = found.outputs
    expected = classified(server, PHOTO)["predictions"]
    assert (found.model_name, tensor.name, tensor.shape) == (MODEL, "probabilities", (2, 1000))
    for row in tensor.data:
        assert [row[part["index"]] for part in expected] == pytest.approx(
            [part["score"] for part in expected], abs=1e-6
        )


def test_labels_come_by_the_classification_parameter(server: Server, caller: grpc.Channel) -> None:
    first = classified(server, PHOTO)["predictions"][0]
    output = RequestedOutput("probabilities", {"classification": 2})
    (tensor,) = infer(caller, MODEL, strings("picture", [PHOTO]), output).outputs
    score, index, label = tensor.elements[0].decode().split(":")
    assert (tensor.shape, int(index), label) == ((1, 2), first["index"], first["label"])
    assert float(score) == pytest.approx(first["score"], abs=1e-6)


def test_typed_contents_are_read_like_raw_ones(caller: grpc.Channel) -> None:
    tensor = pixels()
    request = oip_grpc.message("ModelInferRequest", model_name=MODEL)
    typed = request.inputs.add(name="pixels", datatype="UINT8", shape=tensor.shape)
    typed.contents.uint_contents.extend(tensor.data.ravel().tolist())
    found = oip_grpc.response_from(send(caller, f"{SERVICE}ModelInfer", request))
    np.testing.assert_array_equal(found.outputs[0].data, infer(caller, MODEL, tensor).outputs[0].data)


def test_an_unmodified_client_of_triton_is_answered(server: Server) -> None:
    client = pytest.importorskip("tritonclient.grpc", reason="tritonclient is not installed")
    with client.InferenceServerClient(f"127.0.0.1:{server.port}") as triton:
        assert triton.is_server_ready()
        assert triton.is_model_ready(MODEL)
        assert triton.get_model_metadata(MODEL).platform == "image-classifier"
        picture = client.InferInput("picture", [1], "BYTES")
        picture.set_data_from_numpy(np.array([PHOTO], object))
        for compression in (None, "gzip"):
            scores = triton.infer(MODEL, [picture], compression_algorithm=compression).as_numpy("probabilities")[0]
            assert {part["index"]: part["score"] for part in classified(server, PHOTO)["predictions"]} == pytest.approx(
                dict(enumerate(scores.tolist())), abs=1e-6
            )
        with pytest.raises(client.InferenceServerException, match="There is no model"):
            triton.infer("another", [picture])


def test_a_server_whose_model_runs_in_this_one_has_its_scores(server: Server) -> None:
    package = ModelPackage.load(ROOT / "model" / MODEL)
    backend = RemoteBackend(package, Engine((parsed(f"grpc://127.0.0.1:{server.port}"),)))
    try:
        until(lambda: backend.problem is None, 30)
        picture = pixels().data[0]
        local, _ = load_backend(package, "litert", 1)
        expected = local.run(normalise(picture, package.manifest.input)).scores[0]
        np.testing.assert_allclose(backend.run_one(picture).scores[0], expected, rtol=0, atol=1e-4)
        values = normalise(picture, package.manifest.input)
        np.testing.assert_allclose(backend.run(values).scores[0], expected, rtol=0, atol=1e-4)
    finally:
        backend.close()


@pytest.mark.parametrize(
    ("name", "tensor", "status", "said"),
    [
        ("another", pixels(), StatusCode.NOT_FOUND, "unknown_model"),
        (MODEL, pixels(side=100), StatusCode.INVALID_ARGUMENT, "bad_message"),
        (MODEL, Tensor("pixels", np.zeros((0, 224, 224, 3), np.uint8)), StatusCode.INVALID_ARGUMENT, "bad_message"),
        (MODEL, Tensor("pixels", np.zeros((1, 224, 224, 3), np.float32)), StatusCode.INVALID_ARGUMENT, "bad_message"),
        (MODEL, strings("picture", [b"\xff\0 is not a picture"]), StatusCode.INVALID_ARGUMENT, "unsupported_format"),
        (MODEL, strings("picture", [PHOTO[:2000]]), StatusCode.INVALID_ARGUMENT, "broken_image"),
    ],
)
def test_what_cannot_be_answered_gets_the_sentence_of_the_api(
    caller: grpc.Channel, name: str, tensor: Tensor, status: grpc.StatusCode, said: str
) -> None:
    error = refused(lambda: infer(caller, name, tensor))
    assert (error.code(), code(error)) == (status, said)
    assert error.details().endswith(".")


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
        assert refused(lambda path=path: caller.unary_unary(path)(b"", timeout=10)).code() is StatusCode.UNIMPLEMENTED


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


def test_calls_are_counted(server: Server, caller: grpc.Channel) -> None:
    infer(caller, MODEL, pixels())
    labels = f'{{method="gRPC",path="{SERVICE}ModelInfer",status="OK"}}'
    assert metric(server.address, re.escape(f"classifier_requests_total{labels}")) >= 1


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with keys, behind a proxy."""
    folder = tmp_path_factory.mktemp("guarded")
    (folder / "keys").write_text("somebody a-key-of-some-length-0123456789\n")
    port = free_port()
    settings = {
        **SETTINGS,
        "CLASSIFIER_GRPC_PORT": str(port),
        "CLASSIFIER_API_KEYS_FILE": str(folder / "keys"),
        "CLASSIFIER_TRUSTED_PROXIES": "127.0.0.1",
        "CLASSIFIER_QUEUE": "4",
    }
    with started(folder / "log.txt", settings) as (process, address):
        yield Server(address, port, process.pid)


def test_keys_are_asked_for_before_the_message_is_read(guarded: Server) -> None:
    with channel(guarded.port) as caller:
        assert call(caller, "ServerReady").ready
        for method in ("ModelMetadata", "ModelInfer"):
            error = refused(lambda method=method: call(caller, method))
            assert (error.code(), code(error)) == (StatusCode.UNAUTHENTICATED, "unauthorized")
        stalled = Stalled(caller)
        assert refused(stalled.call.result).code() is StatusCode.UNAUTHENTICATED
        for sent in ("Bearer another", "a-key-of-some-length-0123456789", "Bearer a-key-of-some-length-0123456789x"):
            error = refused(lambda sent=sent: infer(caller, MODEL, pixels(), metadata=[("authorization", sent)]))
            assert error.code() is StatusCode.UNAUTHENTICATED
        right = [("authorization", "Bearer a-key-of-some-length-0123456789")]
        assert infer(caller, MODEL, pixels(), metadata=right).outputs
    assert metric(guarded.address, re.escape('classifier_key_requests_total{key="somebody",status="OK"}')) == 1


class Ending(NamedTuple):
    """A server behind a proxy, which a test ends; `folder` is for its temporary files."""

    server: Server
    process: subprocess.Popen[bytes]
    folder: Path


@pytest.fixture(scope="module")
def ending(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ending]:
    """The last two tests have it for themselves."""
    folder, port = tmp_path_factory.mktemp("ending"), free_port()
    settings = {
        **SETTINGS,
        "CLASSIFIER_GRPC_PORT": str(port),
        "CLASSIFIER_TRUSTED_PROXIES": "127.0.0.1",
        "CLASSIFIER_QUEUE": "4",
        "TMPDIR": str(folder),
    }
    with started(folder / "log.txt", settings) as (process, address):
        yield Ending(Server(address, port, process.pid), process, folder)


def test_a_trusted_proxy_says_who_calls(ending: Ending) -> None:
    flood = oip_grpc.request_to(MODEL, "", InferRequest([pixels(15)])).SerializeToString()
    with channel(ending.server.port) as proxy:
        infer(proxy, MODEL, pixels(), metadata=[("x-forwarded-for", "10.0.0.8")])
        method = proxy.unary_unary(f"{SERVICE}ModelInfer")
        calls = [method.future(flood, timeout=60, metadata=[("x-forwarded-for", "10.0.0.9")]) for _ in range(12)]
        honest = infer(proxy, MODEL, pixels(), metadata=[("x-forwarded-for", "10.0.0.8")])
        for one in calls:
            one.cancel() if not one.done() else None
        refusals = {code(one) for one in calls if one.code() is StatusCode.RESOURCE_EXHAUSTED}
    assert honest.outputs
    assert refusals
    assert refusals <= {"client_share", "busy"}


def test_what_was_asked_before_the_end_is_answered_and_nothing_is_left_behind(ending: Ending) -> None:
    assert list(ending.folder.glob("classifier-grpc-*"))
    with channel(ending.server.port) as caller:
        request = oip_grpc.request_to(MODEL, "", InferRequest([pixels(3)])).SerializeToString()
        calls = [caller.unary_unary(f"{SERVICE}ModelInfer").future(request, timeout=30) for _ in range(2)]
        until(lambda: metric(ending.server.address, "classifier_slots_busy") > 0)
        ending.process.send_signal(signal.SIGTERM)
        for one in calls:
            assert len(one.result()) > 3 * 4000
        ending.process.wait(10)
    assert not list(ending.folder.glob("classifier-grpc-*"))


def test_a_port_that_is_taken_is_said_in_one_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ParameterError, match=rf"CLASSIFIER_GRPC_PORT={port}: nothing can listen there: .*in use"):
            asyncio.run(make_server()("127.0.0.1", port))
