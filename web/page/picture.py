"""What is done with the visitor's picture: thumbnail, classification, and the part of the result that is shown."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

import streamlit as st

from classifier import Classification, ImageError
from web.models import Take, models
from web.page.state import Picked, state
from web.page.text import language
from web.server.visits import HEADER, visit

MOST = 10
"""The most classes that the page can show."""

_SIDE = 1120  # pixels of the thumbnail's longer side: the column's width on a dense screen


def look(picture: Picked, model: str) -> tuple[Classification, bool]:
    """The model's result for the picture, and whether it is new (and not one that was kept).

    Raises:
        ClassifierError: as `Models.classify` does.
    """
    known = state().analysis_of(picture)
    if known.error:
        raise known.error.with_traceback(None)  # or each run of the page would add its frames
    if model in known.results:
        return known.results[model], False
    labels = models().packages[model].labels
    try:
        with _turns() as take:
            result = models().classify(
                picture.read(), client="page", model=model, top_k=MOST, lang=next(iter(labels)), wait=True, take=take
            )
    except ImageError as error:
        known.error = error
        raise
    known.results[model] = result
    return result, True


def thumbnail(picture: Picked) -> bytes:
    """The picture, upright and small, as a JPEG file.

    Raises:
        ClassifierError: as `Models.thumbnail` does.
    """
    known = state().analysis_of(picture)
    if known.error:
        raise known.error.with_traceback(None)  # or each run of the page would add its frames
    if not known.thumbnail:
        with _turns() as take:
            known.thumbnail = models().thumbnail(picture.read(), _SIDE, take)
    return known.thumbnail


def wanted(result: Classification, top_k: int, minimum: float) -> Classification:
    """The part of a result to show: at most `top_k` classes, with scores from `minimum`, in the page's language."""
    labels = models().packages[result.model].labels_for(language())
    return replace(
        result,
        predictions=tuple(
            replace(item, label=labels[item.index]) for item in result.predictions[:top_k] if item.score >= minimum
        ),
    )


@contextmanager
def _turns() -> Iterator[Take]:
    """Gives a function that takes a turn for this visit; waiting and work end when its tab is closed."""
    here = visit(st.context.headers.get(HEADER))
    with here.work() as cancellation:
        yield partial(models().queue.take, here.client, cancellation)
