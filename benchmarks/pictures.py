"""The photos that benchmarks and tests classify: those of the gallery and of `tests/photos`."""

from __future__ import annotations

import io
import json
from functools import cache
from pathlib import Path

from PIL import Image

from classifier.checkout import ROOT

FOLDERS = (ROOT / "web/page/samples", ROOT / "tests/photos")


@cache
def photos() -> tuple[Path, ...]:
    """The paths of all photos, in a fixed order."""
    return tuple(
        folder / entry["file"]
        for folder in FOLDERS
        for entry in json.loads((folder / "manifest.json").read_text("utf-8"))
    )


def photo(name: str) -> Path:
    """The path of one photo by its file name."""
    return next(path for path in photos() if path.name == name)


def mosaic(width: int, height: int, start: int = 0) -> Image.Image:
    """A picture of the given size with a photo's detail: the photos side by side at their own resolution.

    Args:
        width: in pixels.
        height: in pixels.
        start: the number of the first photo.
    """
    page = Image.new("RGB", (width, height))
    x = y = tallest = 0
    number = start
    while y < height:
        with Image.open(photos()[number % len(photos())]) as opened:
            part = opened.convert("RGB")
        page.paste(part, (x, y))
        x, tallest, number = x + part.width, max(tallest, part.height), number + 1
        if x >= width:
            x, y, tallest = 0, y + tallest, 0
    return page


def mosaic_jpeg(width: int, height: int) -> bytes:
    """A mosaic as a JPEG file."""
    stream = io.BytesIO()
    mosaic(width, height).save(stream, "JPEG", quality=90)
    return stream.getvalue()
