"""Files of two kinds: the first bytes decide, and no other decoder sees them."""

from __future__ import annotations

import io
import zipfile

import pytest
from PIL import Image

from classifier.errors import UnsupportedFormatError
from classifier.picture.decode import read
from classifier.picture.formats import FORMATS
from tests.support.hostile import (
    seeds,
    sound,
)

# Pillow's own words about odd metadata, which `decode` keeps out of the log.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL")


def archive() -> bytes:
    """A ZIP file."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as file:
        file.writestr("page.html", "<script>alert(1)</script>")
    return stream.getvalue()


PAGE = b"<html><script>alert(1)</script></html>"


@pytest.mark.parametrize("tail", [archive(), PAGE, b"\0" * 5_000_000, b"GIF89a"], ids=["zip", "page", "zeros", "gif"])
@pytest.mark.parametrize("name", FORMATS)
def test_a_picture_with_something_behind_it_is_that_picture(name: str, tail: bytes) -> None:
    alone, both = read(seeds()[name]), read(seeds()[name] + tail)
    assert (both.format, both.image) == (alone.format, alone.image)


@pytest.mark.parametrize("front", [archive(), PAGE, b"%PDF-1.7\n", b"\n", b"#!/bin/sh\n"])
@pytest.mark.parametrize("name", FORMATS)
def test_a_picture_behind_something_else_is_none(name: str, front: bytes) -> None:
    with pytest.raises(UnsupportedFormatError):
        read(front + seeds()[name])


@pytest.mark.parametrize("inner", FORMATS)
@pytest.mark.parametrize("outer", FORMATS)
def test_only_the_decoder_of_the_first_format_sees_a_file_of_two(
    outer: str, inner: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, ...]] = []
    pillows = Image.open

    def watched(file: io.BytesIO, formats: list[str]) -> Image.Image:
        asked.append(tuple(formats))
        return pillows(file, formats=formats)

    monkeypatch.setattr(Image, "open", watched)
    sound(seeds()[outer][:16] + seeds()[inner])
    sound(seeds()[outer][: len(seeds()[outer]) // 2] + seeds()[inner])
    sound(seeds()[outer] + seeds()[inner])
    assert asked
    assert len(set(asked)) == 1
    assert all(len(formats) == 1 for formats in asked)
