"""What a visitor sees until Streamlit's scripts have come: the page's first view, in the HTML frame.

It lies over the page, which is hidden until it stands; page.js then removes the shell. So nothing moves before the
visitor's eyes. Its measures in shell.css are those of the page: tests/e2e/test_shell.py holds them together.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from classifier.languages import Language
from web.own_files import address
from web.page.gallery import samples
from web.page.intro import intro

if TYPE_CHECKING:
    from classifier import ModelPackage

_STYLE = Path(__file__).parent / "shell.css"


_default: Callable[[], ModelPackage | None] | None = None


def introduce(default: Callable[[], ModelPackage | None]) -> None:
    """Has the shell introduce the default model, which this tells as it is then; None while it is not known."""
    global _default
    _default = default


def html(language: Language, font: str) -> str:
    """The shell, to be put at the beginning of the frame's body.

    Args:
        language: that of its texts.
        font: the address of the page's font.
    """
    return _html(language, font, intro(language, _default() if _default else None))


@lru_cache(maxsize=64)
def _html(language: Language, font: str, introduction: str) -> str:
    def text(key: str) -> str:
        return escape(language.text("page", key))

    tiles = "".join(
        f'<div style="background-image:url({address(sample.thumbnail)})"><span>'
        f"{escape(language.text('samples', sample.name))}</span></div>"
        for sample in samples().values()
    )
    paste = escape(language.text("page", "or_paste", keys="Ctrl+V / ⌘V"))
    style = _STYLE.read_text("utf-8").replace("FONT", font)
    return f"""<style>{style}</style>
<noscript><style>#shell{{display:none}}</style></noscript>
<div id="shell" aria-hidden="true" lang="{language.html}">
<div class="shell-brand"><img alt="" src="{address(_STYLE.parent / "static/icon.svg")}">{text("name")}</div>
<div class="shell-headline">{text("headline")}</div>
<div class="shell-intro">{escape(introduction)}</div>
<div class="shell-columns">
<div class="shell-box"><span class="shell-drop">{text("drop")}</span><span class="shell-browse">{text("browse")}</span>
<span class="shell-paste">{paste}</span></div>
<div><div class="shell-title">{text("gallery")}</div><div class="shell-tiles">{tiles}</div></div>
</div></div>"""
