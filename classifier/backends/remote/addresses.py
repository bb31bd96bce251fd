"""The addresses of an engine as operators write them: `http(s)|grpc(s)://host:port[/model]`, separated by commas.

Needs no other package: settings read addresses, and must not wait for NumPy.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal, NamedTuple
from urllib.parse import unquote, urlsplit

Scheme = Literal["http", "https", "grpc", "grpcs"]
ProtocolName = Literal["oip", "tfs"]

_SCHEMES: dict[str, Scheme] = {"http": "http", "https": "https", "grpc": "grpc", "grpcs": "grpcs"}
_PORTS = {"http": 80, "https": 443}
_EXPECTED = "expected http, https, grpc or grpcs, a host, a port and perhaps a model, such as http://engine:8000/model"
_HOST = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?\.?|[0-9a-fA-F:.]+(%[A-Za-z0-9_.-]+)?")
_PREFIX = re.compile(r"v[12]/models/")  # as in the addresses that engines' manuals show
_MODEL = re.compile(r"[A-Za-z0-9_][\w.+~-]*", re.ASCII)


class EngineUrl(NamedTuple):
    """An address as the operator wrote it.

    Attributes:
        scheme: how it is spoken to: HTTP or gRPC, with an `s` if encrypted.
        host: a name, which may stand for several machines, or an IP address without brackets.
        port: TCP port.
        model: the model's name there; "" for the package's own name.
    """

    scheme: Scheme
    host: str
    port: int
    model: str = ""

    @property
    def encrypted(self) -> bool:
        """Whether TLS is spoken there."""
        return self.scheme in ("https", "grpcs")

    @property
    def authority(self) -> str:
        """Host and port as HTTP's `Host` header and gRPC's `:authority` have them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS.get(self.scheme) else f"{host}:{self.port}"

    def __str__(self) -> str:
        """The address without the model: it never holds credentials."""
        return f"{self.scheme}://{self.authority}"


class Engine(NamedTuple):
    """All that an operator sets about an engine.

    Attributes:
        urls: its addresses, at least one.
        protocol: what it speaks: the Open Inference Protocol v2, or TensorFlow Serving's own.
        timeout: seconds that one picture may take, tries again included.
        token_file: file of the token that is sent along, as `Authorization: Bearer TOKEN`; None for none.
    """

    urls: tuple[EngineUrl, ...]
    protocol: ProtocolName = "oip"
    timeout: float = 10.0
    token_file: Path | None = None


def parsed(text: str) -> EngineUrl:
    """An address from its text.

    Raises:
        ValueError: it is no address of an engine. The message says what is wrong; it shows no credentials.
    """
    if "@" in text:
        raise ValueError("a user and a password have no place in an address; put a token into a file and name it by "
                         "CLASSIFIER_REMOTE_TOKEN_FILE")  # fmt: skip
    shown = repr(text[:200])
    try:
        parts = urlsplit(text)
        host, port = (parts.hostname or "").replace("%25", "%"), parts.port  # as RFC 6874 writes an IPv6 zone
    except ValueError as error:
        raise ValueError(f"{shown}: {error}; {_EXPECTED}") from None
    scheme = _SCHEMES.get(parts.scheme)
    if scheme is None or not _HOST.fullmatch(host) or parts.query or parts.fragment or "?" in text or "#" in text:
        raise ValueError(f"{shown} is not the address of an engine; {_EXPECTED}")
    port = _PORTS.get(scheme) if port is None else port
    if not port:
        raise ValueError(f"{shown} has no port; {_EXPECTED}")
    path = unquote(parts.path.strip("/"))
    model = _PREFIX.sub("", path)
    if model and (not _MODEL.fullmatch(model) or path in ("v1", "v2")):
        raise ValueError(f"{shown}: the path may only be the name of a model; {_EXPECTED}")
    return EngineUrl(scheme, host, port, model)
