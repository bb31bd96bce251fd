"""Our own files, under addresses that change with their content, so that browsers keep them."""

from __future__ import annotations

import hashlib
import os
import re
from functools import cache
from pathlib import Path

from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from web.base_path import BASE

_PAGE = Path(__file__).parent / "page"
STATIC = _PAGE / "static"
SCRIPTS = _PAGE / "scripts"
PARTS = _PAGE / "parts"


def _digest(*files: Path) -> str:
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:16]


FOLDERS = {
    # Modules name each other without a query; so the digest of them all stands in the folder's name.
    f"app-static/scripts/{_digest(*sorted(SCRIPTS.glob('*.js')))}": SCRIPTS,
    "app-static/thumbnails": _PAGE / "samples/thumbnails",
    "app-static/shown": _PAGE / "samples/shown",
    "app-static/samples": _PAGE / "samples",
    "app-static/parts": PARTS,
    "app-static": STATIC,
}
"""The folders of files that are served, by their addresses below the page's."""

_IMPORT = re.compile(r"""^import .*"\./([\w-]+\.js)";$""", re.M)


@cache
def scripts(first: str = "main.js") -> tuple[Path, ...]:
    """A script and all that it cannot start without, by name; what it imports later is not among them."""
    found, further = set(), [first]
    while further:
        if (name := further.pop()) not in found:
            found.add(name)
            further += _IMPORT.findall((SCRIPTS / name).read_text("utf-8"))
    return tuple(SCRIPTS / name for name in sorted(found))


FOREVER = "public, immutable, max-age=31536000"
"""The header `Cache-Control` of what never changes under its address."""


@cache
def address(file: Path) -> str:
    """The address of a file below the page's, with a digest of its content.

    Raises:
        KeyError: the file is in none of `FOLDERS`.
    """
    found = {folder: path for path, folder in FOLDERS.items()}[file.parent]
    return f"{found}/{file.name}" if file.parent == SCRIPTS else f"{found}/{file.name}?v={_digest(file)}"


class OwnFiles(StaticFiles):
    """Serves a folder; what is asked for by `address` is kept for a year, what is not is asked for anew each time."""

    def file_response(
        self, full_path: str | os.PathLike[str], stat_result: os.stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        """As `StaticFiles` does."""
        response = super().file_response(full_path, stat_result, scope, status_code)
        query = scope["query_string"].decode("latin-1")
        asked = scope["path"].removeprefix(f"{BASE}/") + (f"?{query}" if query else "")
        try:
            forever = response.status_code < 400 and asked == address(Path(full_path))
        except KeyError:
            forever = False
        response.headers["Cache-Control"] = FOREVER if forever else "no-cache"
        return response
