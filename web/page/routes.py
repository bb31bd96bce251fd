"""What the page's scripts ask the server: a picture's result, in all languages, its heat maps, and a preview.

The same bounds hold as for the API: bytes, budget, clients' shares, queue, and work that is called off when the visitor
has gone. The browser has the picture and sends it again for another model, so that nothing of it is kept here.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

import anyio.to_thread
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from classifier import Classification
from classifier.asked import TOP
from classifier.errors import ClassifierError, EmptyFileError, ParameterError, TooManyBytesError
from classifier.explanation.explain import Progress
from classifier.machine.cancellation import Cancellation
from classifier.views import VIEWS, View
from web import metrics, problems
from web.api.turns import admit, called_off, threads, turn
from web.clients import client_of
from web.errors import DisconnectedError
from web.loaded import ModelChangedError
from web.metrics import CountRequests
from web.models import Take, models
from web.own_files import FOREVER
from web.page import document, offer
from web.page.answer import MOST, answer, refusal
from web.page.explanations import heat_maps, lines
from web.page.gallery import samples
from web.server.same_origin import SameOrigin
from web.uploads.body import BodyLimit
from web.uploads.budget import budget, max_bytes

Result = TypeVar("Result")

_SIDE = 1120  # pixels of a preview's longer side: the column's width on a dense screen


def make_page() -> ASGIApp:
    """The ASGI app, to be mounted at `/page`."""
    routes = [Route(f"/{one.__name__}", one, methods=["POST"]) for one in (classify, explain, preview)]
    routes += [Route("/offer", offered, methods=["GET"]), Route("/words", words, methods=["GET"])]
    app: ASGIApp = Starlette(
        routes=routes,
        # Within what answers to errors: what it raises into the reading of a body is its own to answer.
        middleware=[
            Middleware(
                BodyLimit,
                max_bytes=max_bytes,
                budgets=lambda: (budget(),),
                admit=lambda scope: admit(scope, "page", _kind(Request(scope))),
                respond=refusal,
            )
        ],
        exception_handlers={
            ClassifierError: _on_classifier_error,
            HTTPException: problems.on_http_error,
            Exception: _on_unexpected,
        },
    )
    return CountRequests(SameOrigin(app, refusal), name="/page{}".format)


async def classify(request: Request) -> Response:
    """Classifies the body, or the sample that the query names, by the model and view that it names."""
    asked = request.query_params
    data, view = await _asked(request)
    while True:
        with suppress(ModelChangedError):  # the words for an answer are those of the version that gave it
            package = models().package(asked.get("model") or None)
            asking = {"model": package, "top_k": MOST, "lang": package.language, "view": view}
            result = await _in_turn(request, partial(_classified, data, asking))
            return JSONResponse({**answer(result, package), "offered": offer.version()})


async def explain(request: Request) -> Response:
    """The heat maps of the best classes; picture, model and view are named as for `classify`. See `lines`."""
    name = request.query_params.get("model") or None
    data, view = await _asked(request)

    async def work(progress: Progress, cancellation: Cancellation) -> dict[str, Any]:
        while True:
            with suppress(ModelChangedError):  # as above
                asking = {"model": models().package(name), "top_k": MOST, "view": view, "explain": TOP}
                asking["progress"] = progress
                async with turn(models().queue, client_of(request.scope), cancellation, "page", _kind(request)) as take:
                    result = await anyio.to_thread.run_sync(_classified, data, asking, take, limiter=threads())
                return {**heat_maps(result), "offered": offer.version()}

    return await lines(request, work)


async def _asked(request: Request) -> tuple[bytes, View]:
    """The picture and the view that are asked about."""
    asked = request.query_params
    models().resolve(asked.get("model") or None)  # before the picture is read
    view = _view(asked.get("view", ""))
    return _sample(asked["sample"]) if "sample" in asked else await _body(request), view


def _classified(data: bytes, asking: dict[str, Any], take: Take) -> Classification:
    return models().classify(data, client="page", take=take, **asking)


async def offered(_: Request) -> Response:
    """What this server offers, for a page whose answer came from other models than it knows of."""
    return JSONResponse(offer.offer(), headers={"Cache-Control": "no-store"})


async def words(request: Request) -> Response:
    """The words of the page's further parts, which the frame names by a version of theirs."""
    forever = request.query_params.get("v") == document.words_version()
    return JSONResponse(document.further_words(), headers={"Cache-Control": FOREVER if forever else "no-cache"})


async def preview(request: Request) -> Response:
    """The picture in the body, upright and small, as a JPEG file."""
    models().resolve(None)
    data = await _body(request)
    image = await _in_turn(request, lambda take: models().thumbnail(data, _SIDE, take))
    return Response(image, media_type="image/jpeg", headers={"Cache-Control": "no-store"})


async def _in_turn(request: Request, work: Callable[[Take], Result]) -> Result:
    """Does some work in this client's turn; it is called off when the visitor has gone, or wants something else."""
    async with (
        called_off(request) as cancellation,
        turn(models().queue, client_of(request.scope), cancellation, "page", _kind(request)) as take,
    ):
        return await anyio.to_thread.run_sync(work, take, limiter=threads())


def _kind(request: Request) -> str:
    """What the page asks for; whatever the same visitor asks for at the same time takes turns."""
    part = request.query_params.get("part", "")
    return f"{request.url.path} {part if part in ('many', 'live') else ''}"


async def _body(request: Request) -> bytes:
    try:  # not `request.body()`: the request would keep the body until the answer has been sent
        data = b"".join([chunk async for chunk in request.stream()])
    except ClientDisconnect:
        raise DisconnectedError from None
    error = TooManyBytesError(limit=max_bytes()) if len(data) > max_bytes() else None if data else EmptyFileError()
    if error:
        metrics.count_error("page", error)
        raise error
    return data


def _sample(name: str) -> bytes:
    for sample in samples().values():
        if sample.name == name:
            return sample.read()
    raise ParameterError("There is no sample of this name.")


def _view(asked: str) -> View:
    for view in VIEWS:
        if asked == view:
            return view
    if asked:
        raise ParameterError(f"There is no view of this name. Choose from: {', '.join(VIEWS)}.")
    return models().settings.view


async def _on_classifier_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, ClassifierError)  # noqa: S101
    return refusal(error)


async def _on_unexpected(_: Request, error: Exception) -> Response:
    return refusal(error)
