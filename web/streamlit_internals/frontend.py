"""Serves Streamlit's scripts, styles and fonts, of which a first visit needs a hundred at once.

Streamlit reads each file in several steps, each of them in a thread. At a start, when everything else needs the CPU,
too, a browser waits mostly for these steps. Here a file is read in one step: it is small, and in the system's cache.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import streamlit
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from web.base_path import BASE

ROOT = Path(streamlit.__file__).parent / "static"
"""The folder of the files that Streamlit serves to browsers."""

_PATH = re.compile(re.escape(BASE) + r"/(static/(?:js|css|media)/\w[\w.-]*)")
_TYPES = {".js": "text/javascript", ".css": "text/css", ".woff2": "font/woff2"}
# The same header that Streamlit sends with them: their names change with their content.
_HEADERS = {"Cache-Control": "public, immutable, max-age=31536000"}
# How a script imports other scripts; it does so at its very beginning.
_IMPORT = re.compile(r"""(?:\bfrom|\bimport)\s*["']\./([\w.-]+\.js)["']""")
_IMPORTS_END = 8192  # characters


class FrontendFiles:
    """ASGI middleware that answers GET requests for these files, and leaves all others to Streamlit."""

    def __init__(self, app: ASGIApp) -> None:
        """Args: app: Streamlit's app."""
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers a request or passes it on."""
        app: ASGIApp = self.app
        found = _PATH.fullmatch(scope.get("path", ""))
        if found and scope["type"] == "http" and scope["method"] == "GET":
            app = _answer(ROOT / found[1]) or app
        await app(scope, receive, send)


def _answer(file: Path) -> Response | None:
    kind = _TYPES.get(file.suffix)
    try:
        return Response(file.read_bytes(), media_type=kind, headers=_HEADERS) if kind else None
    except OSError:
        return None


def scripts(parts: Iterable[str], known: str) -> list[str]:
    """Names of the script files of some of Streamlit's elements, and of all scripts that these import.

    Streamlit's page asks for them only when it is about to draw such an element, one file after the other. If the
    page's HTML frame names them, the browser loads them together with the rest.

    Args:
        parts: elements as they are called in the names of Streamlit's files, such as `FileUploader`; unknown ones are
            left out.
        known: HTML that names some scripts already: these, and what they import, are left out, too.
    """
    folder = ROOT / "static/js"
    found: list[str] = []
    ahead = [file.name for part in parts for file in sorted(folder.glob(f"{part}.*.js"))]
    while ahead:
        name = ahead.pop(0)
        if name not in found and name not in known:
            found.append(name)
            with (folder / name).open(encoding="utf-8") as file:
                ahead += _IMPORT.findall(file.read(_IMPORTS_END))
    return found
