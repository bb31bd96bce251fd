"""The page's HTML: there from the first byte on, in the visitor's language, and brought to life by `scripts/main.js`.

It is a part of the frame, so that words, box and samples are seen, and can be used, before any of Streamlit's scripts
has come; Streamlit's part of the page then stays behind it. This module is imported before the model: it must be light.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from functools import lru_cache
from html import escape
from pathlib import Path
from typing import Any

from classifier.languages import Language, languages
from web.own_files import PARTS, SCRIPTS, STATIC, address
from web.page.gallery import FOLDER, Sample, samples

_FOLDER = Path(__file__).parent
_TEXT = re.compile(r'data-t="(\w+)">')
_PART = re.compile(r'data-part="(\w+)"')
_LABEL = re.compile(r'data-label="(\w+)"')

_offer: Callable[[], dict[str, Any]] | None = None


def introduce(offer: Callable[[], dict[str, Any]]) -> None:
    """Has the page name what the server offers at the moment (see `web.page.offer`), once that is known."""
    global _offer
    _offer = offer


def html(language: Language, font: str) -> str:
    """The page, to be put at the beginning of the frame's body.

    Args:
        language: that of its texts.
        font: the address of the page's font.
    """
    return _html(language, font, _json(_offer() if _offer else None))


@lru_cache(maxsize=16)
def _html(language: Language, font: str, offered: str) -> str:
    def text(key: str) -> str:
        return escape(language.text("page", key))

    style = (_FOLDER / "page.css").read_text("utf-8").replace("FONT", font)
    words = json.loads(offered)
    parts = {
        "ICON": address(STATIC / "icon.svg"),
        "LANGUAGES": "".join(_language(one, pressed=one is language) for one in languages().values()),
        "INTRO": escape(_introduction(language, words)),
        "PASTE": escape(language.text("page", "or_paste", keys="Ctrl+V / ⌘V")),
        "LIMITS": escape(words["limits"]["words"][language.code]) if words else "",
        "KNOWS": escape(words["models"][words["default"]]["knows"][language.code]) if words and words["models"] else "",
        "SAMPLES": "".join(_sample(sample, language) for sample in samples().values()),
        "TEXTS": _texts(),
        "OFFER": offered,
        "MAIN": address(SCRIPTS / "main.js"),
    }
    page = (_FOLDER / "page.html").read_text("utf-8")
    page = _TEXT.sub(lambda found: f"{found[0]}{text(found[1])}", page)
    page = _LABEL.sub(lambda found: f'{found[0]} aria-label="{text(found[1])}"', page)
    offers = words["parts"] if words and "parts" in words else []
    page = _PART.sub(lambda found: found[0] if found[1] in offers else f"{found[0]} hidden", page)
    page = re.sub("%([A-Z]+)%", lambda found: parts[found[1]], page)
    return f"<style>{style}</style>\n{page}"


def _introduction(language: Language, offered: dict[str, Any] | None) -> str:
    if not offered or not offered["models"]:
        return language.text("page", "intro_unknown")
    return str(offered["models"][offered["default"]]["intro"][language.code])


def _language(language: Language, *, pressed: bool) -> str:
    return (
        f'<button data-lang="{language.code}" lang="{language.html}" aria-pressed="{str(pressed).lower()}">'
        f"{escape(language.name)}</button>"
    )


def _sample(sample: Sample, language: Language) -> str:
    return (
        f'<button data-sample="{sample.name}"><img alt="" src="{address(sample.thumbnail)}" width="208" height="208">'
        f"<span>{escape(language.text('samples', sample.name))}</span></button>"
    )


@lru_cache(maxsize=1)
def _texts() -> str:
    """All that the scripts need to know whatever the model is: the words of all languages, and the samples."""
    words = {
        language.code: {
            "html": language.html,
            "page": dict(language.tables["page"]),
            "samples": dict(language.tables["samples"]),
        }
        for language in languages().values()
    }
    pictures = {
        sample.name: {
            "shown": address(sample.shown),
            "original": address(FOLDER / sample.file),
            "size": sample.size,
            "author": sample.author,
            "licence": sample.licence,
            "source": sample.source,
            "file": sample.file,
        }
        for sample in samples().values()
    }
    parts = {file.stem: address(file) for file in sorted(PARTS.glob("*.html"))}
    return _json({"languages": words, "samples": pictures, "parts": parts, "words": f"page/words?v={words_version()}"})


def further_words() -> dict[str, dict[str, str]]:
    """By language, the words of those parts of the page that most visits do without."""
    return {language.code: dict(language.tables["parts"]) for language in languages().values()}


def words_version() -> str:
    """Changes whenever one of `further_words` does."""
    return hashlib.sha256(_json(further_words()).encode()).hexdigest()[:16]


def _json(content: object) -> str:
    """JSON as it may stand in a script element: https://html.spec.whatwg.org/#restrictions-for-contents-of-script-elements."""
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
