"""The picture that a visitor has chosen, and what is known about it: one object in the session, beside the widgets.

A picture is decoded and classified once; moving a slider only shows the same result again. The session keeps only one
thumbnail and the results, and only of the picture that is looked at.
"""

from __future__ import annotations

import secrets
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Literal, cast

import streamlit as st

from classifier import Classification, ClassifierError
from classifier.views import View
from web.page import gallery

Origin = Literal["sample", "upload", "camera"]
Look = tuple[str, View]
"""A model, and what it sees of a picture."""


@dataclass(frozen=True, slots=True)
class Picked:
    """The picture looked at.

    Attributes:
        key: different for every picture.
        origin: where it is from.
        name: name of its file.
        file: an entry of the gallery, or the file that Streamlit holds for an upload.
    """

    key: str
    origin: Origin
    name: str
    file: Any

    def read(self) -> bytes:
        """The file's content."""
        return cast("bytes", self.file.read() if self.sample else self.file.getvalue())

    @property
    def sample(self) -> gallery.Sample | None:
        """The gallery's entry, if it is from there."""
        return self.file if self.origin == "sample" else None


@dataclass(slots=True)
class Analysis:
    """What is known about one picture: its thumbnail, its results by look or why there are none, and what is begun.

    The thumbnail is what `begun` has under None. `changes` tells whether the models are still those of the results.
    """

    key: str
    changes: int = 0
    thumbnail: bytes = b""
    error: ClassifierError | None = None
    results: dict[Look, Classification] = field(default_factory=dict)
    begun: dict[Look | None, Future[Any]] = field(default_factory=dict)


@dataclass(slots=True)
class PageState:
    """What a visit has chosen to look at, and the analysis of that picture.

    Attributes:
        origin: where the picture is from; None before there is one.
        sample: the file name of the sample that was clicked last.
        chosen: whether anything has been chosen or removed in this visit.
        analysis: of the picture looked at.
        visit: different for every visit, and for what follows when its server has gone.
    """

    origin: Origin | None = None
    sample: str = ""
    chosen: bool = False
    analysis: Analysis | None = None
    visit: str = field(default_factory=lambda: secrets.token_hex(4))

    def picked(self) -> Picked | None:
        """The picture to look at, if there is one."""
        if self.origin is None:
            return None
        if self.origin == "sample":
            sample = gallery.samples()[self.sample]
            return Picked(f"sample:{sample.file}", "sample", sample.file, sample)
        file = st.session_state.get(self.origin)
        return Picked(f"{self.origin}:{file.file_id}", self.origin, file.name, file) if file is not None else None

    def analysis_of(self, picture: Picked) -> Analysis:
        """The analysis of a picture; that of any other picture is dropped."""
        if self.analysis is None or self.analysis.key != picture.key:
            self.analysis = Analysis(picture.key)
        return self.analysis


def state() -> PageState:
    """The state of this visit."""
    if "page" not in st.session_state:
        st.session_state["page"] = PageState()
    return cast("PageState", st.session_state["page"])


def pick_sample(file: str) -> None:
    """Called when a sample is clicked."""
    state().origin, state().sample, state().chosen = "sample", file, True
    st.session_state["camera_on"] = False


def pick_file(origin: Literal["upload", "camera"]) -> None:
    """Called when the uploader's or the camera's content has changed."""
    state().chosen = True
    if st.session_state.get(origin) is not None:
        state().origin = origin
    elif state().origin == origin:
        state().origin = None


def camera_switched() -> None:
    """Called when the camera was turned on or off; turning it off removes its photo."""
    if not st.session_state["camera_on"] and state().origin == "camera":
        state().origin = "upload" if st.session_state.get("upload") else None
