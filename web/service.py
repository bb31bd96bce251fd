"""API, Open Inference Protocol, health and metrics: what is for programs, and the checks that stand before it.

`web.app` puts it beside the page. `make_service` is all of it without the page, for other servers of ASGI apps, such as
Ray Serve; their processes call `load` first.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.convertors import Convertor, register_url_convertor
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.routing import BaseRoute, Mount, Route

from classifier.errors import ClassifierError
from classifier.machine import malloc
from classifier.machine.process import forbid_core_dumps
from web import problems
from web.base_path import BASE
from web.origins import CALLERS
from web.server import log_rate
from web.server.background import supervised
from web.server.cors import ApiCors
from web.server.error_member import ErrorMember
from web.server.headers import SecurityHeaders, content_policy
from web.server.hosts import KnownHosts, allowed_hosts
from web.server.lazy import LazyApp
from web.server.log_rate import LogRate
from web.server.refusals import PacedRefusals
from web.server.request_heads import UnambiguousLength

# Half of the time of a start goes into importing FastAPI, pydantic, NumPy and Pillow. The page's HTML frame and
# Streamlit's files need none of them, so that a browser can load these meanwhile. Therefore only these apps and `load`
# import them, and do so late.
_api = LazyApp("web.api.routes", "make_api")
_health = LazyApp("web.health", "make_health")
_oip = LazyApp("web.oip.routes", "make_oip")


class _AnyPath(Convertor[str]):
    """A path of any characters; Starlette's own ends at a line break, behind which nobody would answer."""

    regex = r"(?s:.*)"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("any", _AnyPath())

ROUTES: list[BaseRoute] = [
    Route(f"{BASE}/healthz", _health),
    Route(f"{BASE}/readyz", _health),
    Route(f"{BASE}/metrics", _health),
    Route(f"{BASE}/api", problems.respond(problems.NOT_FOUND)),  # not a function, so that it answers every method
    Mount(f"{BASE}/api", _api),
    Route(f"{BASE}/api/{{path:any}}", problems.respond(problems.NOT_FOUND)),  # what has a line break in it
    Route(f"{BASE}/v2", _oip),
    Route(f"{BASE}/v2/{{path:any}}", _oip),
]


def checks(address: str | None) -> list[Middleware]:
    """What may refuse a request before any route sees it, outermost first.

    Args:
        address: what the server listens on; None for everything.
    """
    return [
        *([Middleware(ApiCors, origins=CALLERS)] if CALLERS else []),
        Middleware(ErrorMember),
        Middleware(PacedRefusals),
        Middleware(KnownHosts, address=address, allowed=allowed_hosts()),
        Middleware(UnambiguousLength),
    ]


async def import_parts() -> None:
    """Imports what the routes need, which the first request would otherwise wait for."""
    for part in (_health, _api, _oip):
        await part.load()


def prepare_process() -> LogRate:
    """Sets up a process that answers: before any picture can come.

    What our own code logs is shown: which backend was chosen and why, limits that were lowered, decoders that died.

    Returns:
        What bounds the log, whose `report` is to be called from time to time.
    """
    forbid_core_dumps()
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))
    for name in ("classifier", "web"):
        logger = logging.getLogger(name)
        logger.setLevel(logging.INFO)
        logger.addHandler(handler)
        logger.propagate = False
    rate = log_rate.bound()
    malloc.return_large_blocks()
    return rate


def load() -> None:
    """Loads the default model, for a process that serves `make_service`.

    Raises:
        ClassifierError: a setting is wrong, or the model cannot be loaded.
    """
    from web.api.keys import keys  # imported late, as said above
    from web.models import models

    prepare_process()
    keys()
    models().start()
    if error := models().error:
        raise error
    models().reloading.run()


def make_service() -> Starlette:
    """The ASGI app; every path that is not one of `ROUTES` is 404."""
    return Starlette(
        routes=ROUTES,
        middleware=[Middleware(SecurityHeaders, policy=content_policy("")), *checks(address=None)],
        exception_handlers={
            ClassifierError: problems.on_classifier_error,
            HTTPException: problems.on_http_error,
            Exception: problems.on_unexpected,
        },
        lifespan=_lifespan,
    )


@asynccontextmanager
async def _lifespan(_: Starlette) -> AsyncIterator[None]:
    rate = log_rate.bound()
    await import_parts()
    reporting = asyncio.create_task(supervised("counting what the log leaves out", rate.report))
    yield
    reporting.cancel()
