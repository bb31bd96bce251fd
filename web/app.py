"""Puts page, API, health and metrics together: the routes beside Streamlit's own, and the server's start and end."""

from __future__ import annotations

import asyncio
import os
import sys
import webbrowser
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, NoReturn

import anyio.from_thread
import anyio.to_thread
import streamlit as st
from starlette.middleware import Middleware
from starlette.routing import BaseRoute, Mount, Route

from classifier.errors import ClassifierError
from classifier.formatting import one_line
from web import service
from web.base_path import BASE
from web.own_files import FOLDERS, OwnFiles
from web.page import document, installing
from web.server import access_log, garbage, hangup, shutdown, slow_connections, uvicorn_server
from web.server.background import supervised
from web.server.headers import SecurityHeaders, content_policy
from web.server.lazy import LazyApp
from web.server.visits import VisitLimit
from web.streamlit_internals import external_address, media_addresses
from web.streamlit_internals.allowed_paths import AllowedPaths
from web.streamlit_internals.frontend import FrontendFiles, compress
from web.streamlit_internals.index_page import frame, index, to_index
from web.streamlit_internals.page_messages import PageMessages
from web.streamlit_internals.redaction import RedactedSessions
from web.streamlit_internals.runs import RunTurns
from web.streamlit_internals.script_loops import SpareLoops
from web.streamlit_internals.sessions import free_closed_sessions

if TYPE_CHECKING:
    from web.grpc_server.server import GrpcServer
    from web.models import Models

# The API is imported this long after the model is ready, or when it is first asked for. Importing it while the first
# visitor's page is drawn would delay that page by 0.4 s.
_API_SECONDS = 4.0

# The longest time that calls over gRPC may take to end with the server; `shutdown` ends it earlier if need be.
_GRPC_SECONDS = 10.0


routes: list[BaseRoute] = [
    *([Route(BASE, to_index)] if BASE else []),
    Route(f"{BASE}/", index(document.html, installing.head)),
    *installing.ROUTES,
    Mount(f"{BASE}/page", LazyApp("web.page.routes", "make_page")),
    *(Mount(f"{BASE}/{path}", OwnFiles(directory=folder)) for path, folder in FOLDERS.items()),
    *service.ROUTES,
]

middleware = [
    *([Middleware(access_log.AccessLog)] if access_log.FORM else []),
    Middleware(shutdown.LastAnswers),
    # Every page but the docs has the inline scripts of the frame, and no others.
    Middleware(SecurityHeaders, policy=content_policy(frame("en"))),
    *service.checks(st.get_option("server.address")),
    Middleware(VisitLimit),
    Middleware(FrontendFiles),
    Middleware(AllowedPaths),
    Middleware(SpareLoops),
    Middleware(PageMessages),
    Middleware(RunTurns),
    Middleware(RedactedSessions),
]

media_addresses.hide()


def _end(why: str) -> NoReturn:
    sys.stderr.write(f"{why}\n")
    sys.stderr.flush()
    os._exit(1)


@asynccontextmanager
async def lifespan(_: st.App) -> AsyncIterator[None]:
    """Loads the models while the server runs, frees old sessions, closes slow connections, bounds the shutdown."""
    rate = service.prepare_process()
    external_address.never_ask()
    uvicorns = uvicorn_server.find()
    server = _Server()
    shutdown.bound(server.stop_delay, server.refuse_waiting, server.clean_up)
    hangup.bound(server.reload)
    running = [
        supervised("loading the model", server.load),
        supervised("loading the rest of the server", server.load_rest),
        supervised("freeing closed sessions", free_closed_sessions),
        supervised("collecting garbage", garbage.collect),
        supervised("counting what the log leaves out", rate.report),
    ]
    if uvicorns is not None:
        backlog = uvicorns.config.backlog
        uvicorn_server.prepare(uvicorns)
        connections = uvicorns.server_state.connections
        running += [
            supervised("closing slow connections", partial(slow_connections.close_slow, connections)),
            supervised("letting callers wait", partial(uvicorn_server.listen, uvicorns, backlog)),
        ]
    tasks = [asyncio.create_task(task) for task in running]
    yield
    await server.stop_grpc()
    for task in tasks:
        task.cancel()
    server.clean_up()


class _Server:
    """The models of one run of the server, which exist only some time after its start."""

    def __init__(self) -> None:
        self._models: Models | None = None
        self._grpc: GrpcServer | None = None
        self._loaded = asyncio.Event()

    async def load(self) -> None:
        """Loads the default model, and opens the page on a desktop."""
        try:
            await anyio.to_thread.run_sync(self._prepare_page)
        except ClassifierError as wrong:  # in a setting: a server that does not know its limits must not start
            _end(wrong.message)
        except (MemoryError, ImportError, RuntimeError) as short:  # of memory or of threads; nobody could be served
            reason = one_line(short, longest=None)
            _end(f"The server cannot start. Allow it more memory, processes and threads. ({reason})")
        garbage.freeze()
        self._loaded.set()
        if not st.get_option("server.headless"):
            # On a desktop, open the page: `streamlit run` itself does that only for plain scripts.
            await anyio.to_thread.run_sync(webbrowser.open, f"http://localhost:{st.get_option('server.port')}{BASE}")

    async def load_rest(self) -> None:
        """Loads what the first visitors do not need, a moment after the page is ready for them."""
        await self._loaded.wait()
        await asyncio.sleep(_API_SECONDS)
        await service.import_parts()
        await anyio.to_thread.run_sync(compress, frame("en"))
        await garbage.settle()

    def stop_delay(self) -> float:
        """Seconds for which to answer after having been asked to end; none before anybody was told to come here."""
        return self._models.settings.stop_delay if self._models and self._models.state == "ready" else 0.0

    def reload(self) -> None:
        """Has all packages of models read again."""
        if self._models:
            self._models.reloading.ask()

    def refuse_waiting(self) -> None:
        """Refuses all pictures that wait for their turn."""
        if self._models:
            self._models.queue.close()

    async def stop_grpc(self) -> None:
        """Takes no more calls over gRPC, and waits for those in progress."""
        if self._grpc:
            await self._grpc.stop(_GRPC_SECONDS)

    def clean_up(self) -> None:
        """Removes what must not outlive the process."""
        if self._grpc:
            self._grpc.clean_up()
        if self._models:
            self._models.forget()

    def _prepare_page(self) -> None:
        """Loads what the first visitor would have to wait for."""
        from web.models import models  # imported late, as said above

        self._models = models()
        # What is wrong with these ends the start; imported only where they are used, as the page waits for it.
        if self._models.settings.api_keys_file:
            from web.api.keys import keys

            keys()
        if self._models.settings.metrics_port:
            from web.health import serve_metrics

            serve_metrics(st.get_option("server.address") or "", self._models.settings.metrics_port)
        if self._models.settings.grpc_port:
            from web.grpc_server import make_server

            self._grpc = anyio.from_thread.run(
                make_server(), st.get_option("server.address") or "", self._models.settings.grpc_port
            )
        self._models.start()
        self._models.reloading.run()
        from web.page.offer import offer

        document.introduce(offer)
        with suppress(ImportError):  # private; Streamlit imports it for the first label in Chinese
            import_module("streamlit.emojis")
