"""What lets a browser install the page as an app, and lets a phone share a photo to it: the manifest and its worker.

A shared photo is posted to `/share`. The service worker takes it before it leaves the browser, and the page looks at it
there. Where no worker is, the post comes here: nothing of it is read, and the page says what to do instead.

This module is imported before the settings can be read, so it looks for the one that it needs by itself.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from classifier.languages import Language, choose
from classifier.origins import split
from web.base_path import BASE
from web.own_files import STATIC, address
from web.problems import NOT_FOUND, respond

OFFERED = "install" not in split(os.environ.get("CLASSIFIER_PAGE_WITHOUT", ""))
"""Whether an operator lets the page be installed."""

ICONS = {"icon-192.png": (192, "any"), "icon-512.png": (512, "any"), "icon-maskable.png": (512, "maskable")}
"""Files in `static/`, which `make icons` makes: pixels along a side, and what a platform may do with it."""

_LIGHT, _DARK, _STRONG = "#ffffff", "#0f151c", "#0b63a5"  # as in page.css
_WORKER = STATIC.parent / "worker.js"


def head(language: Language) -> str:
    """What stands in the frame's head; nothing if the page cannot be installed."""
    if not OFFERED:
        return ""
    # With credentials: behind a login, the manifest is asked for as the page is.
    return f"""<link rel="manifest" href="./manifest.webmanifest?lang={language.code}" crossorigin="use-credentials">
<link rel="apple-touch-icon" href="{address(STATIC / "icon-maskable.png")}">
<meta name="theme-color" content="{_LIGHT}" media="(prefers-color-scheme: light)">
<meta name="theme-color" content="{_DARK}" media="(prefers-color-scheme: dark)">
"""


async def manifest(request: Request) -> Response:
    """The manifest in the language that the query names, else in the browser's.

    Its addresses are relative to its own, so that they hold under every path and behind every proxy. Source:
    https://www.w3.org/TR/appmanifest/, https://w3c.github.io/web-share-target/
    """
    language = choose(request.query_params.get("lang"), request.headers.get("accept-language"))
    content = {
        "name": language.text("page", "name"),
        "short_name": language.text("page", "short_name"),
        "description": language.text("page", "description"),
        "lang": language.html,
        "start_url": "./",
        "scope": "./",
        "display": "standalone",
        "theme_color": _STRONG,
        "background_color": _LIGHT,
        "icons": [
            {"src": address(STATIC / name), "sizes": f"{side}x{side}", "type": "image/png", "purpose": purpose}
            for name, (side, purpose) in ICONS.items()
        ],
        "share_target": {
            "action": "./share",
            "method": "POST",
            "enctype": "multipart/form-data",
            "params": {"files": [{"name": "picture", "accept": ["image/*"]}]},
        },
    }
    headers = {"Cache-Control": "no-cache", "Vary": "Accept-Language"}
    return JSONResponse(content, headers=headers, media_type="application/manifest+json")


async def worker(_: Request) -> Response:
    """The service worker, at the address whose folder is all that it may see."""
    return Response(_WORKER.read_bytes(), media_type="text/javascript", headers={"Cache-Control": "no-cache"})


async def share(_: Request) -> Response:
    """To the page, which says that the picture has not come along."""
    return RedirectResponse("./?shared=lost", 303)


def _route(path: str, answer: Callable[[Request], Awaitable[Response]], method: str) -> Route:
    # What is switched off is not there. Streamlit would answer with its page.
    return Route(f"{BASE}/{path}", answer, methods=[method]) if OFFERED else Route(f"{BASE}/{path}", respond(NOT_FOUND))


ROUTES = [
    _route("manifest.webmanifest", manifest, "GET"),
    _route("service-worker.js", worker, "GET"),
    _route("share", share, "POST"),
]
