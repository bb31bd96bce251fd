"""Puts page, API, health and metrics together: the routes beside Streamlit's own, and the life of the server."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
import threading
import time
import webbrowser
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from importlib import import_module
from types import FrameType

import anyio.to_thread
import streamlit as st
from starlette.middleware import Middleware
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from classifier.machine import malloc
from web import problems
from web.base_path import BASE
from web.server import garbage, slow_connections
from web.server.headers import SecurityHeaders, content_policy
from web.server.lazy import LazyApp, LazyMiddleware
from web.streamlit_internals.allowed_paths import AllowedPaths
from web.streamlit_internals.frontend import FrontendFiles
from web.streamlit_internals.index_page import STATIC, frame, index, to_index
from web.streamlit_internals.redaction import RedactedSessions
from web.streamlit_internals.sessions import UPLOAD_PATH, free_closed_sessions

log = logging.getLogger(__name__)

# A container's grace is usually 10 s: what is not finished a little before that is given up in good order. Who still
# waits for a turn some seconds earlier is told to come back, as there is another server by then.
_SHUTDOWN_SECONDS = 9.0
_LAST_TURN_SECONDS = 6.0

# Rounds of the event loop: accepting a connection and reading its request takes a handful. Where new connections come
# in a flood each round takes long, and the few that it needs must do.
_ROUNDS = 20
_FEWEST_ROUNDS = 8
_ROUNDS_SECONDS = 0.5

# After the model is ready the API is imported when somebody asks for it, or this much later: not while the first
# visitor's page is being drawn, which would wait 0.4 s for it.
_API_SECONDS = 4.0


# Half of what a start takes is importing FastAPI, pydantic, NumPy and Pillow. The page's frame and Streamlit's files
# need none of them, so a browser loads those meanwhile.
_api = LazyApp("web.api.routes", "api")
_health = LazyApp("web.health", "app")

routes: list[BaseRoute] = [
    *([Route(BASE, to_index)] if BASE else []),
    Route(f"{BASE}/", index),
    Mount(f"{BASE}/app-static", StaticFiles(directory=STATIC)),
    Route(f"{BASE}/healthz", _health),
    Route(f"{BASE}/readyz", _health),
    Route(f"{BASE}/metrics", _health),
    Route(f"{BASE}/api", problems.respond(problems.NOT_FOUND)),  # a response, not a function: for every method
    Mount(f"{BASE}/api", _api),
]

middleware = [
    # Every page but the docs has the inline scripts of the frame, and no others.
    Middleware(SecurityHeaders, policy=content_policy(frame("en"))),
    Middleware(FrontendFiles),
    Middleware(AllowedPaths),
    Middleware(RedactedSessions),
    Middleware(LazyMiddleware, module="web.uploads.page", name="UploadCap", path=UPLOAD_PATH),
]


def _log_to_stderr() -> None:
    """Shows what our own code logs: which backend was chosen and why, limits that came down, decoders that ended."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))
    for name in ("classifier", "web"):
        logger = logging.getLogger(name)
        logger.setLevel(logging.INFO)
        logger.addHandler(handler)
        logger.propagate = False


@asynccontextmanager
async def lifespan(_: st.App) -> AsyncIterator[None]:
    """Loads the default model beside the running server, frees old sessions, and bounds what may take too long."""
    _log_to_stderr()
    malloc.return_large_blocks()
    connections = slow_connections.connections()
    _bound_shutdown()
    running = (_load(), free_closed_sessions(), slow_connections.close_slow(connections))
    tasks = [asyncio.create_task(one) for one in running]
    yield
    for task in tasks:
        task.cancel()
    _forget()


async def _load() -> None:
    try:
        await anyio.to_thread.run_sync(_prepare_page)
    except SystemExit as wrong:  # a setting; through Uvicorn it would end the server, too, but below two tracebacks
        sys.stderr.write(f"{wrong}\n")
        sys.stderr.flush()
        os._exit(1)
    garbage.freeze()
    if not st.get_option("server.headless"):
        # On a desktop. `streamlit run` itself does so for plain scripts only.
        await anyio.to_thread.run_sync(webbrowser.open, f"http://localhost:{st.get_option('server.port')}{BASE}")
    await asyncio.sleep(_API_SECONDS)
    for part in (_health, _api):
        await part.load()
    await garbage.settle()


def _prepare_page() -> None:
    """What the first visitor would wait for."""
    from web.models import models

    models.start()
    with suppress(ImportError):  # what Streamlit imports for the first label in Chinese; no promise of Streamlit's
        import_module("streamlit.emojis")


def _bound_shutdown() -> None:
    """Has all requests that came before SIGTERM answered, and ends the process some seconds later even if one hangs.

    Uvicorn alone closes connections whose request it has received but not read yet, and waits without bound.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    before = signal.getsignal(signal.SIGTERM)
    loop = asyncio.get_running_loop()

    def stop(_: int, __: FrameType | None) -> None:
        for seconds, end in ((_LAST_TURN_SECONDS, _refuse_the_rest), (_SHUTDOWN_SECONDS, _give_up)):
            timer = threading.Timer(seconds, end)
            timer.daemon = True
            timer.start()
        loop.call_soon_threadsafe(when_read, 0, time.monotonic() + _ROUNDS_SECONDS)

    def when_read(rounds: int, end: float) -> None:
        if rounds < (_ROUNDS if time.monotonic() < end else _FEWEST_ROUNDS):
            loop.call_soon(when_read, rounds + 1, end)
        elif callable(before):
            before(signal.SIGTERM, None)

    signal.signal(signal.SIGTERM, stop)


def _refuse_the_rest() -> None:
    from web.models import models

    models.queue.close()


def _forget() -> None:
    if "web.models" in sys.modules:
        from web.models import models

        models.forget()


def _give_up() -> None:
    log.warning("some requests did not end within %s s: stopping without them", _SHUTDOWN_SECONDS)
    _forget()
    os._exit(0)
