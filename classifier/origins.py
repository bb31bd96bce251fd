"""Origins of web pages as operators name them: scheme, host, and the port unless it is the scheme's own.

Needs no other package: the web server reads origins before it imports pydantic and with it the settings.
"""

from __future__ import annotations

import ipaddress
import re

_ORIGIN = re.compile(
    r"(?P<scheme>https?)://(?P<any>\*\.)?(?P<host>\[[0-9a-f:.]+\]|[a-z0-9_-]+(\.[a-z0-9_-]+)*)(:(?P<port>[0-9]{1,5}))?",
    re.IGNORECASE,
)
_OWN_PORT = {"http": 80, "https": 443}
ANY = "*"
"""Stands for all origins."""


def split(text: str) -> tuple[str, ...]:
    """The parts of a text that are separated by commas, without the empty ones."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def normalized(texts: tuple[str, ...], subdomains: bool = False) -> tuple[str, ...]:
    """Origins in the form in which browsers send them, each once.

    Args:
        texts: origins as somebody wrote them, or `*` for all.
        subdomains: whether `https://*.example.org` may stand for every name that ends so.

    Raises:
        ValueError: a text is no origin. The message names it, and an example.
    """
    return tuple(dict.fromkeys(text if text == ANY else _origin(text, subdomains) for text in texts))


def _origin(text: str, subdomains: bool) -> str:
    found = _ORIGIN.fullmatch(text)
    if not found or not _possible(found, subdomains):
        more = ", https://*.example.org" if subdomains else ""
        raise ValueError(
            f"{text!r} is not an origin; expected http or https, a host and perhaps a port, without a path, "
            f"such as https://www.example.org{more} or http://localhost:3000, or * for all"
        )
    scheme, host = found["scheme"].lower(), (found["any"] or "") + found["host"].lower()
    port = int(found["port"] or _OWN_PORT[scheme])
    return f"{scheme}://{host}" + (f":{port}" if port != _OWN_PORT[scheme] else "")


def _possible(found: re.Match[str], subdomains: bool) -> bool:
    """Whether port and address exist."""
    if found["any"] and not subdomains:
        return False
    if found["port"] and not 1 <= int(found["port"]) <= 65535:
        return False
    if found["host"].startswith("["):
        try:
            ipaddress.IPv6Address(found["host"].strip("[]"))
        except ValueError:
            return False
        return not found["any"]
    return True
