"""Who a request is from: one name for each client, by its address."""

from __future__ import annotations

import ipaddress

from starlette.types import Scope

from classifier.machine.clients import Clients

CLIENTS = Clients()
"""The clients of this process; made here, and not by the settings, since connections come before these are read."""

_NETWORK = 64  # bits of an IPv6 address that name one customer of a provider: RFC 6177

_CLIENT = "client"  # in the state of a request, the name that it was given


def name_client(scope: Scope, client: str) -> None:
    """Gives the client of a request another name than its address, for what handles the request from here on."""
    scope.setdefault("state", {})[_CLIENT] = client


def client_of(scope: Scope) -> str:
    """The client of a request or a WebSocket, as ASGI describes it: the name that it was given, else its address.

    Uvicorn has put there who a trusted proxy says that it is.
    """
    if given := scope.get("state", {}).get(_CLIENT):
        return str(given)
    client = scope.get("client")
    return named(client[0] if client else None)


def named(address: str | None) -> str:
    """The client with an address: an IPv6 network of 64 bits is one client; "" if there is no address."""
    try:
        found = ipaddress.ip_address((address or "").partition("%")[0])
    except ValueError:
        return address or ""
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped:
            return str(found.ipv4_mapped)
        return str(ipaddress.ip_network((found, _NETWORK), strict=False))
    return str(found)
