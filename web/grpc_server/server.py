"""Starts and ends gRPC's own server, and what stands in front of it."""

from __future__ import annotations

import asyncio
import time

import grpc

from classifier.machine.cpus import cpu_count
from web.clients import CLIENTS, TrustedProxies
from web.grpc_server.calls import Calls
from web.grpc_server.front import Front
from web.grpc_server.methods import make_methods
from web.models import models
from web.server.capacity import grpc_capacity
from web.server.connections import Connections
from web.uploads.budget import FRAMING

_STREAMS = 100  # calls at a time on one connection, as HTTP/2 recommends as the least
_IDLE = 300_000  # ms after which a connection without a call is closed, with a word to its client
_SILENT = 10_000  # ms that a client may take for HTTP/2's first exchange
_FAREWELL = 1.0  # seconds in which callers hear that they are to go elsewhere; who has no call then closes
_LOOK = 0.02  # seconds between two looks whether all have gone
_PINGS = 5_000  # ms between pings of a client, by which it keeps a connection open; by itself gRPC wants 300,000
_SPARE = 32  # calls beside those of the pictures that are worked on or waiting


class GrpcServer:
    """One server; to be used on the event loop that serves everything else."""

    def __init__(self) -> None:
        """Listens nowhere yet."""
        settings = models().settings
        proxies = TrustedProxies(settings.trusted_proxies)
        self._capacity = grpc_capacity()
        self._front = Front(Connections(self._capacity, CLIENTS, proxies))
        calls = Calls(make_methods(), self._front, proxies, models().queue.bound + _SPARE + cpu_count())
        self._server = grpc.aio.server(
            handlers=(calls,),
            options=(
                ("grpc.max_receive_message_length", settings.max_bytes + FRAMING),
                ("grpc.max_send_message_length", -1),
                ("grpc.max_concurrent_streams", _STREAMS),
                ("grpc.max_connection_idle_ms", _IDLE),
                ("grpc.server_handshake_timeout_ms", _SILENT),
                ("grpc.http2.min_ping_interval_without_data_ms", _PINGS),
                ("grpc.keepalive_permit_without_calls", 1),
                # What is sent of a message that nobody asked for stays small, however fast the line is.
                ("grpc.http2.bdp_probe", 0),
                ("grpc.so_reuseport", 0),
            ),
        )

    async def start(self, host: str, port: int) -> int:
        """Begins to serve.

        Args:
            host: address to listen on; "" for all.
            port: port to listen on; 0 for a free one.

        Returns:
            The port.

        Raises:
            OSError: nothing can listen there.
        """
        self._server.add_insecure_port(f"unix:{self._front.socket}")
        await self._server.start()
        return await self._front.listen(host, port, self._capacity.batch)

    async def stop(self, seconds: float) -> None:
        """Takes no more calls, and returns when those in progress have ended, or after some seconds.

        By itself, gRPC's server cancels the calls that come after it was asked to end and before its callers know.
        """
        self._front.stop_listening()
        end = time.monotonic() + min(seconds, _FAREWELL)
        while self._front.say_goodbye() and time.monotonic() < end:
            await asyncio.sleep(_LOOK)
        await self._server.stop(seconds)
        self.clean_up()

    def clean_up(self) -> None:
        """Removes what must not outlive the process."""
        self._front.clean_up()
