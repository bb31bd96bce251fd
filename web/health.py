"""Liveness, readiness and metrics: `/healthz`, `/readyz`, `/metrics`."""

from __future__ import annotations

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, Router

from classifier.errors import ParameterError
from classifier.settings import PREFIX
from web import metrics, problems
from web.base_path import BASE
from web.errors import NotReadyError
from web.models import models
from web.server import metrics_port
from web.uploads.budget import budget


async def healthz(_: Request) -> Response:
    """Alive: the process answers."""
    return JSONResponse({"status": "alive"})


async def readyz(_: Request) -> Response:
    """Ready: the default model is loaded and warmed up, and the engine that runs it, if it runs elsewhere, is there.

    503 until then, always if it cannot be loaded, and once the server has been asked to end.
    """
    headers = {"Retry-After": str(NotReadyError.retry_after)}
    readiness = models().readiness
    if readiness == "ready":
        return JSONResponse({"status": readiness, "model": models().default})
    body: dict[str, str] = {"status": readiness}
    if readiness == "engine_unavailable" and (problem := models().problem):
        body |= {"code": problem.code, "detail": problem.message}
    return JSONResponse(body, 503, headers)


async def prometheus(_: Request) -> Response:
    """All metrics in Prometheus' text format; 404 if they have a port of their own."""
    if models().settings.metrics_port:
        return problems.respond(problems.NOT_FOUND)
    return Response(_scraped(), media_type=CONTENT_TYPE_LATEST)


def make_health() -> Router:
    """The ASGI app, for these three paths."""
    functions = {"healthz": healthz, "readyz": readyz, "metrics": prometheus}
    return Router([Route(f"{BASE}/{name}", function) for name, function in functions.items()])


def serve_metrics(host: str, port: int) -> None:
    """Serves the metrics on a port of their own; see `metrics_port.serve`.

    Raises:
        ParameterError: nothing can listen there.
    """
    try:
        metrics_port.serve(host, port, _scraped, CONTENT_TYPE_LATEST)
    except OSError as error:
        raise ParameterError(f"{PREFIX}METRICS_PORT={port}: nothing can listen there: {error.strerror}.") from error


def _scraped() -> bytes:
    """All metrics, those included that are looked up only when they are asked for."""
    metrics.BUSY.set(models().queue.busy)
    metrics.WAITING.set(models().queue.waiting)
    metrics.READY.set(models().readiness == "ready")
    metrics.LEFT_OUT.set(len(models().library.offer.left_out))
    metrics.set_models((name, one.version, models().library.state(name)) for name, one in models().packages.items())
    metrics.BUDGET.set(budget().reserved)
    metrics.BUDGET_SIZE.set(budget().size)
    return generate_latest()
