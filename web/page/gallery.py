"""The gallery of sample pictures: a click on one classifies it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from html import escape
from pathlib import Path

import streamlit as st

from classifier.languages import languages
from web.own_files import address
from web.page.text import language, t

FOLDER = Path(__file__).parent / "samples"


@dataclass(frozen=True, slots=True)
class Sample:
    """A sample picture, its width and height in pixels, and where it is from."""

    file: str
    size: tuple[int, int]
    author: str
    licence: str
    source: str

    @property
    def name(self) -> str:
        """Its name in the texts."""
        return Path(self.file).stem

    @property
    def title(self) -> str:
        """What it shows, in the visitor's language."""
        return languages()[language()].text("samples", self.name)

    @property
    def key(self) -> str:
        """The key of its button."""
        return f"sample_{self.name}"

    @property
    def thumbnail(self) -> Path:
        """The file with its thumbnail, which `thumbnails` makes."""
        return FOLDER / "thumbnails" / Path(self.file).with_suffix(".webp")

    @property
    def shown(self) -> Path:
        """The file that browsers show: a PNG file is many times as large as a WebP file, which `thumbnails` makes."""
        return FOLDER / "shown" / f"{self.name}.webp" if self.file.endswith(".png") else FOLDER / self.file

    def read(self) -> bytes:
        """The file's content."""
        return (FOLDER / self.file).read_bytes()


@lru_cache(maxsize=1)
def samples() -> dict[str, Sample]:
    """All samples by file name, in the order of the manifest."""
    entries = json.loads((FOLDER / "manifest.json").read_text("utf-8"))
    fields = ("file", "size", "author", "licence", "source")
    return {entry["file"]: Sample(*(entry[field] for field in fields)) for entry in entries}


def show(pick: Callable[[str], None], current: str | None) -> None:
    """Draws the buttons; `pick` is called with the file name of the one that is clicked."""
    st.html(f"<style>{_thumbnails()}{_highlight(current)}</style>")
    with st.container(key="gallery"):
        for sample in samples().values():
            st.button(sample.title, key=sample.key, on_click=pick, args=(sample.file,), width="stretch")


def picture_html(sample: Sample, alt: str) -> str:
    """One picture at its full size, as a file that browsers keep; its place is there before it is."""
    width, height = sample.size
    return f'<img src="{address(sample.shown)}" alt="{escape(alt)}" width="{width}" height="{height}">'


def credit_html(sample: Sample) -> str:
    """Author, licence and source of one picture."""
    text = t("credit", author=sample.author, licence=sample.licence)
    return f'{escape(text)} · <a href="{escape(sample.source)}" target="_blank" rel="noopener">{t("source")}</a>'


def credits_html() -> str:
    """Author, licence and source of all samples."""
    rows = "".join(f"<li>{escape(sample.title)} – {credit_html(sample)}</li>" for sample in samples().values())
    return f'<ul class="credits">{rows}</ul>'


@lru_cache(maxsize=1)
def _thumbnails() -> str:
    """CSS that lays each sample's thumbnail under its button."""
    return "".join(
        f".st-key-{sample.key} button{{background-image:url({address(sample.thumbnail)})}}"
        for sample in samples().values()
    )


def _highlight(current: str | None) -> str:
    sample = samples().get(current or "")
    if sample is None:
        return ""
    return f".st-key-{sample.key} button{{outline:3px solid var(--strong);outline-offset:2px}}"
