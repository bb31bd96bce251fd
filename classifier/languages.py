"""The languages, all their texts, and the choice between them: for the page, its HTML frame and the report.

Each language is one file in `texts/`; another file adds another language. English is the fallback. The files are read
when the first text is needed, which takes some milliseconds.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from classifier.errors import ClassifierError
from classifier.formatting import filled

FOLDER = Path(__file__).with_name("texts")

USUAL = "en"
"""The default language, used if none is asked for or none of those asked for is available."""

Words = Callable[..., str]
"""Gives the text under a key of one table, with values filled in by name; nothing is escaped."""

# A tag with its weight, as in `zh-TW;q=0.8`: RFC 9110, section 12.5.4. Locales may have `_` for `-`.
_WISH = re.compile(r"\s*([a-z0-9_-]+)\s*(?:;\s*q\s*=\s*([01](?:\.[0-9]{0,3})?)\s*)?", re.IGNORECASE | re.ASCII)

_DEVICE = re.compile(r"(?P<device>.*) \((?P<detail>(?P<threads>[0-9]+) threads?|.*)\)")


@dataclass(frozen=True, slots=True, eq=False)
class Language:
    """One language.

    Attributes:
        code: its name in addresses and in a package's labels, such as `zh`.
        name: what its speakers call it.
        html: its name in HTML's `lang` attributes, such as `zh-CN`.
        prefixes: beginnings of the language tags that it serves, in lower case; if prefixes of two languages match,
            the longer one wins.
        tables: texts by table and key.
    """

    code: str
    name: str
    html: str
    prefixes: tuple[str, ...]
    tables: Mapping[str, Mapping[str, str]]

    def text(self, table: str, key: str, /, **values: object) -> str:
        """The text under a key, with values filled in; not escaped."""
        return filled(self.tables[table][key], **values)

    def device(self, name: str) -> str:
        """What a result calls a device, such as `CPU (2 threads)`, in this language."""
        found = _DEVICE.fullmatch(name)
        if not found:
            return name
        detail = found["detail"]
        if count := found["threads"]:
            detail = self.text("page", "thread") if count == "1" else self.text("page", "threads", count=count)
        return self.text("page", "detailed", value=found["device"], detail=detail)

    def error(self, error: Exception) -> str:
        """What went wrong, in words for visitors.

        This is the text for the error's code or, in English, the error's own sentence. Errors meant for operators and
        unexpected errors give only a general text that says what to do.
        """
        texts = self.tables["errors"]
        if isinstance(error, ClassifierError) and error.code in texts:
            return filled(texts[error.code], **error.details)
        if isinstance(error, ClassifierError) and error.sentence:
            return error.message
        return texts["internal"]


def languages() -> dict[str, Language]:
    """All languages by code, English first."""
    return _read(FOLDER)


def choose(*wishes: str | None) -> Language:
    """The language of the first wish that is available; English if none is.

    Args:
        wishes: each a code or a tag (`zh`, `zh-Hant-TW`), a locale (`zh_CN`), or an Accept-Language header, whose tags
            count by their weights; None for no wish.
    """
    return next((found for wish in wishes if wish and (found := _fitting(wish))), languages()[USUAL])


def _fitting(wish: str) -> Language | None:
    tags = []
    for part in wish.split(","):
        found = _WISH.fullmatch(part)
        if found and (weight := float(found[2] or 1)):
            tags.append((weight, found[1].lower().replace("_", "-")))
    tags.sort(key=lambda one: one[0], reverse=True)  # stable: the first of equal weights wins
    return next((language for _, tag in tags if (language := _serving(tag))), None)


def _serving(tag: str) -> Language | None:
    fits = [
        (len(prefix), language)
        for language in languages().values()
        for prefix in language.prefixes
        if f"{tag}-".startswith(f"{prefix}-")
    ]
    return max(fits, key=lambda one: one[0])[1] if fits else None


@lru_cache(maxsize=2)
def _read(folder: Path) -> dict[str, Language]:
    found = [_language(file) for file in sorted(folder.glob("*.toml"))]
    found.sort(key=lambda language: language.code != USUAL)
    return {language.code: language for language in found}


def _language(file: Path) -> Language:
    tables = tomllib.loads(file.read_text("utf-8"))
    head = tables.pop("language")
    return Language(head["code"], head["name"], head["html"], tuple(head["prefixes"]), tables)
