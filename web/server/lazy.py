"""Parts of the server that are imported while it already runs: a request that needs such a part waits for it."""

from __future__ import annotations

from importlib import import_module

import anyio.to_thread
from starlette.types import ASGIApp, Receive, Scope, Send


class LazyApp:
    """An ASGI app whose module is imported when it is first needed, in a thread, so as not to block the event loop."""

    def __init__(self, module: str, name: str, *arguments: object) -> None:
        """Args: module and name of the function or class that makes the app; arguments: the arguments of its call."""
        self.module = module
        self.name = name
        self._arguments = arguments
        self._app: ASGIApp | None = None

    async def load(self) -> ASGIApp:
        """The app; made at the first call."""
        if self._app is None:
            module = await anyio.to_thread.run_sync(import_module, self.module)
            if self._app is None:  # else another request has made it meanwhile; there must be only one app
                self._app = getattr(module, self.name)(*self._arguments)
        return self._app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a request on."""
        app = await self.load()
        await app(scope, receive, send)
