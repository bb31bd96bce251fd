"""Answers only requests that call the server by a name of its own.

Else a page of another site could lead its own name to this machine (DNS rebinding), and its scripts would then use page
and API of a server that listens on this machine alone, as if they were its own.

The settings are read here without pydantic, which is imported later; `classifier.settings` checks them.
"""

from __future__ import annotations

import ipaddress
import os
import re
import socket
from collections.abc import Iterable

from starlette.types import ASGIApp, Receive, Scope, Send

from classifier.origins import split
from web.errors import UnknownHostError
from web.problems import respond_to

_VARIABLE = "CLASSIFIER_ALLOWED_HOSTS"
_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[\w.~-]+)(?::\d*)?", re.ASCII | re.IGNORECASE)


def allowed_hosts() -> tuple[str, ...]:
    """The names in CLASSIFIER_ALLOWED_HOSTS."""
    return split(os.environ.get(_VARIABLE, ""))


class KnownHosts:
    """ASGI middleware that answers 400, and refuses WebSockets with 403, where the Host header names another server.

    Names of this machine, such as `localhost`, are always answered where nobody else can connect, and elsewhere to who
    is on this machine, so that checks of the server's health need not know how others call it.
    """

    def __init__(self, app: ASGIApp, address: str | None, allowed: Iterable[str]) -> None:
        """Sets up the names.

        Args:
            app: the app.
            address: what the server listens on; None for everything.
            allowed: names, addresses, `*.` with the end of names, or `*`. If there are none, all are allowed, or on a
                loopback address only those of this machine.
        """
        self.app = app
        names = {_plain(name) for name in allowed}
        self._local = _is_loopback(address or "")
        if self._local:
            names.add(_plain(address or ""))
        self._any = "*" in names or not names
        self._names = names
        self._ends = tuple(name[1:] for name in names if name.startswith("*."))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a request on, or refuses it."""
        if scope["type"] not in ("http", "websocket") or self._knows(scope):
            await self.app(scope, receive, send)
        elif scope["type"] == "http":
            await respond_to(UnknownHostError())(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1008})  # before it is accepted: 403

    def _knows(self, scope: Scope) -> bool:
        given = [value.decode("latin-1") for name, value in scope["headers"] if name == b"host"]
        client = scope.get("client")
        if self._any or not client or not _address(client[0]):  # a Unix socket, which no browser reaches
            return len(given) <= 1  # in HTTP/1.0 there may be none
        found = _HOST.fullmatch(given[0]) if len(given) == 1 else None
        if not found:
            return False
        name = _plain(found[1])
        if name in self._names or name.endswith(self._ends):
            return True
        if self._local and re.fullmatch(r"[\w-]+", name, re.ASCII):
            return True  # a name without a dot, of a network at home or of containers: no site can have one
        return _is_of_this_machine(name) and (self._local or _is_of_this_machine(client[0]))


def _plain(name: str) -> str:
    """A name as it is compared: without brackets and the dot at its end."""
    return name.strip().lower().strip("[]").removesuffix(".")


def _address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return None
    return (isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped) or address


def _is_of_this_machine(name: str) -> bool:
    address = _address(name)
    return address.is_loopback if address else name == "localhost" or name.endswith(".localhost")


def _is_loopback(address: str) -> bool:
    """Whether only this machine reaches a server that listens on this address or name."""
    if not address or _is_of_this_machine(address):
        return bool(address)
    try:
        found = socket.getaddrinfo(address, None, type=socket.SOCK_STREAM)
    except OSError:  # a Unix socket, or a name that nothing can listen on
        return False
    return all(_is_of_this_machine(str(place[0])) for *_, place in found)
