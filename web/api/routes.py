"""The JSON API under /api: classify pictures, list models, describe the server. Errors are problem+json."""

from __future__ import annotations

import platform
from typing import Annotated, Any

import anyio.to_thread
from anyio import CapacityLimiter
from fastapi import Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi_offline import FastAPIOffline
from starlette.exceptions import HTTPException

from classifier import __version__
from classifier.errors import ClassifierError, ParameterError
from classifier.machine.cpus import cpu_count
from web import problems
from web.api.docs import docs
from web.api.schemas import AnswerOut, FailedOut, InfoOut, LimitsOut, ModelOut, ModelsOut, ResultOut
from web.base_path import BASE
from web.metrics import CountRequests
from web.models import models
from web.problems import Problem
from web.uploads.body import BodyLimit
from web.uploads.budget import budget, largest_request
from web.uploads.forms import MAX_FILES, read_pictures

MAX_TOP_K = 1000
# One thread more than the queue holds: whoever is one too many hears so at once, not after waiting for a thread.
_THREADS = CapacityLimiter(models.queue.bound + 1)

_PROBLEM: dict[str, Any] = {
    "model": Problem,
    "content": {problems.MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
}
_BODY = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["file"],
                "properties": {
                    "file": {
                        "type": "array",
                        "items": {"type": "string", "format": "binary"},
                        "minItems": 1,
                        "maxItems": MAX_FILES,
                    }
                },
            }
        },
        "image/*": {"schema": {"type": "string", "format": "binary"}},
        "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
    },
}


api = FastAPIOffline(
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
api.add_middleware(BodyLimit, max_bytes=largest_request(models.settings))
api.add_middleware(CountRequests)
api.add_route("/docs", docs, include_in_schema=False)


@api.post(
    "/v1/classify",
    summary="Classify one or several pictures",
    response_model=AnswerOut,
    responses=dict.fromkeys((400, 404, 408, 413, 415, 422, 503), _PROBLEM),
    openapi_extra={"requestBody": _BODY},
)
async def classify(
    request: Request,
    top_k: Annotated[int | None, Query(ge=1, le=MAX_TOP_K, description="predictions per picture")] = None,
    model: Annotated[str | None, Query(description="a model's name; the default if absent")] = None,
    lang: Annotated[str | None, Query(description="language of the labels; English if absent")] = None,
) -> AnswerOut:
    """Send a multipart form with one or several `file` parts, or the picture itself as the body.

    One picture that fails is the request's error. Among several, that one's result is an `error`, and the others
    stand. The byte limit holds for each picture and for the request as a whole, the pixel limit for each picture.
    """
    name = models.resolve(model)
    pictures = await read_pictures(request, models.settings.max_bytes)
    results: list[ResultOut | FailedOut] = []
    for data in pictures:
        try:
            result = await anyio.to_thread.run_sync(
                lambda data=data: models.classify(  # type: ignore[misc]
                    data, client="api", model=name, top_k=top_k, lang=lang
                ),
                limiter=_THREADS,
            )
        except ParameterError:
            raise
        except ClassifierError as error:
            if len(pictures) == 1:
                raise
            results.append(FailedOut(error=problems.from_error(error)))
        else:
            results.append(ResultOut.model_validate(result.to_dict()))
    return AnswerOut(model=name, results=results)


@api.get("/v1/models", summary="The models that can be asked for", response_model=ModelsOut)
async def list_models() -> ModelsOut:
    """All models of this server; those not loaded yet are loaded when first asked for."""
    manifests = {name: package.manifest for name, package in models.packages.items()}
    return ModelsOut(
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
                default=name == models.default,
            )
            for name, manifest in manifests.items()
        ]
    )


@api.get("/v1/info", summary="Version, device, limits", response_model=InfoOut, responses={503: _PROBLEM})
async def info() -> InfoOut:
    """What runs here, where the last inference ran, and what a picture may be."""
    settings = models.settings
    last = models.last_used() or models.get()
    return InfoOut(
        version=__version__,
        python=platform.python_version(),
        model=last.package.name,
        backend=last.backend,
        device=last.device,
        reason=last.reason,
        cpus=cpu_count(),
        limits=LimitsOut(
            max_bytes=settings.max_bytes,
            max_pixels=settings.max_pixels,
            formats=list(settings.formats),
            queue=settings.queue,
            uploads=budget.size,
        ),
    )
