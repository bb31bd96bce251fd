"""Serves Streamlit's scripts, styles and fonts, of which a first visit needs a hundred at once.

Streamlit reads each file in several steps, each of them in a thread. At a start, when everything else needs the CPU,
too, a browser waits mostly for these steps. Here a file is read in one step: it is small, and in the system's cache.
Scripts and styles are sent compressed. Our images have them compressed in files of their own, beside the others.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterable
from pathlib import Path

import streamlit
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from web.base_path import BASE
from web.own_files import FOREVER, STATIC, OwnFiles

ROOT = Path(streamlit.__file__).parent / "static"
"""The folder of the files that Streamlit serves to browsers."""

FONTS = {"MaterialSymbols-Rounded.": "icons.woff2", "SourceSansVF-Upright.": "letters.woff2"}
"""How the names of two of Streamlit's fonts begin, and our small files with what a page draws of them: few of 4,309
icons, and of 1,615 letters the Latin ones."""

WHOLE = "whole"
"""The query with which Streamlit's own file is asked for."""

_PATH = re.compile(re.escape(BASE) + r"/(static/(?:js|css|media)/\w[\w.-]*)")
_NAMED = re.compile(r"static/(?:js|css)/[\w.-]+\.(?:js|css)")
_TYPES = {".js": "text/javascript", ".css": "text/css", ".woff2": "font/woff2"}
# The same header that Streamlit sends with them: their names change with their content.
_HEADERS = {"Cache-Control": FOREVER, "Vary": "Accept-Encoding"}
_CODINGS = {"br": ".br", "gzip": ".gz"}  # the shortest first
_compressed: dict[Path, bytes] = {}
# How a script imports other scripts; it does so at its very beginning.
_IMPORT = re.compile(r"""(?:\bfrom|\bimport)\s*["']\./([\w.-]+\.js)["']""")
_IMPORTS_END = 8192  # characters


class FrontendFiles:
    """ASGI middleware that answers GET requests for these files, and leaves all others to Streamlit."""

    def __init__(self, app: ASGIApp) -> None:
        """Args: app: Streamlit's app."""
        self.app = app
        self.fonts = OwnFiles(directory=STATIC)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers a request or passes it on."""
        app: ASGIApp = self.app
        found = _PATH.fullmatch(scope.get("path", ""))
        if found and scope["type"] == "http" and scope["method"] == "GET":
            file = ROOT / found[1]
            small = next((ours for name, ours in FONTS.items() if file.name.startswith(name)), None)
            if small and scope["query_string"] != WHOLE.encode():
                app, scope = self.fonts, {**scope, "path": f"/{small}", "root_path": ""}
            else:
                app = _answer(file, Headers(scope=scope)) or app
        await app(scope, receive, send)


def compress(html: str) -> None:
    """Compresses the scripts and styles that a page names and that have no compressed file beside them."""
    for name in _NAMED.findall(html):
        file = ROOT / name
        if file not in _compressed and not _beside(file, ".gz").exists():
            _compressed[file] = gzip.compress(file.read_bytes(), 9, mtime=0)


def _answer(file: Path, headers: Headers) -> Response | None:
    kind = _TYPES.get(file.suffix)
    if not kind:
        return None
    for coding in accepted(headers.getlist("accept-encoding")):
        content = _content(file, coding)
        if content is not None:
            return Response(content, media_type=kind, headers={**_HEADERS, "Content-Encoding": coding})
    try:
        return Response(file.read_bytes(), media_type=kind, headers=_HEADERS)
    except OSError:
        return None


def accepted(values: Iterable[str]) -> list[str]:
    """The codings, of those that files have, that a client takes: the shortest first.

    Args:
        values: its headers `Accept-Encoding` (RFC 9110, 12.5.3).
    """
    taken = {}
    for part in ",".join(values).lower().split(","):
        coding, _, weight = part.partition(";")
        taken[coding.strip()] = not re.fullmatch(r"\s*q\s*=\s*0(\.0*)?\s*", weight)
    return [coding for coding in _CODINGS if taken.get(coding, taken.get("*", False))]


def _content(file: Path, coding: str) -> bytes | None:
    if coding == "gzip" and file in _compressed:
        return _compressed[file]
    try:
        return _beside(file, _CODINGS[coding]).read_bytes()
    except OSError:
        return None


def _beside(file: Path, suffix: str) -> Path:
    return file.with_name(file.name + suffix)


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
