"""Parts of the server that are imported beside it instead of before it: an answer that needs one waits for it."""

from __future__ import annotations

from importlib import import_module
from typing import cast

import anyio.to_thread
from starlette.types import ASGIApp, Receive, Scope, Send


class Later:
    """An ASGI app in a module that is not imported yet; importing takes a thread's time, not the event loop's."""

    def __init__(self, module: str, name: str) -> None:
        """Args: module: where the app is; name: what it is called there."""
        self.module = module
        self.name = name
        self._app: ASGIApp | None = None

    async def load(self) -> ASGIApp:
        """The app, imported if it was not."""
        if self._app is None:
            self._app = cast("ASGIApp", getattr(await anyio.to_thread.run_sync(import_module, self.module), self.name))
        return self._app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a request on."""
        app = await self.load()
        await app(scope, receive, send)
