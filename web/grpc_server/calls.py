"""Handles a call: who it is from, whether it may come in, its message, its answer or the reason why there is none.

A call that takes one message and answers one is handled as if it had streams of them: gRPC's server then leaves it to
us when the message is read, and by when the answer must have been taken.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import grpc

from classifier.errors import ClassifierError, ProtocolError, ShareError
from classifier.machine.cancellation import Cancellation
from classifier.machine.clients import Shares
from classifier.machine.pace import Pace
from classifier.protocols.protobuf import Message
from web import metrics
from web.api.keys import client_of_key
from web.clients import CLIENTS, TrustedProxies, named
from web.errors import TooMuchSentError
from web.grpc_server.front import Caller, Front
from web.grpc_server.statuses import UNEXPECTED, details, http_status_of, status_of, trailers
from web.server import access_log
from web.server.refusals import SECONDS
from web.uploads.budget import Reservation, budget

log = logging.getLogger(__name__)

SENDING_SECONDS = 30.0
"""The longest time that a caller may take for an answer."""


class Call(NamedTuple):
    """What a method is told of its caller.

    Attributes:
        client: who calls, see `web.clients`.
        cancellation: is cancelled when the caller has gone or does not wait any more.
    """

    client: str
    cancellation: Cancellation


class RefusedError(Exception):
    """An answer of gRPC's own kind, which nothing over HTTP has.

    Attributes:
        status: of the call.
        sentence: why.
    """

    def __init__(self, status: grpc.StatusCode, sentence: str) -> None:
        """Args: as the attributes."""
        super().__init__(sentence)
        self.status = status
        self.sentence = sentence


@dataclass(frozen=True, slots=True)
class Method:
    """A method that can be called.

    Attributes:
        answer: makes the answer to a message, both as bytes.
        free: whether it needs no key.
    """

    answer: Callable[[bytes, Call], Awaitable[bytes]]
    free: bool = False


class Calls(grpc.GenericRpcHandler):  # type: ignore[misc]  # has no types
    """All calls of one server."""

    def __init__(self, methods: dict[str, Method], front: Front, proxies: TrustedProxies, most: int) -> None:
        """Nobody calls yet.

        Args:
            methods: by path.
            front: knows the callers' connections.
            proxies: may say who their clients are.
            most: the most calls at a time.
        """
        self._methods = methods
        self._front = front
        self._proxies = proxies
        self._most = most
        self._count = 0
        self._shares = Shares(CLIENTS)
        self._pace = Pace(SECONDS)
        self._working: set[asyncio.Task[bytes]] = set()

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler:
        """Called by gRPC's server for each call."""
        path = details.method
        method = self._methods.get(path)
        sent: list[tuple[str, str]] = list(details.invocation_metadata)
        if method is None:
            return grpc.stream_stream_rpc_method_handler(partial(self._refuse, path, sent))

        async def handle(_: object, context: Any) -> None:
            caller = self._front.find(context.peer())
            if caller is None:
                return  # the connection has gone
            caller.calls += 1
            try:
                await self._handle(path, method, sent, caller, context)
            finally:
                caller.calls -= 1

        return grpc.stream_stream_rpc_method_handler(handle)

    async def _refuse(self, path: str, sent: list[tuple[str, str]], _: object, context: Any) -> None:
        """Answers a method that there is not; gRPC's own server would not say which there are."""
        metrics.count_request("gRPC", "", grpc.StatusCode.UNIMPLEMENTED.name, "")
        if caller := self._front.find(context.peer()):
            _log(path, sent, self._address(caller, sent), grpc.StatusCode.UNIMPLEMENTED, time.time())
        services: dict[str, list[str]] = {}
        for path in self._methods:
            service, _, name = path.removeprefix("/").partition("/")
            services.setdefault(service, []).append(name)
        known = "; ".join(f"{service} with {', '.join(names)}" for service, names in services.items())
        await context.abort(grpc.StatusCode.UNIMPLEMENTED, f"There is no such method here. There is {known}.")

    async def _handle(
        self, path: str, method: Method, sent: list[tuple[str, str]], caller: Caller, context: Any
    ) -> None:
        address, key, answer, begin = self._address(caller, sent), "", b"", time.time()
        client = named(address)
        status = grpc.StatusCode.CANCELLED
        try:
            try:
                if not method.free:
                    owner, key = client_of_key([value.encode() for value in _values(sent, "authorization")])
                    client = owner or client
                answer = await self._answer(method, client, caller, context)
                async with asyncio.timeout(SENDING_SECONDS):
                    await context.write(answer)
                status = grpc.StatusCode.OK
            except ClassifierError as error:
                status = status_of(error)
                if isinstance(error, ShareError):
                    await asyncio.sleep(self._pace.count(client))
                await context.abort(status, details(error), trailers(error))
            except RefusedError as error:
                status = error.status
                await context.abort(status, error.sentence)
            except TimeoutError:
                caller.transport.abort()
            except (asyncio.CancelledError, grpc.aio.BaseError):
                raise
            except Exception:
                log.exception("a gRPC call failed")
                status = grpc.StatusCode.INTERNAL
                await context.abort(status, UNEXPECTED)
        finally:
            metrics.count_request("gRPC", path, status.name, key)
            _log(path, sent, address, status, begin, len(answer), key)

    async def _answer(self, method: Method, client: str, caller: Caller, context: Any) -> bytes:
        with self._place(client), Reservation(budget(), client=client) as room:
            message = await caller.arrivals.read(_read(context), room)
            cancellation = Cancellation()
            # A task of its own: what runs in a thread is over only some time after the caller has gone, and gives its
            # turn back then.
            work = asyncio.ensure_future(method.answer(message, Call(client, cancellation)))
            self._working.add(work)
            work.add_done_callback(self._done)
            del message
            try:
                return await asyncio.shield(work)
            except asyncio.CancelledError:
                cancellation.cancel()
                raise

    def _done(self, work: asyncio.Task[bytes]) -> None:
        self._working.discard(work)
        if not work.cancelled():
            work.exception()  # it is told to the caller, if there is one

    @contextmanager
    def _place(self, client: str) -> Iterator[None]:
        """A place among the calls in progress."""
        CLIENTS.seen(client)
        if self._shares.held(client) >= self._shares.bound(client, self._most):
            raise ShareError if CLIENTS.others(client) else TooMuchSentError
        if self._count >= self._most:
            raise TooMuchSentError
        self._count += 1
        self._shares.add(client, 1)
        try:
            yield
        finally:
            self._count -= 1
            self._shares.add(client, -1)

    def _address(self, caller: Caller, sent: list[tuple[str, str]]) -> str:
        """The address of who calls: which a trusted proxy says that it is, else the other end of the connection."""
        if caller.address not in self._proxies:
            return caller.address
        said = [part.strip() for value in _values(sent, "x-forwarded-for") for part in value.split(",")]
        # Each proxy adds the address that called it, so those on the right are known best.
        return next((part for part in reversed(said) if part not in self._proxies), caller.address)


def _log(
    path: str,
    sent: list[tuple[str, str]],
    address: str,
    status: grpc.StatusCode,
    begin: float,
    size: int = 0,
    key: str = "",
) -> None:
    """Writes a call's line into the access log."""
    access_log.write(
        access_log.Entry(
            time=begin,
            client=address,
            status=http_status_of(status),
            bytes=size,
            key=key,
            method="POST",
            path=access_log.shown_path(path),
            protocol="HTTP/2.0",
            duration_ms=(time.time() - begin) * 1000,
            user_agent=next(iter(_values(sent, "user-agent")), ""),
        )
    )


async def _read(context: Any) -> bytes:
    message = await context.read()
    if not isinstance(message, bytes):
        raise ProtocolError("The call has no message.")
    return message


def _values(sent: list[tuple[str, str]], name: str) -> list[str]:
    return [value for key, value in sent if key == name and isinstance(value, str)]


def message_bytes(message: Message) -> bytes:
    """A message as it is sent."""
    found: bytes = message.SerializeToString()
    return found
