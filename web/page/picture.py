"""What is done with the visitor's picture: thumbnail, classification, and the part of the result that is shown."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import streamlit as st

from classifier import Classification, ImageError, Prediction
from web.models import Take, models
from web.page.state import Analysis, Look, Picked, state
from web.page.text import language
from web.server.visits import HEADER, Visit, visit

MOST = 10
"""The most classes that the page can show."""

_SIDE = 1120  # pixels of the thumbnail's longer side: the column's width on a dense screen


def begin(picture: Picked, look: Look) -> None:
    """Starts the work on a picture in a thread of its own: it is under way while the parts around it are drawn.

    `thumbnail` and `result` wait for it.
    """
    known = _known(picture)
    wanted = [*([None] if picture.origin == "upload" and not known.thumbnail else []), look]
    work = {one: Future[Any]() for one in wanted if one not in known.begun and one not in known.results}
    if known.error or not work:
        return
    known.begun |= work
    data, here = picture.read(), _visit()

    def run() -> None:
        for one, future in work.items():
            try:
                future.set_result(_thumbnail(data, here) if one is None else _result(data, one, here))
            except Exception as error:
                future.set_exception(error)

    threading.Thread(target=run, name="picture", daemon=True).start()


def result(picture: Picked, look: Look) -> tuple[Classification, bool]:
    """The model's result for the picture, and whether it is new (and not one that was kept).

    Raises:
        ClassifierError: as `Models.classify` does.
    """
    known = _known(picture)
    if known.error:
        raise known.error.with_traceback(None)  # or each run of the page would add its frames
    if look in known.results:
        return known.results[look], False
    begin(picture, look)
    try:
        found: Classification = known.begun.pop(look).result()
    except ImageError as error:
        known.error = error
        raise
    known.results[look] = found
    return found, True


def thumbnail(picture: Picked) -> bytes:
    """The picture, upright and small, as a JPEG file.

    Raises:
        ClassifierError: as `Models.thumbnail` does.
    """
    known = _known(picture)
    if known.error:
        raise known.error.with_traceback(None)  # or each run of the page would add its frames
    if not known.thumbnail:
        begun = known.begun.pop(None, None)
        known.thumbnail = begun.result() if begun else _thumbnail(picture.read(), _visit())
    return known.thumbnail


def wanted(result: Classification, top_k: int, minimum: float) -> Classification:
    """The part of a result to show: at most `top_k` classes, with scores from `minimum`, in the page's language."""
    labels = models().package(result.model).labels_for(language())

    def named(items: Iterable[Prediction]) -> tuple[Prediction, ...]:
        return tuple(replace(item, label=labels[item.index]) for item in items)

    return replace(
        result,
        predictions=named(item for item in result.predictions[:top_k] if item.score >= minimum),
        set=result.set and replace(result.set, predictions=named(result.set.predictions)),
    )


def _known(picture: Picked) -> Analysis:
    """What is known about a picture by the models as they are now: scores of different versions never mix."""
    known, changes = state().analysis_of(picture), models().library.changes
    if known.changes != changes:
        known.results.clear()
        known.begun = {look: future for look, future in known.begun.items() if look is None}
        known.changes = changes
    return known


def _result(data: bytes, look: Look, here: Visit) -> Classification:
    model, view = look
    lang = next(iter(models().package(model).labels))
    with _turns(here) as take:
        return models().classify(
            data, client="page", model=model, top_k=MOST, lang=lang, view=view, wait=True, take=take
        )


def _thumbnail(data: bytes, here: Visit) -> bytes:
    with _turns(here) as take:
        return models().thumbnail(data, _SIDE, take)


def _visit() -> Visit:
    return visit(st.context.headers.get(HEADER))


@contextmanager
def _turns(here: Visit) -> Iterator[Take]:
    """Gives a function that takes a turn for this visit; waiting and work end when its tab is closed."""
    with here.work() as cancellation:
        yield partial(models().queue.take, here.client, cancellation)
