"""Who a request is from: one name for each client, by its address."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from starlette.types import Scope

from classifier.machine.clients import Clients

CLIENTS = Clients()
"""The clients of this process; made here, and not by the settings, since connections come before these are read."""

_NETWORK = 64  # bits of an IPv6 address that name one customer of a provider: RFC 6177

_CLIENT = "client"  # in the state of a request, the name that it was given

KEY = "key"
"""In the state of a request, the name of the key that came with it."""


def name_client(scope: Scope, client: str) -> None:
    """Gives the client of a request another name than its address, for what handles the request from here on."""
    scope.setdefault("state", {})[_CLIENT] = client


class TrustedProxies:
    """The proxies that may say, by `X-Forwarded-For`, who their clients are.

    Attributes:
        networks: theirs, as Uvicorn compares them: an IPv4 network also as a part of IPv6, since a server that listens
            on all addresses sees IPv4 ones so.
    """

    def __init__(self, networks: Iterable[str]) -> None:
        """Args: networks: addresses and networks, checked by `classifier.settings`; what is none is left out."""
        found = list(_networks(networks))
        mapped = [
            ipaddress.IPv6Network(f"::ffff:{network.network_address}/{96 + network.prefixlen}")
            for network in found
            if isinstance(network, ipaddress.IPv4Network)
        ]
        self._networks = (*found, *mapped)
        self.networks = [str(network) for network in self._networks]

    def __contains__(self, address: str) -> bool:
        """Whether this is the address of a trusted proxy."""
        if not self._networks:
            return False
        try:
            found = ipaddress.ip_address(address.partition("%")[0])
        except ValueError:
            return False
        return any(found in network for network in self._networks)


def _networks(texts: Iterable[str]) -> Iterable[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    for text in texts:
        try:
            yield ipaddress.ip_network(text.strip())
        except ValueError:
            continue  # the settings are read a little later, and the server then ends with a sentence about it


def client_of(scope: Scope) -> str:
    """The client of a request or a WebSocket, as ASGI describes it: the name that it was given, else its address.

    Uvicorn has put there who a trusted proxy says that it is.
    """
    if given := scope.get("state", {}).get(_CLIENT):
        return str(given)
    client = scope.get("client")
    return named(client[0] if client else None)


def named(address: str | None) -> str:
    """The client with an address: an IPv6 network of 64 bits is one client, and all without an address are one, ""."""
    try:
        found = ipaddress.ip_address((address or "").partition("%")[0])
    except ValueError:
        return ""  # what is no address, any number of which somebody could make up
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped:
            return str(found.ipv4_mapped)
        return str(ipaddress.ip_network((found, _NETWORK), strict=False))
    return str(found)
