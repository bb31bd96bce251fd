"""Parts of the server that are imported beside it instead of before it: an answer that needs one waits for it."""

from __future__ import annotations

from importlib import import_module

import anyio.to_thread
from starlette.types import ASGIApp, Receive, Scope, Send


class LazyApp:
    """An ASGI app whose module is not imported yet; importing takes a thread's time, not the event loop's."""

    def __init__(self, module: str, name: str, *arguments: object) -> None:
        """Args: module: of the function, or class, that makes the app; name: of that; arguments: for that."""
        self.module = module
        self.name = name
        self._arguments = arguments
        self._app: ASGIApp | None = None

    async def load(self) -> ASGIApp:
        """The app, made if it was not."""
        if self._app is None:
            module = await anyio.to_thread.run_sync(import_module, self.module)
            if self._app is None:  # or another request came first, and there is one app for all
                self._app = getattr(module, self.name)(*self._arguments)
        return self._app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a request on."""
        app = await self.load()
        await app(scope, receive, send)


class LazyMiddleware:
    """ASGI middleware whose module is not imported yet, for the paths that it looks at."""

    def __init__(self, app: ASGIApp, module: str, name: str, path: str) -> None:
        """Args: app: what it protects; module, name: where its class is; path: what is in those paths."""
        self.app = app
        self.path = path
        self._wrapped = LazyApp(module, name, app)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a request on, through the middleware if it is one for it."""
        app = self._wrapped if self.path in scope.get("path", "") else self.app
        await app(scope, receive, send)
