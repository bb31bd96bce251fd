"""Puts page, API, health and metrics together: the routes beside Streamlit's own, and the life of the server."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import webbrowser
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING

import anyio.to_thread
import streamlit as st
from starlette.middleware import Middleware
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from classifier.errors import ClassifierError
from classifier.machine import malloc
from web import problems
from web.base_path import BASE
from web.server import garbage, shutdown, slow_connections
from web.server.background import supervised
from web.server.headers import SecurityHeaders, content_policy
from web.server.lazy import LazyApp, LazyMiddleware
from web.streamlit_internals.allowed_paths import AllowedPaths
from web.streamlit_internals.frontend import FrontendFiles
from web.streamlit_internals.index_page import STATIC, frame, index, to_index
from web.streamlit_internals.redaction import RedactedSessions
from web.streamlit_internals.sessions import UPLOAD_PATH, free_closed_sessions

if TYPE_CHECKING:
    from web.models import Models

# After the model is ready the API is imported when somebody asks for it, or this much later: not while the first
# visitor's page is being drawn, which would wait 0.4 s for it.
_API_SECONDS = 4.0


# Half of what a start takes is importing FastAPI, pydantic, NumPy and Pillow. The page's frame and Streamlit's files
# need none of them, so a browser loads those meanwhile: nothing here imports them but these and `_Server`.
_api = LazyApp("web.api.routes", "make_api")
_health = LazyApp("web.health", "make_health")

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
    server = _Server()
    shutdown.bound(server.refuse_waiting, server.clean_up)
    running = (
        supervised("loading the model", server.load),
        supervised("freeing closed sessions", free_closed_sessions),
        supervised("closing slow connections", partial(slow_connections.close_slow, connections)),
    )
    tasks = [asyncio.create_task(one) for one in running]
    yield
    for task in tasks:
        task.cancel()
    server.clean_up()


class _Server:
    """What belongs to one run of the server and is there only after a while: its models."""

    def __init__(self) -> None:
        self._models: Models | None = None

    async def load(self) -> None:
        """Loads the default model, then what the first visitors do not wait for."""
        try:
            await anyio.to_thread.run_sync(self._prepare_page)
        except ClassifierError as wrong:  # a setting: a server that cannot know its limits must not start
            sys.stderr.write(f"{wrong.message}\n")
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

    def refuse_waiting(self) -> None:
        """Sends away all who wait for their turn."""
        if self._models:
            self._models.queue.close()

    def clean_up(self) -> None:
        """Removes what must not outlive the process."""
        if self._models:
            self._models.forget()

    def _prepare_page(self) -> None:
        """What the first visitor would wait for."""
        from web.models import models  # late, as said above

        self._models = models()
        self._models.start()
        with suppress(ImportError):  # what Streamlit imports for the first label in Chinese; no promise of Streamlit's
            import_module("streamlit.emojis")
