"""The methods that can be called: the Open Inference Protocol's, and gRPC's health checks."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial

import anyio.to_thread
from grpc import StatusCode

from classifier.protocols import oip_grpc
from classifier.protocols.oip import InferRequest, InferResponse
from classifier.protocols.protobuf import Message, message_class, parse
from classifier.protocols.protobuf.bounds import check
from web.api.turns import threads, turn
from web.grpc_server.calls import Call, Method, RefusedError, message_bytes
from web.models import models
from web.oip import description
from web.oip.inference import infer
from web.oip.inputs import MAX_PICTURES

_LARGE = 1 << 14  # typed values from which on it takes a turn to read them, like a picture
_SERVING, _NOT_SERVING = 1, 2
_HEALTH = "grpc.health.v1"


def make_methods() -> dict[str, Method]:
    """All methods, by path."""
    answers: dict[str, Callable[[Message, Call], Awaitable[Message]]] = {
        "ServerLive": _server_live,
        "ServerReady": _server_ready,
        "ServerMetadata": _server_metadata,
        "ModelReady": _model_ready,
        "ModelMetadata": _model_metadata,
        "RepositoryIndex": _repository_index,
    }
    free = ("ServerLive", "ServerReady")  # as over HTTP: an engine asks for them, and they tell nothing else
    methods = {
        name: Method(partial(_answer, f"inference.{name}Request", answer), name in free)
        for name, answer in answers.items()
    }
    paths = {f"/{oip_grpc.SERVICE}/{name}": method for name, method in methods.items()}
    paths[f"/{oip_grpc.SERVICE}/ModelInfer"] = Method(_model_infer)
    paths[f"/{_HEALTH}.Health/Check"] = Method(partial(_answer, f"{_HEALTH}.HealthCheckRequest", _check), free=True)
    return paths


async def _answer(kind: str, answer: Callable[[Message, Call], Awaitable[Message]], data: bytes, call: Call) -> bytes:
    """Answers one of the small messages."""
    found = message_class(kind)
    check(data, found.DESCRIPTOR)
    return message_bytes(await answer(parse(found, data), call))


async def _server_live(_: Message, __: Call) -> Message:
    return oip_grpc.message("ServerLiveResponse", live=True)


async def _server_ready(_: Message, __: Call) -> Message:
    return oip_grpc.message("ServerReadyResponse", ready=models().readiness == "ready")


async def _server_metadata(_: Message, __: Call) -> Message:
    return oip_grpc.server_metadata_to(description.server_metadata())


async def _model_ready(asked: Message, _: Call) -> Message:
    description.find_package(asked.name, asked.version)
    return oip_grpc.message("ModelReadyResponse", ready=models().readiness == "ready")


async def _model_metadata(asked: Message, _: Call) -> Message:
    return oip_grpc.model_metadata_to(description.model_metadata(asked.name, asked.version))


async def _repository_index(_: Message, __: Call) -> Message:
    return oip_grpc.message("RepositoryIndexResponse", models=description.repository_index())


async def _check(asked: Message, _: Call) -> Message:
    if asked.service not in ("", oip_grpc.SERVICE):
        # As gRPC's health checking protocol says; its status SERVICE_UNKNOWN is for streams.
        raise RefusedError(StatusCode.NOT_FOUND, f"Ask for the service {oip_grpc.SERVICE!r}, or for none.")
    status = _SERVING if models().readiness == "ready" else _NOT_SERVING
    return message_class(f"{_HEALTH}.HealthCheckResponse")(status=status)


async def _model_infer(data: bytes, call: Call) -> bytes:
    kind = message_class("inference.ModelInferRequest")
    values = await anyio.to_thread.run_sync(check, data, kind.DESCRIPTOR, limiter=threads())
    read = partial(_read, data)
    if values < _LARGE:
        model, version, request = await anyio.to_thread.run_sync(read, limiter=threads())
    else:
        async with turn(models().queue, call.client, call.cancellation) as take:

            def read_in_turn() -> tuple[str, str, InferRequest]:
                with take():
                    return read()

            model, version, request = await anyio.to_thread.run_sync(read_in_turn, limiter=threads())
    answer = await infer(model, request, version=version, client=call.client, cancellation=call.cancellation)
    return await anyio.to_thread.run_sync(_write, answer, limiter=threads())


def _read(data: bytes) -> tuple[str, str, InferRequest]:
    found = parse(message_class("inference.ModelInferRequest"), data)
    return found.model_name, found.model_version, oip_grpc.request_from(found, MAX_PICTURES)


def _write(answer: InferResponse) -> bytes:
    return message_bytes(oip_grpc.response_to(answer))
