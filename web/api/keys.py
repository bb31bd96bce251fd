"""Asks for a key before anything of the API is used, where a setting names a file of keys."""

from __future__ import annotations

from collections.abc import Collection
from functools import cache

from starlette.types import ASGIApp, Receive, Scope, Send

from classifier.api_keys import ApiKeys
from web.clients import name_client
from web.errors import UnauthorizedError
from web.metrics import name_key
from web.models import models
from web.problems import respond_to

# What describes the API and gives nothing away; everything else needs a key, also what is added later.
_OPEN = ("/docs", "/openapi.json")
_FILES = "/static-offline-docs/"

_CHALLENGE = 'Bearer realm="image-classifier"'


@cache
def keys() -> ApiKeys | None:
    """The keys of this server; None if it asks for none.

    Raises:
        ParameterError: the file cannot be read, or is wrong.
    """
    file = models().settings.api_keys_file
    return ApiKeys(file) if file else None


def client_of_key(sent: list[bytes]) -> tuple[str, str]:
    """The client whose key came with a request, and the key's name; both "" where no key is asked for.

    Args:
        sent: the values of `Authorization`.

    Raises:
        UnauthorizedError: there is not exactly one key, or it is not known.
    """
    known = keys()
    if known is None:
        return "", ""
    key = _bearer(sent)
    name = None if key is None else known.name_of(key)
    if name is None:
        raise UnauthorizedError
    return _client(name), name


class KeyCheck:
    """ASGI middleware that answers 401 to requests without a known key, before their bodies are read.

    The caller with a key is one client, from whatever addresses it calls.
    """

    def __init__(self, app: ASGIApp, known: ApiKeys, free: Collection[str] = _OPEN) -> None:
        """Args: app: the app to protect; known: the keys; free: the paths for which none is needed."""
        self.app = app
        self.known = known
        self.free = free

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a request on, or answers 401."""
        if scope["type"] != "http" or self._needs_none(scope):
            await self.app(scope, receive, send)
            return
        sent = [value for header, value in scope["headers"] if header == b"authorization"]
        key = _bearer(sent)
        name = None if key is None else self.known.name_of(key)
        if name is None:
            challenge = _CHALLENGE if key is None else f'{_CHALLENGE}, error="invalid_token"'
            await respond_to(UnauthorizedError(), {"WWW-Authenticate": challenge})(scope, receive, send)
            return
        name_key(scope, name)
        name_client(scope, _client(name))
        await self.app(scope, receive, send)

    def _needs_none(self, scope: Scope) -> bool:
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        # Browsers ask with OPTIONS whether they may send a key; nothing else of the API takes it.
        return scope["method"] == "OPTIONS" or path in self.free or path.startswith(_FILES)


def _client(name: str) -> str:
    return f"key:{name}"


def _bearer(sent: list[bytes]) -> bytes | None:
    """The key in the header; None if there is not exactly one."""
    if len(sent) != 1:
        return None
    scheme, _, key = sent[0].partition(b" ")
    return key.strip() or None if scheme.lower() == b"bearer" else None
