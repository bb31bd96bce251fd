"""A caller of our gRPC server, by the messages of the published protocol."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any

import grpc
import numpy as np

from classifier.protocols import oip_grpc
from classifier.protocols.oip import InferRequest, InferResponse, RequestedOutput, Tensor
from classifier.protocols.protobuf import Message, message_class

SERVICE = f"/{oip_grpc.SERVICE}/"
HEALTH = "/grpc.health.v1.Health/Check"


def channel(port: int, **options: object) -> grpc.Channel:
    """A connection of its own to a port of this machine."""
    own = {"grpc.use_local_subchannel_pool": 1, "grpc.max_send_message_length": -1, "grpc.enable_retries": 0, **options}
    return grpc.insecure_channel(f"127.0.0.1:{port}", list(own.items()))


def call(connection: grpc.Channel, method: str, *, timeout: float = 30, **fields: object) -> Message:
    """Calls a method of the protocol by its name and the fields of its request."""
    return send(connection, SERVICE + method, oip_grpc.message(f"{method}Request", **fields), timeout=timeout)


def send(
    connection: grpc.Channel,
    path: str,
    request: Message,
    *,
    timeout: float = 30,
    metadata: Sequence[tuple[str, str]] = (),
) -> Message:
    """Sends a message, or bytes that look like one."""
    name = path.rpartition("/")[2]
    kind = "grpc.health.v1.HealthCheckResponse" if path == HEALTH else f"inference.{name}Response"
    data = request if isinstance(request, bytes) else request.SerializeToString()
    return message_class(kind).FromString(connection.unary_unary(path)(data, timeout=timeout, metadata=metadata))


def infer(
    connection: grpc.Channel,
    name: str,
    tensor: Tensor,
    *outputs: RequestedOutput,
    metadata: Sequence[tuple[str, str]] = (),
    timeout: float = 30,
) -> InferResponse:
    """Asks a model."""
    request = oip_grpc.request_to(name, "", InferRequest([tensor], list(outputs)))
    return oip_grpc.response_from(send(connection, f"{SERVICE}ModelInfer", request, metadata=metadata, timeout=timeout))


def pixels(count: int = 1, side: int = 224) -> Tensor:
    """Pictures of noise."""
    noise = np.random.default_rng(0).integers(0, 256, (count, side, side, 3), np.uint8)
    return Tensor("pixels", noise)


class Stalled:
    """A call whose message never comes to its end: nothing of it, or as many bytes as are given."""

    def __init__(self, connection: grpc.Channel, path: str = f"{SERVICE}ModelInfer") -> None:
        """Begins the call."""
        self._end = threading.Event()
        self.call: Any = connection.stream_unary(path).future(self._nothing(), timeout=60)

    def _nothing(self) -> Iterator[bytes]:
        self._end.wait(60)
        yield from ()

    def stop(self) -> None:
        """Ends it."""
        self._end.set()
        self.call.cancel()


def refused(attempt: Any) -> grpc.RpcError:
    """The error of a call."""
    begin = time.monotonic()
    try:
        answer = attempt()
    except grpc.RpcError as error:
        assert time.monotonic() - begin < 40
        return error
    raise AssertionError(f"not refused: {answer}")
