"""Pictures to load a server with: all formats, small and large, and a slow one."""

from __future__ import annotations

import random

from PIL import Image

from tests.support.hostile import encode, seeds
from tests.support.photos import golden_photos, mosaic


def small_pictures() -> list[bytes]:
    """50 pictures of some hundred pixels, in all formats."""
    photos = [Image.open(one.path).convert("RGB") for one in golden_photos()[:33]]
    kinds = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", "AVIF")
    for number, image in enumerate(photos):
        image.thumbnail((160 + 8 * number, 480))
    return _shuffled(
        [encode(image, kinds[number % len(kinds)]) for number, image in enumerate(photos)] + list(seeds().values())
    )


def pictures() -> list[bytes]:
    """100 pictures: the golden photos, small ones in all formats and 12-megapixel ones."""
    large = [encode(mosaic(4000, 3000, 7 * number), "JPEG", quality=90) for number in range(8)]
    large += [encode(mosaic(4000, 3000, 7 * number), "JPEG", progressive=True) for number in range(4)]
    medium = [encode(mosaic(1600, 1200, number), "JPEG", quality=90) for number in range(4)]
    medium += [encode(mosaic(2000, 1500), kind) for kind in ("PNG", "WEBP", "TIFF", "BMP", "GIF", "AVIF")]
    return _shuffled([one.path.read_bytes() for one in golden_photos()] + large + medium + list(seeds().values()))


def slow_picture() -> bytes:
    """Full of pixels and quick to send, as a JPEG file is not."""
    return encode(Image.linear_gradient("L").resize((4000, 3000)).convert("RGB"), "PNG")


def _shuffled(files: list[bytes]) -> list[bytes]:
    random.Random(0).shuffle(files)
    return files
