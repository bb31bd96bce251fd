"""The visitor's picture: uploaded, photographed or a sample; which one is looked at, and what is known of it.

A picture is decoded and classified once; moving a slider only shows the same result anew. What is kept of it in the
session is one thumbnail and its results, and only of the picture looked at.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, cast

import streamlit as st

from classifier import Classification, ImageError
from web.models import models
from web.page import gallery
from web.page.text import language, t

MOST = 10
"""As many classes as the page can show."""

_SIDE = 1120  # pixels of the thumbnail's longer side: the column's width on a dense screen


@dataclass(frozen=True, slots=True)
class Picked:
    """The picture looked at; `key` tells it from any other one."""

    key: str
    name: str
    file: Any

    def read(self) -> bytes:
        """The file's content."""
        return cast("bytes", self.file.read() if self.sample else self.file.getvalue())

    @property
    def sample(self) -> gallery.Sample | None:
        """The gallery's entry, if it is from there."""
        return self.file if isinstance(self.file, gallery.Sample) else None

    @property
    def camera(self) -> bool:
        """Whether it was photographed here."""
        return self.key.startswith("camera")

    @property
    def alt(self) -> str:
        """For those who cannot see it."""
        if self.sample:
            return t("alt_sample", name=self.sample.title)
        return t("alt_upload", name=self.name)


@dataclass(slots=True)
class Known:
    """What is known of a picture."""

    key: str
    thumbnail: bytes = b""
    error: ImageError | None = None
    results: dict[str, Classification] = field(default_factory=dict)


def picked() -> Picked | None:
    """The picture to look at, if there is one."""
    source = st.session_state.get("source")
    if source in gallery.samples():
        return Picked(f"sample:{source}", source, gallery.samples()[source])
    file = st.session_state.get(source) if source in ("upload", "camera") else None
    return Picked(f"{source}:{file.file_id}", file.name, file) if file is not None else None


def pick_sample(file: str) -> None:
    """Called when a sample is clicked."""
    st.session_state["source"] = file
    st.session_state["camera_on"] = False


def pick_file(source: str) -> None:
    """Called when the uploader's or the camera's content has changed."""
    if st.session_state.get(source) is not None:
        st.session_state["source"] = source
    elif st.session_state.get("source") == source:
        st.session_state["source"] = None


def camera_switched() -> None:
    """Called when the camera was turned on or off; turned off, its photo is gone."""
    if not st.session_state["camera_on"] and st.session_state.get("source") == "camera":
        st.session_state["source"] = "upload" if st.session_state.get("upload") else None


def look(picture: Picked, model: str) -> tuple[Classification, bool]:
    """What the model says of the picture, and whether that is news.

    Raises:
        ClassifierError: as `Models.classify` does.
    """
    known = _known(picture)
    if known.error:
        raise known.error
    if model in known.results:
        return known.results[model], False
    labels = models.packages[model].labels
    try:
        result = models.classify(
            picture.read(), client="page", model=model, top_k=MOST, lang=next(iter(labels)), wait=True
        )
    except ImageError as error:
        known.error = error
        raise
    known.results[model] = result
    return result, True


def thumbnail(picture: Picked) -> bytes:
    """The picture, upright and small, as a JPEG file.

    Raises:
        ClassifierError: as `Models.classify` does.
    """
    known = _known(picture)
    if known.error:
        raise known.error
    if not known.thumbnail:
        with models.queue.take():
            known.thumbnail = models.decoder.thumbnail(picture.read(), _SIDE)
    return known.thumbnail


def shown(result: Classification, top_k: int, minimum: float) -> Classification:
    """The result as the visitor wants to see it: so many classes, from this score on, in their language."""
    labels = models.packages[result.model].labels_for(language())
    return replace(
        result,
        predictions=tuple(
            replace(item, label=labels[item.index]) for item in result.predictions[:top_k] if item.score >= minimum
        ),
    )


def _known(picture: Picked) -> Known:
    known = st.session_state.get("known")
    if known is None or known.key != picture.key:
        known = st.session_state["known"] = Known(picture.key)
    return cast("Known", known)
