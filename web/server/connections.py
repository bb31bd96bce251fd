"""Bounds the connections of the server: in all, and those of each client while others need some.

A connection belongs to the address at its other end. Behind a proxy that is the proxy, which therefore has no share if
it is trusted: its clients have shares of what they do, such as visits and pictures.
"""

from __future__ import annotations

import asyncio
import socket
import time
from typing import Any, Protocol, cast

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from classifier.errors import ClassifierError, ShareError
from classifier.machine.clients import Clients, Shares
from classifier.machine.cpus import cpu_count
from classifier.machine.pace import Pace
from web.clients import TrustedProxies, named
from web.errors import MalformedRequestError, TooManyConnectionsError
from web.problems import as_bytes, from_error
from web.server import access_log
from web.server.capacity import Capacity
from web.server.chunks import BoundedChunks

READING_SECONDS = 2.0
"""Seconds that a caller who is refused has to send its request and read why; closing earlier may destroy the answer."""

RATE = 50 * cpu_count()
"""New connections a second that one client may make while others are present: more than pictures can be classified."""

BURST = 300
"""New connections that may come at once: those of an office whose people all open the page."""

PROXY_SECONDS = 620
"""Seconds for which a trusted proxy may keep a connection that it does not use.

It is the proxy that has to close it first: else it may just be sending a request on one that is being closed here, and
it cannot know whether that was read. Google's proxies keep theirs for 600 s, Traefik for 90 s, ingress-nginx for 60 s.
"""

_SETTLED = 1.0  # seconds after which an open connection without a request counts as idle

_ANSWERS = {kind: as_bytes(from_error(kind()), kind.retry_after) for kind in (ShareError, TooManyConnectionsError)}
_MALFORMED = as_bytes(from_error(MalformedRequestError()))


class Bounded(Protocol):
    """A connection as those who bound it see it.

    Attributes:
        client_name: whose it is; None before it is taken in, and once it has gone.
        transport: closes it.
    """

    client_name: str | None
    transport: asyncio.Transport

    @property
    def idle(self) -> bool:
        """Whether nothing is lost by closing it."""


class Connections:
    """All connections of one server. Everything here runs on its event loop."""

    def __init__(self, capacity: Capacity, clients: Clients, proxies: TrustedProxies) -> None:
        """Args: capacity: bounds; clients: all clients; proxies: addresses that have no share of their own."""
        self._capacity = capacity
        self._proxies = proxies
        self._clients = clients
        self._shares = Shares(clients)
        self._pace = Pace(1 / RATE, BURST)
        self._total = 0
        self._open: dict[str, dict[Bounded, None]] = {}
        self._refused: dict[Connection, None] = {}

    def is_from_proxy(self, address: str) -> bool:
        """Whether a trusted proxy is at the other end."""
        return address in self._proxies

    def add(self, connection: Bounded, address: str) -> ClassifierError | None:
        """Takes a connection in, or gives the reason not to."""
        client = named(address)
        if address not in self._proxies and not self._is_within_share(client):
            return ShareError()
        if self._total >= self._capacity.connections and not self._make_room(client):
            return TooManyConnectionsError()
        self._total += 1
        self._shares.add(client, 1)
        self._open.setdefault(client, {})[connection] = None
        connection.client_name = client
        return None

    def remove(self, connection: Bounded) -> None:
        """Lets a connection go, taken in or refused; does nothing if it has gone already."""
        self._refused.pop(connection, None)  # type: ignore[call-overload]  # no key of it, if it is of another kind
        client = connection.client_name
        if client is None:
            return
        connection.client_name = None
        self._total -= 1
        self._shares.add(client, -1)
        del self._open[client][connection]
        if not self._open[client]:
            del self._open[client]

    def refuse(self, connection: Connection) -> None:
        """Keeps a refused connection while its caller reads; closes the oldest of them if they are too many."""
        self._refused[connection] = None
        if len(self._refused) > self._capacity.refused:
            next(iter(self._refused)).give_up()

    def _is_within_share(self, client: str) -> bool:
        if self._shares.held(client) >= self._shares.bound(client, self._capacity.connections):
            return False
        if self._pace.wait(client) and self._clients.others(client):
            return False
        self._pace.count(client)
        return True

    def _make_room(self, newcomer: str) -> bool:
        """Closes an idle connection of the client that has most, unless the newcomer has as many."""
        heaviest = max(self._open, key=lambda client: len(self._open[client]), default=newcomer)
        if self._shares.held(heaviest) <= self._shares.held(newcomer) + 1:
            return False
        idle = next((one for one in self._open[heaviest] if one.idle), None)
        if idle is None:
            return False
        self.remove(idle)
        idle.transport.close()
        return True


class Connection(H11Protocol):
    """Uvicorn's protocol by h11, for a connection that may be refused, and on which small answers are sent at once.

    Streamlit makes its listening socket without a protocol number. asyncio then does not recognise the connections as
    TCP ones and leaves Nagle's algorithm on: the second packet of an answer waits until the caller has acknowledged the
    first, which takes 40 ms on a connection that is kept open. The page's WebSocket suffers in the same way.
    """

    def __init__(self, connections: Connections, **uvicorns: Any) -> None:
        """Args: connections: all connections; uvicorns: what Uvicorn gives to a protocol."""
        super().__init__(**uvicorns)
        self.client_name: str | None = None
        self.conn = BoundedChunks(h11.SERVER)
        self._all = connections
        self._made = time.monotonic()
        self._end: asyncio.TimerHandle | None = None
        self._websocket_class: Any = self.ws_protocol_class
        if self._websocket_class is not None:
            self.ws_protocol_class = cast("Any", self._websocket)

    @property
    def idle(self) -> bool:
        """Whether nothing is lost by closing it: there is no request on it, and there was time for one."""
        return (
            self.conn.their_state is h11.IDLE
            and self.conn.trailing_data[0] == b""
            and getattr(self.cycle, "response_complete", True)  # there is no cycle before the first request
            and time.monotonic() - self._made > _SETTLED
            and not self.transport.is_closing()
        )

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Called by asyncio for each new connection."""
        connection = cast("socket.socket", transport.get_extra_info("socket"))
        if connection.family in (socket.AF_INET, socket.AF_INET6):  # not a Unix socket, which has no such option
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        peer = transport.get_extra_info("peername")
        address = str(peer[0]) if isinstance(peer, tuple) else ""
        if self._all.is_from_proxy(address):
            self.timeout_keep_alive = PROXY_SECONDS
        why_not = self._all.add(self, address)
        if why_not is None:
            super().connection_made(transport)
        else:
            self._refuse(transport, why_not)

    def data_received(self, data: bytes) -> None:
        """Called by asyncio for each piece; what a refused caller sends is dropped."""
        if self._end is None:
            super().data_received(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by asyncio at the end, unless a WebSocket has taken the connection over."""
        self._all.remove(self)
        if self._end is None:
            super().connection_lost(exc)
        else:
            self._end.cancel()

    def send_400_response(self, msg: str) -> None:
        """Called by Uvicorn when what arrived is not HTTP: answers in the shape of all our errors, and closes."""
        begun = cast(RequestResponseCycle | None, self.cycle)
        if begun and not begun.response_complete:  # it is the body that is not HTTP: the app has nobody to answer
            begun.disconnected = True
            begun.message_event.set()
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            self.transport.write(_MALFORMED)
            _log(self.transport, MalformedRequestError.status)
        self.transport.close()

    def give_up(self) -> None:
        """Closes a refused connection."""
        self._all.remove(self)
        self.transport.close()

    def _refuse(self, transport: asyncio.Transport, error: ClassifierError) -> None:
        self.transport = transport
        self._end = self.loop.call_later(READING_SECONDS, self.give_up)
        self._all.refuse(self)
        transport.write(_ANSWERS[type(error)])  # type: ignore[index]
        _log(transport, error.status)
        try:
            transport.write_eof()
        except (NotImplementedError, OSError):  # of TLS, which closes in its own way; or the caller has gone
            self.give_up()

    def _websocket(self, **uvicorns: Any) -> asyncio.Protocol:
        """What Uvicorn makes for a WebSocket, which tells us when the connection is lost."""
        protocol = cast("asyncio.Protocol", self._websocket_class(**uvicorns))
        lost = protocol.connection_lost

        def connection_lost(exc: Exception | None) -> None:
            self._all.remove(self)
            lost(exc)

        protocol.connection_lost = connection_lost  # type: ignore[method-assign]
        return protocol


def _log(transport: asyncio.Transport, status: int) -> None:
    """Writes the access log's line for a request that was not read; of its answer's bytes it does not tell."""
    peer = transport.get_extra_info("peername")
    address = str(peer[0]) if isinstance(peer, tuple) else ""
    access_log.write(access_log.Entry(time.time(), address, status, 0))
