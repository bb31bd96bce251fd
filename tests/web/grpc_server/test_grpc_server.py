"""The gRPC server, from outside: the same scores, limits and errors as over HTTP, and callers who mean harm."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import grpc
import numpy as np
import pytest
from grpc import StatusCode

from classifier import ModelPackage
from classifier.backends.choice import load_backend
from classifier.backends.remote.addresses import Engine, parsed
from classifier.backends.remote.backend import RemoteBackend
from classifier.errors import ParameterError
from classifier.preprocessing import normalise
from classifier.protocols import oip_grpc
from classifier.protocols.oip import InferRequest, RequestedOutput, Tensor, strings
from classifier.protocols.protobuf import message_class
from tests.support import loops
from tests.support.grpc_caller import HEALTH, SERVICE, Stalled, call, channel, infer, pixels, refused, send
from tests.support.photos import ROOT
from tests.support.server import free_port, started
from tests.support.waiting import until
from tests.support.wire import metric
from tests.web.grpc_server.serving import MODEL, PHOTO, SETTINGS, Server, classified, code
from web.grpc_server import make_server

pytestmark = pytest.mark.slow


def test_it_says_that_it_is_there(caller: grpc.Channel) -> None:
    assert call(caller, "ServerLive").live
    assert call(caller, "ServerReady").ready
    assert call(caller, "ModelReady", name=MODEL, version="1").ready
    health = message_class("grpc.health.v1.HealthCheckRequest")
    assert send(caller, HEALTH, health()).status == 1
    assert send(caller, HEALTH, health(service=oip_grpc.SERVICE)).status == 1
    assert refused(lambda: send(caller, HEALTH, health(service="another"))).code() is StatusCode.NOT_FOUND


def test_its_metadata_are_those_over_http(server: Server, caller: grpc.Channel) -> None:
    with urllib.request.urlopen(f"{server.address}/v2/models/{MODEL}", timeout=10) as response:
        over_http = json.load(response)
    found = oip_grpc.model_metadata_from(call(caller, "ModelMetadata", name=MODEL))
    assert found.platform == over_http["platform"]
    assert [[tensor.name, tensor.datatype, list(tensor.shape)] for tensor in (*found.inputs, *found.outputs)] == [
        [tensor["name"], tensor["datatype"], tensor["shape"]] for tensor in over_http["inputs"] + over_http["outputs"]
    ]
    assert call(caller, "ServerMetadata").name == "image-classifier"


def test_its_models_are_those_over_http(server: Server, caller: grpc.Channel) -> None:
    with urllib.request.urlopen(f"{server.address}/v2/repository/index", b"", timeout=10) as response:
        over_http = json.load(response)
    found = call(caller, "RepositoryIndex", ready=True).models
    assert [{"name": one.name, "version": one.version, "state": one.state, "reason": one.reason} for one in found] == (
        over_http
    )
    assert MODEL in [one.name for one in found]


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
        (
            MODEL,
            Tensor("pixels", np.zeros((0, 224, 224, 3), np.uint8)),
            StatusCode.INVALID_ARGUMENT,
            "bad_message",
        ),
        (
            MODEL,
            Tensor("pixels", np.zeros((1, 224, 224, 3), np.float32)),
            StatusCode.INVALID_ARGUMENT,
            "bad_message",
        ),
        (
            MODEL,
            strings("picture", [b"\xff\0 is not a picture"]),
            StatusCode.INVALID_ARGUMENT,
            "unsupported_format",
        ),
        (MODEL, strings("picture", [PHOTO[:2000]]), StatusCode.INVALID_ARGUMENT, "broken_image"),
    ],
)
def test_what_cannot_be_answered_gets_the_sentence_of_the_api(
    caller: grpc.Channel, name: str, tensor: Tensor, status: grpc.StatusCode, said: str
) -> None:
    error = refused(lambda: infer(caller, name, tensor))
    assert (error.code(), code(error)) == (status, said)
    assert error.details().endswith(".")


@pytest.mark.parametrize("tensor", [strings("picture", [PHOTO], (1, 1)), strings("picture", [PHOTO])])
def test_a_picture_may_have_a_row_of_its_own(caller: grpc.Channel, tensor: Tensor) -> None:
    """As MLServer's codecs send it."""
    assert infer(caller, MODEL, tensor).outputs[0].shape == (1, 1000)


def test_shared_memory_is_said_not_to_be_there(caller: grpc.Channel) -> None:
    request = oip_grpc.message("ModelInferRequest", model_name=MODEL)
    tensor = request.inputs.add(name="picture", datatype="BYTES", shape=[1])
    tensor.parameters["shared_memory_region"].string_param = "a"
    error = refused(lambda: send(caller, f"{SERVICE}ModelInfer", request))
    assert (error.code(), code(error)) == (StatusCode.INVALID_ARGUMENT, "bad_message")
    assert "shared memory" in error.details()


def test_a_client_may_keep_its_connection_open_by_pings(server: Server) -> None:
    """Four of them, since by itself gRPC's server ends the connection after the third."""
    pings = {"grpc.keepalive_time_ms": 5_500, "grpc.keepalive_permit_without_calls": 1}
    seen: list[grpc.ChannelConnectivity] = []
    with channel(server.port, **pings, **{"grpc.http2.max_pings_without_data": 0}) as caller:
        assert call(caller, "ServerLive").live
        caller.subscribe(seen.append)
        time.sleep(4 * 5.5 + 1)
        assert call(caller, "ServerLive").live
    assert set(seen) <= {grpc.ChannelConnectivity.READY, grpc.ChannelConnectivity.SHUTDOWN}


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
    with channel(ending.server.port) as caller, ThreadPoolExecutor(10) as others:
        asking = [others.submit(_ask_until_refused, ending.server.port) for _ in range(10)]
        request = oip_grpc.request_to(MODEL, "", InferRequest([pixels(3)])).SerializeToString()
        calls = [caller.unary_unary(f"{SERVICE}ModelInfer").future(request, timeout=30) for _ in range(2)]
        until(lambda: metric(ending.server.address, "classifier_slots_busy") > 0)
        ending.process.send_signal(signal.SIGTERM)
        for one in calls:
            assert len(one.result()) > 3 * 4000
        ending.process.wait(10)
        # Which is what a client says of a call that reached no server; where another one listens, it goes there.
        assert {one.result() for one in asking} == {StatusCode.UNAVAILABLE}
    assert not list(ending.folder.glob("classifier-grpc-*"))


def _ask_until_refused(port: int) -> StatusCode:
    with channel(port) as caller:
        while True:
            try:
                call(caller, "ServerLive")
            except grpc.RpcError as error:
                return error.code()


def test_a_port_that_is_taken_is_said_in_one_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ParameterError, match=rf"CLASSIFIER_GRPC_PORT={port}: nothing can listen there: .*in use"):
            loops.run(make_server()("127.0.0.1", port))
