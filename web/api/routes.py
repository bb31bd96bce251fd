"""The JSON API under /api: classify pictures, list models, describe the server. Errors are problem+json."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import Annotated, Any

import anyio.to_thread
from fastapi import APIRouter, Depends, FastAPI, Query, Request, Security
from fastapi.exceptions import RequestValidationError
from fastapi.security import HTTPBearer
from fastapi_offline import FastAPIOffline
from starlette.exceptions import HTTPException

from classifier import Classification, ModelPackage, __version__
from classifier.asked import explained
from classifier.errors import AbandonedError, ClassifierError, EmptyFileError, ParameterError
from classifier.machine.cancellation import Cancellation
from classifier.machine.cpus import cpu_count
from web import metrics, problems
from web.api.bodies import BODY
from web.api.docs import docs
from web.api.keys import KeyCheck, keys
from web.api.parameters import Parameters, check_query, with_fields
from web.api.schemas import AnswerOut, FailedOut, InfoOut, LeftOutOut, LimitsOut, ModelOut, ModelsOut
from web.api.turns import admit, called_off, threads, turn
from web.base_path import BASE
from web.clients import client_of
from web.errors import NotReadyError
from web.loaded import ModelChangedError
from web.metrics import CountRequests
from web.models import models
from web.problems import Problem
from web.uploads.body import BodyLimit
from web.uploads.budget import budget, max_bytes
from web.uploads.forms import read_request
from web.uploads.json_forms import JsonForms

_PROBLEM: dict[str, Any] = {
    "model": Problem,
    "content": {problems.MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
}

router = APIRouter()


def make_api() -> FastAPI:
    """The ASGI app, to be mounted at `/api`."""
    api: FastAPI = FastAPIOffline(
        title="image-classifier",
        version=__version__,
        summary="Classify pictures with a trained model.",
        docs_url=None,
        redirect_slashes=False,
        redoc_url=None,
        generate_unique_id_function=lambda route: route.name,
        openapi_url="/openapi.json",
        exception_handlers={
            ClassifierError: problems.on_classifier_error,
            HTTPException: problems.on_http_error,
            RequestValidationError: problems.on_validation_error,
            Exception: problems.on_unexpected,
        },
        servers=[{"url": f"{BASE}/api"}],
        root_path_in_servers=False,
    )
    api.add_middleware(BodyLimit, max_bytes=max_bytes, budgets=lambda: (budget(),), admit=admit)
    api.add_middleware(JsonForms)  # outside the limits: they hold for the pictures
    if known := keys():
        api.add_middleware(KeyCheck, known=known)
        # Only described here, for the docs page and for generated clients: the check is above, before the body is read.
        described = Security(HTTPBearer(scheme_name="key", description="A key of this server", auto_error=False))
        api.include_router(router, dependencies=[described], responses={401: _PROBLEM})
    else:
        api.include_router(router)
    api.add_middleware(CountRequests, name="/api{}".format)
    api.add_route("/docs", docs, include_in_schema=False)
    return api


@router.post(
    "/v1/classify",
    summary="Classify one or several pictures",
    response_model=AnswerOut,
    responses=dict.fromkeys((400, 404, 408, 413, 415, 422, 429, 503), _PROBLEM),
    openapi_extra={"requestBody": BODY},
    dependencies=[Depends(check_query)],
)
async def classify(
    request: Request,
    parameters: Annotated[Parameters, Query()],
) -> AnswerOut:
    """Send a multipart form with one or several `file` parts, the picture itself as the body, or JSON with base64.

    The parameters may stand in the query, in fields of the form, or in the JSON. A parameter that there is not is
    refused, but for those that browsers, web frameworks and proxies add.

    If the only picture fails, the request fails with its error. If one of several fails, its result is an `error`, and
    the others have their results. The byte limit applies to each picture and to the request as a whole, the pixel limit
    to each picture.
    """
    _check(parameters)  # before the picture is read
    sent = await read_request(request, max_bytes())
    asked = with_fields(parameters, request.query_params, sent)
    async with called_off(request) as cancellation:
        while True:
            package = _check(asked)
            with suppress(ModelChangedError):  # one answer is of one version, so it begins again with the new one
                results = await _classified(sent.pictures, package, asked, client_of(request.scope), cancellation)
                return AnswerOut(model=package.name, results=results)


async def _classified(
    pictures: Sequence[bytes], package: ModelPackage, asked: Parameters, client: str, cancellation: Cancellation
) -> list[Classification | FailedOut]:
    """The results of the pictures, in order.

    Raises:
        ModelChangedError: another version of the model has taken the place of this one.
        ClassifierError: that of the only picture, or one that all would have.
    """
    results: list[Classification | FailedOut] = []
    for data in pictures:
        try:
            if not data:
                raise _counted(EmptyFileError())
            async with turn(models().queue, client, cancellation) as take:
                classified = partial(
                    models().classify,
                    data,
                    client="api",
                    model=package,
                    top_k=asked.top_k,
                    lang=asked.lang,
                    view=asked.view,
                    explain=asked.classes,
                    take=take,
                )
                result = await anyio.to_thread.run_sync(classified, limiter=threads())
        except (ParameterError, NotReadyError, AbandonedError):  # the other pictures would fail, too
            raise
        except ClassifierError as error:
            if len(pictures) == 1:
                raise
            results.append(FailedOut(error=problems.from_error(error)))
        else:
            results.append(result)
    return results


def _counted(error: ClassifierError) -> ClassifierError:
    """The error of a picture that is refused here."""
    metrics.count_error("api", error)
    return error


def _check(asked: Parameters) -> ModelPackage:
    """The model that is asked for, once it is known and has the language and the classes."""
    package = models().package(asked.model)
    package.check_language(asked.lang)
    explained(package, asked.classes)
    return package


@router.get("/v1/models", summary="The models that can be asked for", response_model=ModelsOut)
async def list_models() -> ModelsOut:
    """All models of this server; those not loaded yet are loaded when first asked for."""
    library = models().library
    offer = library.offer
    return ModelsOut(
        left_out=[LeftOutOut(folder=key, code=error.code) for key, error in offer.left_out.items()],
        models=[
            ModelOut(
                name=name,
                title=manifest.title,
                description=manifest.description,
                license=manifest.license,
                source=manifest.source,
                input_size=manifest.input.size,
                classes=manifest.output.classes,
                languages=list(manifest.labels),
                published_top1=manifest.published.top1 if manifest.published else None,
                default=name == offer.default,
                version=package.version,
                state=library.state(name),
            )
            for name, package in offer.packages.items()
            for manifest in [package.manifest]
        ],
    )


@router.get("/v1/info", summary="Version, device, limits", response_model=InfoOut, responses={503: _PROBLEM})
async def info() -> InfoOut:
    """What runs here, where the last inference ran, and the limits for pictures."""
    last, limits = models().last_used(), models().limits
    return InfoOut(
        version=__version__,
        python=platform.python_version(),
        model=last.package.name,
        backend=last.backend,
        device=last.device,
        reason=last.reason,
        cpus=cpu_count(),
        limits=LimitsOut(
            max_bytes=limits.max_bytes,
            max_pixels=limits.max_pixels,
            formats=list(limits.formats),
            queue=models().settings.queue,
            uploads=budget().size,
        ),
    )
