"""Photos to train on: real ones, of which each is varied as a second and third shot of the same thing would be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from tests.support.photos import photo

THINGS: Mapping[str, Sequence[str]] = {
    "animal": ("bison.webp", "cat.webp", "cow.webp", "horse.webp", "lemur.webp", "pig.webp", "sheep.webp"),
    "gate": ("IndiaGate.webp", "arcDeTriomphe.webp", "brandenburgGate.webp", "cathedral.webp", "tajMahal.webp"),
    "hammer": ("hammer1.webp", "hammer2.webp", "hammer3.webp", "hammer4.webp", "hammer5.webp", "hammer6.webp"),
}
"""Photos by what they show."""


def shots(folder: Path, counts: Mapping[str, int], *, seed: int = 0, side: int = 160) -> Path:
    """A folder with one sub-folder for each thing.

    Args:
        folder: where; made if need be.
        counts: how many photos of each of `THINGS`.
        seed: decides how they are varied.
        side: their width and height in pixels.
    """
    random = np.random.default_rng(seed)
    for label, count in counts.items():
        (folder / label).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            varied(THINGS[label][number % len(THINGS[label])], random, side).save(folder / label / f"{number}.png")
    return folder


def varied(name: str, random: np.random.Generator, side: int) -> Image.Image:
    """A photo from a little nearer, and in another light."""
    with Image.open(photo(name)) as image:
        picture = image.convert("RGB")
    width, height = picture.size
    left, top = random.uniform(0, 0.12, 2)
    kept = random.uniform(0.82, 0.88)
    box = (left * width, top * height, (left + kept) * width, (top + kept) * height)
    small = np.asarray(picture.resize((side, side), Image.Resampling.BICUBIC, box)).astype(float)
    return Image.fromarray(np.clip(small * random.uniform(0.8, 1.2), 0, 255).astype(np.uint8))


def files(folder: Path) -> dict[str, bytes]:
    """The content of all files in and below a folder, by name."""
    return {str(one.relative_to(folder)): one.read_bytes() for one in sorted(folder.rglob("*")) if one.is_file()}
