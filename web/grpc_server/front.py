"""Takes the connections of gRPC's callers, and passes their bytes to gRPC's own server and back.

That server bounds neither the connections of a client nor how slowly it reads, and says nothing of a message until it
is complete. So it listens on a Unix socket in a folder of this process, and what its callers send comes through here.
Each connection to it has a name, by which a call finds its caller's connection.
"""

from __future__ import annotations

import asyncio
import itertools
import shutil
import socket
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import cast

from web.grpc_server.arrivals import Arrivals
from web.grpc_server.frames import GOAWAY, Frames
from web.server.connections import Connections

SILENT_SECONDS = 10.0
"""The longest time from a connection's beginning to its first byte."""

STALLED_SECONDS = 30.0
"""The longest time for which a caller may leave unread what is sent to it."""

_SETTLED = 1.0  # seconds without a byte after which a connection without a call counts as idle


class Front:
    """Listens for callers. Everything here runs on the server's event loop.

    Attributes:
        socket: where gRPC's own server has to listen.
    """

    def __init__(self, connections: Connections) -> None:
        """Args: connections: bounds those that come here."""
        self._connections = connections
        self._folder = Path(tempfile.mkdtemp(prefix="classifier-grpc-"))  # which only this user may enter
        self.socket = self._folder / "server"
        self._numbers = itertools.count()
        self._open: dict[str, Caller] = {}
        self._server: asyncio.Server | None = None

    async def listen(self, host: str, port: int, backlog: int) -> int:
        """Takes connections from now on.

        Args:
            host: address to listen on; "" for all.
            port: port to listen on; 0 for a free one.
            backlog: connections that are accepted in one round of the event loop.

        Returns:
            The port.

        Raises:
            OSError: nothing can listen there.
        """
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._caller, host or None, port, backlog=backlog)
        return int(self._server.sockets[0].getsockname()[1])

    def find(self, peer: str) -> Caller | None:
        """The caller's connection, by what gRPC's server calls its end; None if it has gone."""
        return self._open.get(peer.rpartition("/")[2])

    def stop_listening(self) -> None:
        """Takes no more connections; those that are open go on."""
        if self._server:
            self._server.close()

    def say_goodbye(self) -> bool:
        """Asks all callers for no more calls here; returns whether there are any left, to whom it may still be said."""
        for caller in self._open.values():
            caller.say_goodbye()
        return bool(self._open)

    def clean_up(self) -> None:
        """Closes all connections and removes the folder."""
        self.stop_listening()
        for caller in list(self._open.values()):
            caller.transport.abort()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _caller(self) -> asyncio.Protocol:
        name = str(next(self._numbers))
        return Caller(self._connections, self._connect(name), lambda caller: self._opened(name, caller))

    def _opened(self, name: str, caller: Caller | None) -> None:
        if caller:
            self._open[name] = caller
        else:
            self._open.pop(name, None)

    def _connect(self, name: str) -> Callable[[Caller], asyncio.Future[None]]:
        async def connect(caller: Caller) -> None:
            """Connects to gRPC's server from a socket that has the caller's name."""
            path = self._folder / name
            inner = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                inner.setblocking(False)
                inner.bind(str(path))
                loop = asyncio.get_running_loop()
                await loop.sock_connect(inner, str(self.socket))
                await loop.create_unix_connection(lambda: _Inner(caller), sock=inner)
            except OSError:
                inner.close()
                caller.transport.abort()
            finally:
                path.unlink(missing_ok=True)

        return lambda caller: asyncio.ensure_future(connect(caller))


class _Relayed(asyncio.Protocol):
    """One end of a connection that passes on what it reads, no faster than the other end takes it."""

    other: _Relayed | None = None
    transport: asyncio.Transport
    _stalled: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        if self.other and not self.other.transport.is_closing():
            self.other.transport.write(data)

    def pause_writing(self) -> None:
        if self.other:
            self.other.transport.pause_reading()
        self._stalled = asyncio.get_running_loop().call_later(STALLED_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        if self._stalled:
            self._stalled.cancel()
        if self.other:
            with suppress(RuntimeError):  # it is closing
                self.other.transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._stalled:
            self._stalled.cancel()
        if self.other:
            self.other.transport.close()


class _Inner(_Relayed):
    """The end at gRPC's server."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller
        self._frames = Frames()
        self._goodbye = False
        self._said = False

    def say_goodbye(self) -> None:
        """Asks the caller for no more calls, as soon as that can be said."""
        self._goodbye = True
        if self.other and self._frames.between and not self._said:
            self._said = True
            self.other.transport.write(GOAWAY)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._frames.follow(data)
        if self._goodbye:
            self.say_goodbye()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._caller.connected(self)


class Caller(_Relayed):
    """A caller's connection.

    Attributes:
        address: the IP address at its other end.
        client_name: as `Connections` wants it.
        calls: how many calls are in progress on it.
        arrivals: the messages that are arriving on it.
    """

    def __init__(
        self,
        connections: Connections,
        connect: Callable[[Caller], asyncio.Future[None]],
        opened: Callable[[Caller | None], None],
    ) -> None:
        """Made by `Front`.

        Args:
            connections: bounds all connections.
            connect: connects to gRPC's server.
            opened: told this connection once it is taken in, and None when it is lost.
        """
        self.address = ""
        self.client_name: str | None = None
        self.calls = 0
        self.arrivals = Arrivals()
        self._connections = connections
        self._connect = connect
        self._opened = opened
        self._connecting: asyncio.Future[None] | None = None
        self._silence: asyncio.TimerHandle | None = None
        self._last = 0.0  # when the last bytes came

    @property
    def idle(self) -> bool:
        """Whether nothing is lost by closing it: there is no call on it, and there was time for one."""
        quiet = asyncio.get_running_loop().time() - self._last
        return not self.calls and quiet > _SETTLED and not self.transport.is_closing()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by asyncio; a connection over a bound is closed, which gRPC's clients take for `UNAVAILABLE`."""
        super().connection_made(transport)
        peer = transport.get_extra_info("peername")
        self.address = str(peer[0]) if peer else ""
        if self._connections.add(self, self.address) is not None:
            self.transport.abort()
            return
        loop = asyncio.get_running_loop()
        self._last = loop.time()
        self._silence = loop.call_later(SILENT_SECONDS, self.transport.abort)
        self._opened(self)
        self.transport.pause_reading()
        self._connecting = self._connect(self)

    def say_goodbye(self) -> None:
        """Asks for no more calls; those that are made until it arrives are answered, too."""
        if isinstance(self.other, _Inner):
            self.other.say_goodbye()

    def connected(self, inner: _Relayed) -> None:
        """Begins to pass bytes on."""
        if self.transport.is_closing():
            inner.transport.close()
            return
        self.other, inner.other = inner, self
        self.transport.resume_reading()

    def data_received(self, data: bytes) -> None:
        """Called by asyncio for each piece."""
        if self._silence:
            self._silence.cancel()
        self._last = asyncio.get_running_loop().time()
        self.arrivals.count(len(data))
        super().data_received(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by asyncio at the end."""
        self._connections.remove(self)
        self._opened(None)
        if self._silence:
            self._silence.cancel()
        super().connection_lost(exc)
