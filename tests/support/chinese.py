"""How Chinese text is set: its own punctuation, a space between it and letters or digits, its own units of number."""

from __future__ import annotations

import re

_HAN = r"[\u4e00-\u9fff]"
_WRONG = re.compile(
    rf"{_HAN}[,;:?!()]|[,;?!()]{_HAN}"  # punctuation of other scripts
    rf"|{_HAN}[A-Za-z0-9]|[A-Za-z0-9%]{_HAN}"  # no space before or after letters and digits
    rf"|{_HAN} +{_HAN}| [，。；：？！、（）“”]|[，。；：？！、（）“”] "  # a space that is too much
    r"|百万|\d %"
)


def wrongly_set(text: str) -> list[str]:
    """The pieces of a text that no Chinese editor would have let pass; names in braces count as Latin letters."""
    return [text[max(0, found.start() - 8) : found.end() + 8] for found in _WRONG.finditer(_shown(text))]


def _shown(text: str) -> str:
    """The text with what is filled in: a number that brings its unit of Chinese, else letters of the same length."""
    chinese = re.sub(r"\{\w+:万\}", lambda one: f"9 {'万':万>{len(one[0]) - 2}}", text)
    return re.sub(r"\{\w+(?:![rs])?(?::[^}]*)?\}", lambda one: "x" * len(one[0]), chinese)
