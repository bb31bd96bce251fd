"""The golden photos: all photos of the gallery and of `tests/photos`, with the ImageNet labels that are right."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = (ROOT / "web/page/samples", ROOT / "tests/photos")
MODELS = ("efficientnet-lite0", "efficientnet-lite2")


@dataclass(frozen=True)
class Photo:
    """A photo and the class indices that count as right."""

    path: Path
    labels: frozenset[int]


def golden_photos() -> list[Photo]:
    """All 61, in a fixed order."""
    return [
        Photo(folder / entry["file"], frozenset(entry["imagenet_labels"]))
        for folder in FOLDERS
        for entry in json.loads((folder / "manifest.json").read_text("utf-8"))
    ]


def photo(name: str) -> Path:
    """The path of one photo by its file name."""
    return next(one.path for one in golden_photos() if one.path.name == name)


def mosaic(width: int, height: int, start: int = 0) -> Image.Image:
    """A picture of that size with a photo's detail: the golden photos side by side at their own resolution."""
    page = Image.new("RGB", (width, height))
    photos = golden_photos()
    x = y = tallest = 0
    number = start
    while y < height:
        with Image.open(photos[number % len(photos)].path) as opened:
            part = opened.convert("RGB")
        page.paste(part, (x, y))
        x, tallest, number = x + part.width, max(tallest, part.height), number + 1
        if x >= width:
            x, y, tallest = 0, y + tallest, 0
    return page
