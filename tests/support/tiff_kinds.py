"""TIFF files of every kind of sample, all with the same photo."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from functools import cache, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tests.support.photos import photo
from tests.support.tiffs import Page, packed, tiff_file

Array = NDArray[Any]
WIDTH, HEIGHT = 113, 75
GREY, WHITE_IS_0, RGB, PALETTE, CMYK, YCBCR, LAB = 1, 0, 2, 3, 5, 6, 8
SIGNED, FLOAT = 2, 3


@cache
def cat(mode: str = "RGB") -> Array:
    """The pixels of a photo that every kind below holds."""
    return np.asarray(Image.open(photo("chelsea.png")).convert("RGB").resize((WIDTH, HEIGHT)).convert(mode))


def tags(meaning: int, bits: int, samples: int = 1, **others: Any) -> dict[int, Any]:
    named = {"form": 339, "planar": 284, "coding": 259, "predictor": 317, "extra": 338, "map": 320, "fill": 266}
    plain = {256: WIDTH, 257: HEIGHT, 258: [bits] * samples, 259: 1, 262: meaning, 277: samples, 278: HEIGHT}
    return plain | {named[name]: value for name, value in others.items()}


def page(samples: Array, meaning: int, bits: int, **others: Any) -> bytes:
    """A file of one strip, or of one for each plane if `planar` is 2."""
    count = 1 if samples.ndim == 2 else samples.shape[-1]
    order = others.pop("order", "<")
    planes = [samples[..., i] for i in range(count)] if others.get("planar") == 2 else [samples]
    whole = bits in (8, 16, 32, 64)
    strips = [
        (np.ascontiguousarray(one.astype(one.dtype.newbyteorder(order))).tobytes() if whole else packed(one, bits))
        for one in planes
    ]
    if others.get("coding") == 8:
        strips = [zlib.compress(one) for one in strips]
    return tiff_file(Page(tags(meaning, bits, count, **others), strips), order=order)


def wide(pixels: Array, bits: int) -> Array:
    """8-bit pixels as numbers of so many bits."""
    kind = f"u{max(1, 1 << (bits - 1).bit_length()) // 8 or 1}" if bits > 8 else "u1"
    return np.round(pixels / 255 * ((1 << bits) - 1)).astype(kind)


def signed(pixels: Array, bits: int) -> Array:
    return (wide(pixels, bits).astype(np.int64) - (1 << (bits - 1))).astype(f"i{bits // 8}")


def differences(samples: Array) -> Array:
    """What predictor 2 writes."""
    return np.diff(samples, axis=1, prepend=np.zeros_like(samples[:, :1]))


def floating_differences(samples: Array) -> Array:
    """What predictor 3 writes, for 32-bit samples: all highest bytes, then the next, and of each the difference."""
    rows = samples.astype(">f4").view(np.uint8).reshape(HEIGHT, -1, 4)
    planes = np.moveaxis(rows, 2, 1).reshape(HEIGHT, -1, samples.shape[2] if samples.ndim == 3 else 1)
    return differences(planes).reshape(HEIGHT, -1)


def reversed_bits(samples: Array) -> Array:
    return np.packbits(np.unpackbits(samples.view("u1"), bitorder="little")).view(samples.dtype).reshape(samples.shape)


def map_of(scale: int) -> list[int]:
    return [value * scale for _ in range(3) for value in range(256)]


def tiles(samples: Array) -> list[bytes]:
    """Tiles of 48 x 32 pixels, with noise where there is no picture."""
    down, across = -(-HEIGHT // 32), -(-WIDTH // 48)
    full = np.random.default_rng(1).integers(0, 255, (down * 32, across * 48, *samples.shape[2:])).astype(samples.dtype)
    full[:HEIGHT, :WIDTH] = samples
    return [full[32 * y : 32 * y + 32, 48 * x : 48 * x + 48].tobytes() for y in range(down) for x in range(across)]


def tiled(samples: Array, meaning: int, bits: int, **others: Any) -> bytes:
    count = 1 if samples.ndim == 2 else samples.shape[-1]
    one = {key: value for key, value in tags(meaning, bits, count, **others).items() if key != 278}
    return tiff_file(Page(one | {322: 48, 323: 32}, tiles(samples), tiled=True))


def with_alpha(pixels: Array) -> Array:
    alpha = np.tile(np.linspace(0, 255, WIDTH).astype(np.uint8), (HEIGHT, 1))
    return np.dstack([pixels, alpha])


def premultiplied(pixels: Array) -> Array:
    both = with_alpha(pixels).astype(float)
    both[..., :-1] *= both[..., -1:] / 255
    return both


def on_white(pixels: Array) -> Array:
    both = with_alpha(pixels).astype(float)
    return np.asarray(both[..., :-1] * both[..., -1:] / 255 + 255 - both[..., -1:])


def ink(pixels: Array) -> Array:
    return np.dstack([255 - pixels, np.zeros((HEIGHT, WIDTH), np.uint8)])


def subsampled_ycbcr() -> bytes:
    """Uncompressed YCbCr with a quarter of the colours: four values of light for each pair of colours."""
    whole = np.asarray(Image.fromarray(cat()).resize((112, 76)).convert("YCbCr"))
    light = whole[..., 0].reshape(38, 2, 56, 2).transpose(0, 2, 1, 3).reshape(38, 56, 4)
    colours = whole[..., 1:].reshape(38, 2, 56, 2, 2).mean(axis=(1, 3)).round().astype(np.uint8)
    one = tags(YCBCR, 8, 3) | {256: 112, 257: 76, 278: 76, 530: [2, 2]}
    return tiff_file(Page(one, [np.concatenate([light, colours], axis=2).tobytes()]))


def floating_point_predictor() -> bytes:
    one = tags(RGB, 32, 3, coding=8, predictor=3, form=[FLOAT] * 3)
    return tiff_file(Page(one, [zlib.compress(floating_differences(cat() / 255).tobytes())]))


def unsigned(meaning: int, bits: int) -> bytes:
    return page(wide(cat("L" if meaning == GREY else "RGB"), bits), meaning, bits)


def floating(bits: int) -> bytes:
    return page((cat() / 255).astype(f"f{bits // 8}"), RGB, bits, form=[FLOAT] * 3)


SOUND: dict[str, tuple[Callable[[], bytes], str]] = {
    "16-bit planes": (lambda: page(wide(cat(), 16), RGB, 16, planar=2), "RGB"),
    "16-bit planes, big-endian": (lambda: page(wide(cat(), 16), RGB, 16, planar=2, order=">"), "RGB"),
    "16-bit planes, Deflate": (lambda: page(wide(cat(), 16), RGB, 16, planar=2, coding=8), "RGB"),
    "16-bit CMYK planes": (lambda: page(wide(ink(cat()), 16), CMYK, 16, planar=2), "RGB"),
    "8-bit planes": (lambda: page(cat(), RGB, 8, planar=2), "RGB"),
    "16-bit, white is 0": (lambda: page(65535 - wide(cat("L"), 16), WHITE_IS_0, 16), "L"),
    "16-bit, white is 0, big-endian": (lambda: page(65535 - wide(cat("L"), 16), WHITE_IS_0, 16, order=">"), "L"),
    "float, white is 0": (lambda: page((1 - cat("L") / 255).astype("f4"), WHITE_IS_0, 32, form=FLOAT), "L"),
    "uint32": (lambda: page(wide(cat("L"), 32), GREY, 32), "L"),
    "uint32 of 8 bits": (lambda: page(cat("L").astype("u4"), GREY, 32), "L"),
    "uint32 RGB, big-endian": (lambda: page(wide(cat(), 32), RGB, 32, order=">"), "RGB"),
    "uint64": (lambda: page(cat("L").astype("u8") * 0x0101010101010101, GREY, 64), "L"),
    "int8": (lambda: page(signed(cat("L"), 8), GREY, 8, form=SIGNED), "L"),
    "int8 RGB": (lambda: page(signed(cat(), 8), RGB, 8, form=[SIGNED] * 3), "RGB"),
    "uint8 that says int8": (lambda: page(cat("L"), GREY, 8, form=SIGNED), "L"),
    "int16": (lambda: page(signed(cat("L"), 16), GREY, 16, form=SIGNED), "L"),
    "int32": (lambda: page(signed(cat("L"), 32), GREY, 32, form=SIGNED), "L"),
    "palette of 8-bit entries": (lambda: page(cat("L"), PALETTE, 8, map=map_of(1)), "L"),
    "palette of 16-bit entries": (lambda: page(cat("L"), PALETTE, 8, map=map_of(257)), "L"),
    **{f"{bits}-bit RGB": (partial(unsigned, RGB, bits), "RGB") for bits in (10, 12, 14, 24)},
    **{f"{bits}-bit grey": (partial(unsigned, GREY, bits), "L") for bits in (10, 12, 14, 24)},
    "12-bit planes": (lambda: page(wide(cat(), 12), RGB, 12, planar=2), "RGB"),
    **{f"float{bits}": (partial(floating, bits), "RGB") for bits in (16, 32, 64)},
    "float of 0 to 255": (lambda: page(cat("L").astype("f4"), GREY, 32, form=FLOAT), "L"),
    "float of -1 to 1": (lambda: page((cat("L") / 127.5 - 1).astype("f4"), GREY, 32, form=FLOAT), "L stretched"),
    "float, predictor": (floating_point_predictor, "RGB"),
    "16-bit, predictor, planes": (
        lambda: page(differences(wide(cat(), 16)), RGB, 16, planar=2, coding=8, predictor=2),
        "RGB",
    ),
    "16-bit, predictor, white is 0": (
        lambda: page(differences(65535 - wide(cat("L"), 16)), WHITE_IS_0, 16, coding=8, predictor=2),
        "L",
    ),
    "16-bit tiles, white is 0": (lambda: tiled(65535 - wide(cat("L"), 16), WHITE_IS_0, 16), "L"),
    "float tiles": (lambda: tiled((cat() / 255).astype("f4"), RGB, 32, form=[FLOAT] * 3), "RGB"),
    "16-bit, lowest bit first": (lambda: page(reversed_bits(wide(cat(), 16)), RGB, 16, fill=2), "RGB"),
    "alpha": (lambda: page(wide(with_alpha(cat()), 16), RGB, 16, extra=2, planar=2), "RGB on white"),
    "premultiplied alpha": (lambda: page(wide(premultiplied(cat()), 16), RGB, 16, extra=1, planar=2), "RGB on white"),
    "16-bit grey with alpha": (lambda: page(wide(with_alpha(cat("L")), 16), GREY, 16, extra=2), "L on white"),
    "8-bit premultiplied planes": (
        lambda: page(premultiplied(cat()).round().astype("u1"), RGB, 8, extra=1, planar=2),
        "RGB on white",
    ),
    "unspecified samples": (lambda: page(wide(with_alpha(cat()), 16), RGB, 16, extra=0, planar=2), "RGB"),
    "three channels that are not named": (lambda: page(wide(cat(), 16), GREY, 16, extra=[0, 0]), "RGB"),
    "without a photometric interpretation": (
        lambda: tiff_file(Page({k: v for k, v in tags(RGB, 8, 3).items() if k != 262}, [cat().tobytes()])),
        "RGB",
    ),
}
