"""The page's HTML frame: Streamlit's own index file with our title, language, description and scripts in it."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path

from starlette.datastructures import URL
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from web.base_path import BASE
from web.streamlit_internals.frontend import ROOT, scripts

STATIC = Path(__file__).parent.parent / "page" / "static"
_FRAME = ROOT / "index.html"
# What the page draws up to the first bars, in this order.
_PARTS = (
    *("Html", "ButtonGroup", "FileUploader", "Checkbox", "Button", "Selectbox", "Slider"),
    *("axios", "ImageList", "DownloadButton"),
)
_DESCRIPTION = "Drop a picture and see what an image-classification model makes of it."
_HEAD = f"""<meta name="description" content="{_DESCRIPTION}">
<meta property="og:title" content="Image classifier">
<meta property="og:description" content="{_DESCRIPTION}">
<script src="app-static/page.js" defer></script>
</head>"""

_NO_SCRIPT = """<noscript>
      <p>This page needs JavaScript. Programs use the <a href="./api/docs">JSON API</a>.</p>
      <p lang="zh-CN">本页面需要 JavaScript。程序请使用 <a href="./api/docs">JSON API</a>。</p>
    </noscript>"""


@lru_cache(maxsize=2)
def frame(language: str) -> str:
    """The HTML in one language, `en` or `zh-CN`."""
    html = _FRAME.read_text("utf-8")
    html = html.replace('<html lang="en">', f'<html lang="{language}">')
    html = html.replace("<title>Streamlit</title>", "<title>Image classifier</title>")
    html = re.sub("<noscript>.*?</noscript>", _NO_SCRIPT, html, flags=re.DOTALL)
    # Streamlit points programs to an API of its own that is switched off here; ours is the one to find.
    html = re.sub(r'(<link rel="service-desc" href=")[^"]*', r"\g<1>./api/openapi.json", html)
    links = "\n".join(
        f'<link rel="modulepreload" crossorigin href="./static/js/{name}">' for name in scripts(_PARTS, html)
    )
    return html.replace("</head>", f"{links}\n{_HEAD}", 1)


async def index(request: Request) -> Response:
    """The page's frame; never cached, since it names files that change with every version of Streamlit."""
    asked = request.query_params.get("lang") or request.headers.get("accept-language", "")
    language = "zh-CN" if asked.lower().startswith("zh") else "en"
    return HTMLResponse(frame(language), headers={"Cache-Control": "no-cache", "Vary": "Accept-Language"})


async def to_index(request: Request) -> Response:
    """From `/demo` to `/demo/`; by the path alone, since behind a proxy the scheme here need not be the browser's."""
    return RedirectResponse(URL(f"{BASE}/").replace(query=request.url.query))
