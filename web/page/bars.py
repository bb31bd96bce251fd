"""Confidence bars: labels with scores as a list that looks good, and that a screen reader reads well."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from classifier import Prediction
from classifier.formatting import percent
from web.page.text import html_language, t


def bars_html(predictions: Sequence[Prediction], *, sure: bool, fresh: bool) -> str:
    """An ordered list with one meter per class; length and number carry the score, colour only supports them.

    Args:
        predictions: best first.
        sure: whether the first class stands out as the answer.
        fresh: whether the bars are animated, as they are once for each new result.
    """
    rows = "".join(_row(item, best=sure and rank == 0) for rank, item in enumerate(predictions))
    classes = " ".join(["bars", "sure" if sure else "unsure", *(["fresh"] if fresh else [])])
    return f'<ol class="{classes}" lang="{html_language()}" aria-label="{escape(t("bars"))}">{rows}</ol>'


def _row(item: Prediction, *, best: bool) -> str:
    label, text = escape(item.label), escape(percent(item.score))
    return (
        f'<li class="{"bar best" if best else "bar"}">'
        f'<span class="label">{label}</span> <span class="percent">{text}</span>'
        f'<span class="track" role="meter" aria-label="{label}" aria-valuemin="0" aria-valuemax="100" '
        f'aria-valuenow="{item.score * 100:.1f}" aria-valuetext="{text}">'
        f'<span class="fill" style="width:{item.score:.2%}"></span></span></li>'
    )
