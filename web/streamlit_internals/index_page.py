"""The page's HTML frame: Streamlit's own index file with our title, language, description and scripts in it."""

from __future__ import annotations

import gzip
import re
from collections.abc import Awaitable, Callable
from functools import cache, lru_cache
from html import escape

from starlette.datastructures import URL
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from classifier.languages import Language, choose, languages
from web.base_path import BASE
from web.own_files import STATIC, address
from web.own_files import scripts as own_scripts
from web.streamlit_internals.frontend import ROOT, WHOLE, accepted, scripts

_FRAME = ROOT / "index.html"
_STYLES = re.compile(r'<link rel="stylesheet"[^>]*>')
_FONT = re.compile(r'href="(\./static/media/[\w.-]+\.woff2)"')
# Streamlit's elements that the page draws, and what its page asks the server with.
_PARTS = ("BidiComponent", "axios")


# Letters that our small font lacks and Streamlit's has: a browser fetches that when one of them is to be drawn.
_OTHERS = "U+180-52F,U+1D00-1FFF,U+2070-209F,U+20C0-218F"


@cache
def frame(code: str) -> str:
    """The frame's HTML in the language with this code."""
    language = languages()[code]
    title, description, crowded = (escape(language.text("page", key)) for key in ("name", "description", "crowded"))
    html = _FRAME.read_text("utf-8")
    html = html.replace('<html lang="en">', f'<html lang="{language.html}">')
    html = html.replace("<title>Streamlit</title>", f"<title>{title}</title>")
    html = re.sub("<noscript>.*?</noscript>", lambda _: _no_script(), html, flags=re.DOTALL)
    # Streamlit's link for programs leads to its own API, which is switched off here: let it lead to ours.
    html = re.sub(r'(<link rel="service-desc" href=")[^"]*', r"\g<1>./api/openapi.json", html)
    links = "\n".join(
        f'<link rel="modulepreload" crossorigin href="./static/js/{name}">' for name in scripts(_PARTS, html)
    )
    ours = [f'<link rel="modulepreload" href="{address(file)}">' for file in own_scripts()]
    ours.append(f'<script src="{address(STATIC / "page.js")}" data-crowded="{crowded}" defer></script>')
    head = f"""<meta name="description" content="{description}">
<meta property="og:title" content="{title}">
<meta property="og:description" content="{description}">
</head>"""
    # Ours first: with them the page can be used while Streamlit's are on their way; and such scripts run in this order.
    html = html.replace('<script type="module"', "\n".join([*ours, '<script type="module"']), 1)
    return html.replace("</head>", f"{links}\n{head}", 1)


@cache
def _font(code: str) -> str:
    """The address of the page's font, or nothing."""
    found = _FONT.search(frame(code))
    return found[1] if found else ""


@lru_cache(maxsize=64)
def _whole(code: str, page: str, head: str) -> tuple[bytes, bytes]:
    """The frame with the page in it, as it is and compressed: nothing in it is a visitor's own, or a secret.

    What is in the head before the page, styles above all, holds back its first frame; so the styles come behind it.
    """
    styles = "\n".join(_STYLES.findall(frame(code)))
    if font := _font(code):
        source = f'url({font}?{WHOLE}) format("woff2");unicode-range:{_OTHERS}'
        styles += f"\n<style>@font-face{{font-family:Page;font-weight:100 900;src:{source}}}</style>"
    html = _STYLES.sub("", frame(code)).replace("<body>", f"<body>\n{page}\n{styles}", 1)
    html = html.replace("</head>", f"{head}</head>", 1)
    return html.encode(), gzip.compress(html.encode(), 9, mtime=0)


def index(
    page: Callable[[Language, str], str], head: Callable[[Language], str] = lambda _: ""
) -> Callable[[Request], Awaitable[Response]]:
    """Serves the page's frame; never cached, since it names files that change with every version of Streamlit.

    Args:
        page: gives the page's HTML in a language, with the address of its font.
        head: gives what else stands in the frame's head.
    """

    async def answer(request: Request) -> Response:
        language = choose(request.query_params.get("lang"), request.headers.get("accept-language"))
        content, compressed = _whole(language.code, page(language, _font(language.code)), head(language))
        headers = {"Cache-Control": "no-cache", "Vary": "Accept-Language, Accept-Encoding"}
        if "gzip" in accepted(request.headers.getlist("accept-encoding")):
            return HTMLResponse(compressed, headers={**headers, "Content-Encoding": "gzip"})
        return HTMLResponse(content, headers=headers)

    return answer


async def to_index(request: Request) -> Response:
    """Redirects `/demo` to `/demo/`, without a scheme: behind a proxy, the browser's may differ from the one here."""
    return RedirectResponse(URL(f"{BASE}/").replace(query=request.url.query))


def _no_script() -> str:
    """The notice for browsers without scripts; in all languages, as these cannot be switched without scripts."""
    said = []
    for language in languages().values():
        link = f'<a href="./api/docs">{language.text("page", "json_api")}</a>'
        said.append(f'<p lang="{language.html}">{language.text("page", "no_script", api=link)}</p>')
    return f"<noscript>{''.join(said)}</noscript>"
