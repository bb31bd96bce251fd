"""The Uvicorn server that runs this program: how it is found, and what of it is set otherwise than Streamlit does."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
from functools import partial
from typing import Any

import uvicorn
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from classifier.origins import split
from web.clients import CLIENTS, TrustedProxies
from web.server import websocket_frames
from web.server.capacity import capacity
from web.server.connections import Connection, Connections

log = logging.getLogger(__name__)

PROXIES = "CLASSIFIER_TRUSTED_PROXIES"
"""The setting; read here, since connections come before `classifier.settings` and pydantic are imported."""

PAUSE = 0.1
"""Seconds between two looks whether the server listens."""


def trusted_proxies() -> TrustedProxies:
    """The proxies that the setting names."""
    return TrustedProxies(split(os.environ.get(PROXIES, "")))


def find() -> uvicorn.Server | None:
    """The server, by its handler of SIGTERM; None elsewhere than in Uvicorn.

    So call this while the server starts, before anything else handles SIGTERM.
    """
    server = getattr(signal.getsignal(signal.SIGTERM), "__self__", None)
    if isinstance(server, uvicorn.Server):
        return server
    log.warning("no Uvicorn server as Streamlit starts it: connections are not bounded, and silent ones stay open")
    return None


def prepare(server: uvicorn.Server) -> None:
    """Sets who is trusted to name clients, and bounds the connections; call it before one is accepted.

    From then on h11 parses all requests: with Uvicorn's other parsers, zttp and httptools (its default if installed),
    nothing tells whether a request has begun.
    """
    proxies = trusted_proxies()
    config = server.config
    _trust(config, proxies)
    connections = Connections(capacity(), CLIENTS, proxies)
    websocket_frames.bound(config)
    config.http_protocol_class = partial(Connection, connections)  # type: ignore[assignment]
    config.backlog = capacity().batch  # asyncio accepts as many in one round; see `listen` for the other meaning


async def listen(server: uvicorn.Server, backlog: int) -> None:
    """Lets as many callers wait for `accept` as before `prepare`, as soon as the server listens.

    Args:
        server: which `prepare` has had.
        backlog: the most that may wait.
    """
    while not server.started:
        await asyncio.sleep(PAUSE)
    for listener in server.servers:
        for listening in listener.sockets:
            # asyncio does not let its own object be told to listen again, but a duplicate is the same socket.
            with socket.socket(fileno=os.dup(listening.fileno())) as same:
                same.listen(backlog)


def _trust(config: uvicorn.Config, proxies: TrustedProxies) -> None:
    """Replaces Uvicorn's own list of trusted proxies, which has this machine on it."""
    app: Any = config.loaded_app
    if isinstance(app, ProxyHeadersMiddleware):
        app = app.app
    config.loaded_app = ProxyHeadersMiddleware(app, trusted_hosts=proxies.networks) if proxies.networks else app
