"""Prometheus metrics: pictures by client and outcome, latency by stage, the queue, what runs where."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict

from prometheus_client import Counter, Gauge, Histogram, Info, disable_created_metrics
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from classifier import Classification
from classifier.errors import ClassifierError
from classifier.result import Inference
from web.clients import KEY

disable_created_metrics()  # type: ignore[no-untyped-call]

_REQUESTS = Counter("classifier_requests", "API requests", ["method", "path", "status"])
_BY_KEY = Counter("classifier_key_requests", "API requests by the name of the caller's key", ["key", "status"])
_PICTURES = Counter("classifier_pictures", "Pictures classified or refused", ["client", "model", "outcome"])
_STAGES = Histogram(
    "classifier_stage_seconds",
    "Time a picture spent in each stage",
    ["stage"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
_RAN = Info("classifier_last_inference", "What ran the last inference")
_CHANGES = Counter(
    "classifier_model_changes", "Changes of models on the disk: ok, removed, or why not", ["model", "outcome"]
)
_VERSIONS = Gauge("classifier_model_info", "Models on offer: 1 with version and state", ["model", "version", "state"])
LEFT_OUT = Gauge("classifier_models_left_out", "Packages whose present content cannot be used; the log says why")
BUSY = Gauge("classifier_slots_busy", "Pictures being worked on")
WAITING = Gauge("classifier_queue_depth", "Pictures waiting for a slot")
BUDGET = Gauge("classifier_budget_used_bytes", "Pictures arriving or worked on, in bytes")
BUDGET_SIZE = Gauge("classifier_budget_size_bytes", "Limit of classifier_budget_used_bytes; requests over it get 503")
READY = Gauge("classifier_ready", "1 when the default model is loaded and can be used")


def count(client: str, result: Classification | Inference) -> None:
    """Counts a picture that was classified."""
    _PICTURES.labels(client, result.model, "ok").inc()
    for stage, milliseconds in asdict(result.timings).items():
        _STAGES.labels(stage).observe(milliseconds / 1000)
    _RAN.info({"model": result.model, "backend": result.backend, "device": result.device})


def count_error(client: str, error: ClassifierError) -> None:
    """Counts a picture that was refused, by the error's code."""
    _PICTURES.labels(client, "", error.code).inc()


def count_change(model: str, outcome: str) -> None:
    """Counts a change of a model on the disk: `ok`, `removed`, or the code of the error for which it was not taken."""
    _CHANGES.labels(model, outcome).inc()


def set_models(models: Iterable[tuple[str, str, str]]) -> None:
    """Shows which models there are: name, version and state of each."""
    _VERSIONS.clear()
    for labels in models:
        _VERSIONS.labels(*labels).set(1)


def name_key(scope: Scope, name: str) -> None:
    """Notes the name of the key that came with a request, for its count; one that is known, so that these are few."""
    scope.setdefault("state", {})[KEY] = name


def count_request(method: str, path: str, status: str | int, key: str) -> None:
    """Counts a request by its method, path and status, and by the name of its key.

    The path is one of those that exist: callers can make up others without end, and each would be a new series.
    """
    _REQUESTS.labels(method, path, status).inc()
    _BY_KEY.labels(key, status).inc()


class CountRequests:
    """ASGI middleware that counts requests by method, route and status, and by key."""

    def __init__(self, app: ASGIApp, name: Callable[[str], str]) -> None:
        """Args: app: the app whose requests are counted; name: from the path of one of its routes, the whole path."""
        self.app = app
        self.name = name

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a request on and counts its answer."""

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                route = scope.get("route")
                path = self.name(route.path) if route else ""
                count_request(_method(scope), path, message["status"], scope.get("state", {}).get(KEY, ""))
            await send(message)

        await self.app(scope, receive, counted)


def _method(scope: Scope) -> str:
    known = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
    return scope["method"] if scope.get("method") in known else "other"
