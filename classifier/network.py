"""Names of hosts, networks and paths as operators write them for a server, each checked in one place.

Origins, by which browsers name the pages of other sites, are in `origins`.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable

# A name or an IPv4 address, an IPv6 address, all names that end so, or all names.
_HOST = re.compile(r"(\*\.)?[\w-]+(\.[\w-]+)*\.?|\[?[0-9a-fA-F:.]*:[0-9a-fA-F:.]+\]?|\*", re.ASCII)


def check_hosts(names: Iterable[str]) -> None:
    """Refuses what is not the name of a host.

    Raises:
        ValueError: naming the first that is none, and what is expected.
    """
    for name in names:
        if not _HOST.fullmatch(name):
            raise ValueError(
                f"{name} is not the name of a host; expected names or addresses without scheme, port and path, "
                "such as demo.example.org,*.example.org"
            )


def check_networks(texts: Iterable[str]) -> None:
    """Refuses what is neither an address nor a network.

    Raises:
        ValueError: naming the first that is neither, and what is expected.
    """
    for text in texts:
        try:
            ipaddress.ip_network(text)
        except ValueError as error:
            raise ValueError(f"{error}; expected addresses or networks, such as 10.0.0.5,172.16.0.0/12") from None


def checked_path(text: str | None) -> str | None:
    """A path with one slash before each of its parts, such as `/demo`; None for none.

    Raises:
        ValueError: it is not one under which a proxy can put a server.
    """
    path = (text or "").strip("/")
    if not all(re.fullmatch(r"[\w~-][\w.~-]*", part, re.ASCII) for part in path.split("/") if path):
        raise ValueError("expected a path of letters, digits and . _ ~ -, such as /demo")
    return f"/{path}" if path else None


def without_credentials(value: object) -> str:
    """A value for a message, without the user and password that an address in it has."""
    return re.sub(r"//\S*@", "//...@", str(value or ""))
