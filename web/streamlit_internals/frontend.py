"""Streamlit's scripts, styles and fonts, of which a first visit needs a hundred, all of them at once.

Streamlit reads each file in several steps, each in a thread of its own; at a start, when everything else wants the CPU,
too, the browser waits most of its time for those. Here a file is read in one go: it is small, and in the system's
cache.
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
"""What Streamlit serves beside its own paths."""

_PATH = re.compile(re.escape(BASE) + r"/(static/(?:js|css|media)/\w[\w.-]*)")
_TYPES = {".js": "text/javascript", ".css": "text/css", ".woff2": "font/woff2"}
# As Streamlit says of them: their names change with their content.
_HEADERS = {"Cache-Control": "public, immutable, max-age=31536000"}
# How a script names the ones it needs: at its very beginning.
_IMPORT = re.compile(r"""(?:\bfrom|\bimport)\s*["']\./([\w.-]+\.js)["']""")
_IMPORTS_END = 8192  # characters


class FrontendFiles:
    """ASGI middleware that answers plain requests for those files; all others are Streamlit's."""

    def __init__(self, app: ASGIApp) -> None:
        """Args: app: Streamlit's."""
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
    """The script files of some of Streamlit's parts, and of all that these import, without their folder.

    Streamlit's page asks for them only when it is about to draw such a part, file after file; a frame that names them
    gets them together with the rest.

    Args:
        parts: names of elements as Streamlit's files have them, such as `FileUploader`; unknown ones are left out.
        known: HTML that names some already: those, and what they import, are left out, too.
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
