"""Drawn pictures whose pixels are known beforehand, and how to compare what became of them."""

from __future__ import annotations

import numpy as np
from PIL import Image


def colours(width: int = 64, height: int = 48) -> Image.Image:
    """Red left, blue right, upper half lighter: tells every orientation apart."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[:, : width // 2] = (200, 0, 0)
    pixels[:, width // 2 :] = (0, 0, 200)
    pixels[: height // 2] += 50
    return Image.fromarray(pixels)


def pixel(image: Image.Image, at: tuple[int, int]) -> tuple[int, int, int]:
    """The RGB values of one pixel."""
    red, green, blue = np.asarray(image)[at[1], at[0]].tolist()
    return red, green, blue


def difference(one: Image.Image, other: Image.Image) -> float:
    """The mean difference of two RGB pictures of the same size, 0 to 255."""
    assert one.size == other.size
    assert one.mode == other.mode == "RGB"
    return float(np.abs(np.asarray(one, np.int16) - np.asarray(other, np.int16)).mean())
