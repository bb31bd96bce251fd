"""The paths of the protocol under `/v2`, over HTTP."""

from __future__ import annotations

from codecs import BOM_UTF8
from dataclasses import asdict
from functools import partial

import anyio.to_thread
from anyio import CapacityLimiter
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from classifier.errors import ClassifierError, ProtocolError
from classifier.formatting import whole_number
from classifier.machine.cancellation import Cancellation
from classifier.protocols import oip
from classifier.protocols.oip import InferRequest, InferResponse
from web import problems
from web.api.keys import KeyCheck, keys
from web.api.turns import admit, called_off, threads, turn
from web.base_path import BASE
from web.clients import client_of
from web.errors import DisconnectedError
from web.metrics import CountRequests
from web.models import models
from web.oip import description
from web.oip.inference import infer
from web.oip.inputs import MAX_PICTURES
from web.uploads.body import BodyLimit
from web.uploads.budget import budget, max_bytes
from web.uploads.compressed import Decompress

MOST_VALUES = 600_000
"""The most values in the JSON of a request or an answer: two inputs of 260 x 260, colours in lists of their own."""

_LARGE = 1 << 16  # bytes of JSON from which on it takes a turn to read it, like a picture
_HEALTH = f"{BASE}/v2/health"
_FREE = (f"{_HEALTH}/live", f"{_HEALTH}/ready")  # without a key: an engine asks for them, and they tell nothing else
_NO_PATH = problems.problem(
    404,
    "There is nothing at this path. This server answers those of the Open Inference Protocol, and POST "
    f"{BASE}/v2/repository/index, which lists the models. It does not offer Triton's model configuration, statistics, "
    "logging, tracing, shared memory or loading of models.",
    problems.NOT_FOUND.code,
)
_writing = CapacityLimiter(1)


def make_oip() -> Starlette:
    """The ASGI app, for all paths that begin with `/v2`."""
    known = keys()
    app = Starlette(
        routes=_routes(),
        middleware=[
            Middleware(CountRequests, name=lambda path: path.removeprefix(BASE)),
            *([Middleware(KeyCheck, known=known, free=_FREE)] if known else []),
            Middleware(Decompress),
            Middleware(BodyLimit, max_bytes=max_bytes, budgets=lambda: (budget(),), admit=admit),
        ],
        exception_handlers={
            ClassifierError: problems.on_classifier_error,
            HTTPException: _on_http_error,
            Exception: problems.on_unexpected,
        },
    )
    app.router.redirect_slashes = False  # as in the API; clients do not follow, nor send what was refused once more
    return app


async def _on_http_error(request: Request, error: Exception) -> Response:
    """Answers paths that there are not: Triton's further extensions, most often."""
    if isinstance(error, HTTPException) and error.status_code == 404:
        return problems.respond(_NO_PATH)
    return await problems.on_http_error(request, error)


async def server_metadata(_: Request) -> Response:
    """What this server is, and which extensions of the protocol it knows."""
    return JSONResponse(asdict(description.server_metadata()))


async def live(_: Request) -> Response:
    """Alive: the process answers."""
    return JSONResponse({"live": True})


async def ready(_: Request) -> Response:
    """Ready: the default model is loaded and can be used, and the server has not been asked to end."""
    models().check_ready()
    return JSONResponse({"live": True, "ready": True})


async def repository_index(_: Request) -> Response:
    """All models, as Triton lists them."""
    return JSONResponse(description.repository_index())


async def model_metadata(request: Request) -> Response:
    """A model's inputs and outputs."""
    name, version = _model(request)
    if name == "stats" and not version and not models().known(name):
        raise HTTPException(404)  # this would be the statistics of all models
    return JSONResponse(asdict(description.model_metadata(name, version)))


async def model_ready(request: Request) -> Response:
    """Whether a model can be asked for."""
    name, version = _model(request)
    found = description.find_package(name, version).name
    models().check_ready()
    return JSONResponse({"name": found, "ready": True})


async def model_infer(request: Request) -> Response:
    """What a model says of one or several pictures."""
    name, version = _model(request)
    description.find_package(name, version)  # before the request is read
    client = client_of(request.scope)
    length = _header_length(request)
    try:
        body = b"".join([chunk async for chunk in request.stream()])
    except ClientDisconnect:
        raise DisconnectedError from None
    async with called_off(request) as cancellation:
        asked = await _decode(body, length, client, cancellation)
        del body  # the files in it are copies
        answer = await infer(name, asked, version=version, client=client, cancellation=cancellation)
    return await _respond(answer, asked)


def _routes() -> list[Route]:
    versions = ("", "/versions/{version}")
    model = f"{BASE}/v2/models/{{model}}"
    return [
        *(Route(f"{BASE}/v2{end}", server_metadata) for end in ("", "/")),
        Route(f"{_HEALTH}/live", live),
        Route(f"{_HEALTH}/ready", ready),
        Route(f"{BASE}/v2/repository/index", repository_index, methods=["POST"]),
        *(Route(f"{model}{version}", model_metadata) for version in versions),
        *(Route(f"{model}{version}/ready", model_ready) for version in versions),
        *(Route(f"{model}{version}/infer", model_infer, methods=["POST"]) for version in versions),
    ]


def _model(request: Request) -> tuple[str, str]:
    return request.path_params["model"], request.path_params.get("version", "")


def _header_length(request: Request) -> int | None:
    sent = request.headers.getlist(oip.HEADER_LENGTH)
    if not sent:
        return None
    length = whole_number(sent[0], max_bytes() * 2) if len(sent) == 1 else None
    if length is None:
        raise ProtocolError(f"The header {oip.HEADER_LENGTH} must be one number of bytes, no more than the body has.")
    return length


async def _decode(body: bytes, length: int | None, client: str, cancellation: Cancellation) -> InferRequest:
    """The request; large JSON is read in a turn, since that keeps everybody waiting for as long as a picture does."""
    if length == 0:  # Triton's shortest form: the body is the model's first input
        return InferRequest([oip.strings(description.PICTURE, [body])])
    if length is None and not body.removeprefix(BOM_UTF8).lstrip().startswith(b"{"):
        raise ProtocolError(
            "The body is not a JSON object. Send one, as the protocol describes, or the file of a picture alone with "
            f"the header {oip.HEADER_LENGTH}: 0."
        )
    decode = partial(oip.decode_request, body, length, most_values=MOST_VALUES, most_strings=MAX_PICTURES)
    if (len(body) if length is None else length) < _LARGE:
        return await anyio.to_thread.run_sync(decode, limiter=threads())
    async with turn(models().queue, client, cancellation) as take:

        def decode_in_turn() -> InferRequest:
            with take():
                return decode()

        return await anyio.to_thread.run_sync(decode_in_turn, limiter=threads())


async def _respond(answer: InferResponse, asked: InferRequest) -> Response:
    binary = asked.binary_outputs(tensor.name for tensor in answer.outputs)
    if sum(tensor.data.size for tensor in answer.outputs if tensor.name not in binary) > MOST_VALUES:
        raise ProtocolError("The answer has too many values for JSON. Ask for binary data, or send fewer pictures.")
    body, length = await anyio.to_thread.run_sync(oip.encode_response, answer, binary, limiter=_writing)
    headers = {} if length is None else {oip.HEADER_LENGTH: str(length)}
    return Response(body, 200, headers, "application/json" if length is None else "application/octet-stream")
