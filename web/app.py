"""Puts page, API, health and metrics together: the routes beside Streamlit's own, and the life of the server."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import sys
import threading
import webbrowser
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from importlib import import_module
from types import FrameType

import anyio.to_thread
import streamlit as st
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from web import problems
from web.closed import ClosedPaths
from web.frontend import FrontendFiles
from web.headers import SecurityHeaders, content_policy
from web.index import STATIC, frame, index
from web.later import Later
from web.sessions import free_closed_sessions
from web.uploads import UploadCap

log = logging.getLogger(__name__)

# A container's grace is usually 10 s: what is not finished a little before that is given up in good order.
_SHUTDOWN_SECONDS = 9.0

# After the model is ready the API is imported when somebody asks for it, or this much later: not while the first
# visitor's page is being drawn, which would wait 0.4 s for it.
_API_SECONDS = 4.0


async def _no_such_path(_: Request) -> Response:
    return problems.respond(problems.NOT_FOUND)


# Half of what a start takes is importing FastAPI, pydantic, NumPy and Pillow. The page's frame and Streamlit's files
# need none of them, so a browser loads those meanwhile.
_api = Later("web.api", "api")
_health = Later("web.health", "app")

routes: list[BaseRoute] = [
    Route("/", index),
    Mount("/app-static", StaticFiles(directory=STATIC)),
    Route("/healthz", _health),
    Route("/readyz", _health),
    Route("/metrics", _health),
    Route("/api", _no_such_path, methods=["GET", "POST", "PUT", "DELETE", "PATCH"]),
    Mount("/api", _api),
]

middleware = [
    # Every page but the docs has the inline scripts of the frame, and no others.
    Middleware(SecurityHeaders, policy=content_policy(frame("en"))),
    Middleware(FrontendFiles),
    Middleware(ClosedPaths),
    Middleware(UploadCap),
]


@asynccontextmanager
async def lifespan(_: st.App) -> AsyncIterator[None]:
    """Loads the default model beside the running server, frees old sessions, and bounds the time of stopping."""
    _bound_shutdown()
    tasks = [asyncio.create_task(_load()), asyncio.create_task(free_closed_sessions())]
    yield
    for task in tasks:
        task.cancel()


async def _load() -> None:
    try:
        await anyio.to_thread.run_sync(_prepare_page)
    except SystemExit as wrong:  # a setting; through Uvicorn it would end the server, too, but below two tracebacks
        sys.stderr.write(f"{wrong}\n")
        sys.stderr.flush()
        os._exit(1)
    _settle()
    if not st.get_option("server.headless"):
        # On a desktop. `streamlit run` itself does so for plain scripts only.
        await anyio.to_thread.run_sync(webbrowser.open, f"http://localhost:{st.get_option('server.port')}")
    await asyncio.sleep(_API_SECONDS)
    for part in (_health, _api):
        await part.load()
    _settle()


def _settle() -> None:
    """Streamlit collects garbage after every run of the page; what was loaded for good needs no looking at."""
    gc.collect()
    gc.freeze()


def _prepare_page() -> None:
    """What the first visitor would wait for."""
    from web.models import models

    models.start()
    with suppress(ImportError):  # what Streamlit imports for the first label in Chinese; no promise of Streamlit's
        import_module("streamlit.emojis")


def _bound_shutdown() -> None:
    """Ends the process some seconds after SIGTERM even when a request hangs; Uvicorn alone waits without bound."""
    if threading.current_thread() is not threading.main_thread():
        return
    before = signal.getsignal(signal.SIGTERM)

    def stop(number: int, frame: FrameType | None) -> None:
        timer = threading.Timer(_SHUTDOWN_SECONDS, _give_up)
        timer.daemon = True
        timer.start()
        if callable(before):
            before(number, frame)

    signal.signal(signal.SIGTERM, stop)


def _give_up() -> None:
    log.warning("some requests did not end within %s s: stopping without them", _SHUTDOWN_SECONDS)
    os._exit(0)
