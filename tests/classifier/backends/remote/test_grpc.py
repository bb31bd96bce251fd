"""The transports over gRPC, against gRPC servers that answer as engines do, and that fail in many ways."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import numpy as np
import pytest

from classifier.backends.remote.addresses import parsed
from classifier.backends.remote.deadline import Deadline
from classifier.backends.remote.oip_grpc import OipGrpc
from classifier.backends.remote.tfs_grpc import TfsGrpc
from classifier.backends.remote.transport import (
    BadAnswerError,
    BrokenEngineError,
    EngineFailure,
    OverloadedError,
    RefusalError,
    Target,
    UnreachableError,
)
from classifier.protocols import oip_grpc, tensorflow_serving
from classifier.protocols.oip import InferResponse, ModelMetadata, Tensor, TensorMetadata
from classifier.protocols.protobuf import message_class

OIP = f"/{oip_grpc.SERVICE}/"
BATCH = np.arange(12, dtype=np.float32).reshape(2, 6)
SCORES = BATCH[:, :3] * 2


class Engine(grpc.GenericRpcHandler):  # type: ignore[misc]  # has no types
    """An engine in this process.

    Attributes:
        answers: a function from the request's bytes to the answer's, by the method's path.
        fault: raises, waits or answers in place of all of them; None for none.
        seen: metadata of the last call.
    """

    def __init__(self) -> None:
        self.answers: dict[str, Callable[[bytes], bytes]] = {}
        self.fault: Callable[[grpc.ServicerContext], bytes] | None = None
        self.seen: dict[str, str] = {}
        self.server: Any = None
        self.port = self.start(0)

    def start(self, port: int) -> int:
        """Begins to serve."""
        self.server = grpc.server(ThreadPoolExecutor(4), (self,), options=[("grpc.so_reuseport", 0)])
        found = self.server.add_insecure_port(f"127.0.0.1:{port}")
        self.server.start()
        return int(found)

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler | None:
        answer = self.answers.get(details.method)
        if answer is None:
            return None

        def handle(request: bytes, context: grpc.ServicerContext) -> bytes:
            self.seen = dict(context.invocation_metadata())
            return self.fault(context) if self.fault else answer(request)

        return grpc.unary_unary_rpc_method_handler(handle)


@pytest.fixture
def engine() -> Iterator[Engine]:
    engine = Engine()
    yield engine
    engine.server.stop(0)


def target(port: int, token: str = "") -> Target:
    return Target(parsed(f"grpc://localhost:{port}/m"), "127.0.0.1", "m", lambda: token)


@pytest.fixture
def oip_engine(engine: Engine) -> Iterator[tuple[Engine, OipGrpc]]:
    metadata = ModelMetadata(
        "m", "p", (TensorMetadata("in", "FP32", (-1, 6)),), (TensorMetadata("out", "BYTES", (-1,)),)
    )

    def infer(data: bytes) -> bytes:
        request = message_class("inference.ModelInferRequest").FromString(data)
        (tensor,) = oip_grpc.request_from(request).inputs
        assert [output.name for output in request.outputs] == ["out"]
        answer = InferResponse("m", [Tensor("out", tensor.data[:, :3] * 2)])
        return bytes(oip_grpc.response_to(answer).SerializeToString())

    engine.answers = {
        f"{OIP}ModelReady": lambda _: b"\x08\x01",
        f"{OIP}ModelMetadata": lambda _: oip_grpc.model_metadata_to(metadata).SerializeToString(),
        f"{OIP}ModelInfer": infer,
    }
    transport = OipGrpc(target(engine.port, "a-token"))
    yield engine, transport
    transport.close()


def soon(seconds: float = 10) -> Deadline:
    return Deadline.after(seconds)


def test_the_open_inference_protocol(oip_engine: tuple[Engine, OipGrpc]) -> None:
    engine, transport = oip_engine
    transport.ready(soon())
    found = transport.metadata(soon())
    assert (found.platform, found.inputs[0].shape, found.inputs[0].dtype) == ("p", (-1, 6), np.dtype(np.float32))
    assert found.outputs[0].dtype is None
    np.testing.assert_array_equal(transport.infer({"in": BATCH}, ["out"], soon())["out"], SCORES)
    assert engine.seen["authorization"] == "Bearer a-token"


def test_a_model_that_is_not_ready(oip_engine: tuple[Engine, OipGrpc]) -> None:
    engine, transport = oip_engine
    engine.answers[f"{OIP}ModelReady"] = lambda _: b""
    with pytest.raises(OverloadedError, match="not ready"):
        transport.ready(soon())


@pytest.mark.parametrize(
    ("status", "failure"),
    [
        (grpc.StatusCode.UNAVAILABLE, UnreachableError),
        (grpc.StatusCode.ABORTED, UnreachableError),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, OverloadedError),
        (grpc.StatusCode.INVALID_ARGUMENT, RefusalError),
        (grpc.StatusCode.NOT_FOUND, RefusalError),
        (grpc.StatusCode.UNAUTHENTICATED, RefusalError),
        (grpc.StatusCode.INTERNAL, BrokenEngineError),
        (grpc.StatusCode.UNKNOWN, BrokenEngineError),
    ],
)
def test_each_status_is_its_kind_of_failure(
    oip_engine: tuple[Engine, OipGrpc], status: grpc.StatusCode, failure: type[EngineFailure]
) -> None:
    engine, transport = oip_engine
    engine.fault = lambda context: context.abort(status, "so it says")
    with pytest.raises(failure) as raised:
        transport.infer({"in": BATCH}, ["out"], soon())
    assert raised.value.said == "so it says"
    engine.fault = None
    transport.infer({"in": BATCH}, ["out"], soon())


@pytest.mark.parametrize("answer", [b"\xff\xff", b"\x2a\x02\x0a\x00\x32\x00"])
def test_an_answer_that_is_none(oip_engine: tuple[Engine, OipGrpc], answer: bytes) -> None:
    engine, transport = oip_engine
    engine.fault = lambda _: answer
    with pytest.raises(BadAnswerError, match="does not follow the protocol"):
        transport.infer({"in": BATCH}, ["out"], soon())


def test_an_answer_that_is_too_large(oip_engine: tuple[Engine, OipGrpc]) -> None:
    engine, transport = oip_engine
    engine.fault = lambda _: bytes(70_000_000)
    with pytest.raises(BadAnswerError, match="too large"):
        transport.infer({"in": BATCH}, ["out"], soon())


def test_a_deadline_is_kept_and_the_next_call_has_a_new_connection(oip_engine: tuple[Engine, OipGrpc]) -> None:
    engine, transport = oip_engine
    released = threading.Event()
    engine.fault = lambda _: bytes(released.wait(20))
    begin = time.monotonic()
    with pytest.raises(UnreachableError, match="in time"):
        transport.infer({"in": BATCH}, ["out"], soon(0.2))
    assert time.monotonic() - begin < 5
    engine.fault = None
    released.set()
    transport.infer({"in": BATCH}, ["out"], soon())


def test_abandoned_calls_end_at_once_also_those_on_an_earlier_connection(oip_engine: tuple[Engine, OipGrpc]) -> None:
    engine, transport = oip_engine
    released, waiting = threading.Event(), threading.Semaphore(0)

    def wait(_: grpc.ServicerContext) -> bytes:
        waiting.release()
        return bytes(released.wait(20))

    engine.fault = wait
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(transport.infer, {"in": BATCH}, ["out"], soon(15))
        assert waiting.acquire(timeout=10)
        with pytest.raises(UnreachableError) as raised:
            transport.ready(soon(0.2))
        assert raised.value.silent
        begin = time.monotonic()
        transport.abandon()
        with pytest.raises(UnreachableError, match="in time"):
            asked.result()
        assert time.monotonic() - begin < 5
    engine.fault = None
    released.set()
    transport.infer({"in": BATCH}, ["out"], soon())


def test_an_engine_that_goes_and_comes_back_is_found_again(oip_engine: tuple[Engine, OipGrpc]) -> None:
    engine, transport = oip_engine
    transport.ready(soon())
    engine.server.stop(0).wait()
    with pytest.raises(UnreachableError):
        transport.infer({"in": BATCH}, ["out"], soon())
    with pytest.raises(UnreachableError, match="refused") as raised:
        transport.infer({"in": BATCH}, ["out"], soon())
    assert raised.value.connecting
    assert str(engine.port) not in raised.value.reason
    engine.start(engine.port)
    end = time.monotonic() + 20
    while True:
        try:
            transport.ready(soon())
            break
        except UnreachableError:
            assert time.monotonic() < end
            time.sleep(0.1)


def test_a_port_on_which_nobody_speaks_grpc() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        transport = OipGrpc(target(silent.getsockname()[1]))
        begin = time.monotonic()
        with pytest.raises(UnreachableError):
            transport.ready(soon(0.5))
        assert time.monotonic() - begin < 5
        transport.close()


def test_tensorflow_servings_protocol(engine: Engine) -> None:
    prediction, model = (
        f"/{name}/" for name in (tensorflow_serving.PREDICTION_SERVICE, tensorflow_serving.MODEL_SERVICE)
    )

    def predict(data: bytes) -> bytes:
        request = message_class("tensorflow.serving.PredictRequest").FromString(data)
        assert (request.model_spec.name, request.model_spec.signature_name) == ("m", "serving_default")
        tensor = request.inputs["in"]
        shape = [dim.size for dim in tensor.tensor_shape.dim]
        values = np.frombuffer(tensor.tensor_content, np.float32).reshape(shape)[:, :3] * 2
        answer = tensorflow_serving.predict_request("", "", [Tensor("out", values)], [])
        response = tensorflow_serving.message("PredictResponse")
        response.outputs["out"].CopyFrom(answer.inputs["out"])
        return bytes(response.SerializeToString())

    def metadata(_: bytes) -> bytes:
        signatures = tensorflow_serving.message("SignatureDefMap")
        for name, tensors in (("in", signatures.signature_def["serving_default"].inputs),
                              ("out", signatures.signature_def["serving_default"].outputs)):  # fmt: skip
            tensors[name].dtype = 1
            tensors[name].tensor_shape.dim.add(size=-1)
        answer = tensorflow_serving.message("GetModelMetadataResponse")
        answer.metadata["signature_def"].value = signatures.SerializeToString()
        return bytes(answer.SerializeToString())

    status = tensorflow_serving.message("GetModelStatusResponse")
    status.model_version_status.add(version=1, state=20)
    engine.answers = {
        f"{prediction}Predict": predict,
        f"{prediction}GetModelMetadata": metadata,
        f"{model}GetModelStatus": lambda _: status.SerializeToString(),
    }
    transport = TfsGrpc(target(engine.port))
    with pytest.raises(OverloadedError, match="not ready"):
        transport.ready(soon())
    status.model_version_status.add(version=2, state=tensorflow_serving.AVAILABLE)
    transport.ready(soon())
    assert [spec.name for spec in transport.metadata(soon()).inputs] == ["in"]
    np.testing.assert_array_equal(transport.infer({"in": BATCH}, ["out"], soon())["out"], SCORES)
    transport.close()
