"""Cameras' raw files, as far as their structure goes: with previews of a photo, and something as sensor values."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from PIL import Image

from tests.support.hostile import encode
from tests.support.photos import photo
from tests.support.tiffs import Page, Value, tiff_file

CFA, LINEAR, RGB, YCBCR = 32803, 34892, 2, 6
LARGE, SMALL, TINY = (1024, 680), (320, 212), (160, 106)
SENSOR = bytes(range(256)) * 64


@cache
def cat(size: tuple[int, int]) -> Image.Image:
    return Image.open(photo("chelsea.png")).convert("RGB").resize(size)


@cache
def jpeg(size: tuple[int, int], orientation: int = 0, rotated: bool = False) -> bytes:
    exif = Image.Exif()
    if orientation:
        exif[0x0112] = orientation
    image = cat(size).transpose(Image.Transpose.ROTATE_90) if rotated else cat(size)
    return encode(image, "JPEG", quality=90, exif=exif)


def sizes(size: tuple[int, int]) -> dict[int, int]:
    return {256: size[0], 257: size[1], 278: size[1]}


def rgb(size: tuple[int, int], **others: Any) -> Page:
    """A picture without compression, as thumbnails are."""
    plain: dict[int, Value] = {
        254: 1,
        256: size[0],
        257: size[1],
        258: [8, 8, 8],
        259: 1,
        262: RGB,
        277: 3,
        278: size[1],
    }
    return Page(plain | {int(tag): value for tag, value in others.items()}, [cat(size).tobytes()])


def sensor(coding: int = 1, meaning: int = CFA, strip: bytes = SENSOR) -> Page:
    plain: dict[int, Value] = {254: 0, 256: 6000, 257: 4000, 258: 14, 259: coding, 262: meaning, 277: 1, 278: 4000}
    return Page(plain, [strip])


def in_strip(data: bytes, size: tuple[int, int], coding: int = 7) -> Page:
    """A JPEG as the only strip of a directory."""
    plain: dict[int, Value] = {
        254: 1,
        256: size[0],
        257: size[1],
        258: [8, 8, 8],
        259: coding,
        262: YCBCR,
        277: 3,
        278: size[1],
    }
    return Page(plain, [data])


def with_tags(page: Page, **tags: Any) -> Page:
    named = {"make": 271, "orientation": 274, "dng": 50706, "rw2": 46}
    page.tags = {**page.tags, **{named[name]: value for name, value in tags.items()}}
    return page


def below(page: Page, *others: Page) -> Page:
    page.below = others
    return page


DNG = {"dng": bytes([1, 4, 0, 0])}


def dng(*pages: Page, **tags: Any) -> bytes:
    return tiff_file(below(with_tags(rgb(TINY), **DNG, **tags), *pages))


def nef(preview: bytes, **tags: Any) -> bytes:
    first = with_tags(rgb(TINY), make=b"NIKON CORPORATION\0", **tags)
    return tiff_file(below(first, Page({254: 1, 259: 6}, jpeg=preview), sensor(34713)), order=">")


def cr2(preview: bytes) -> bytes:
    """The picture, a thumbnail and the sensor's values; the mark follows the header, where the writer has a strip."""
    plain: dict[int, Value] = {258: [8, 8, 8], 259: 6, 271: b"Canon\0", **sizes(LARGE)}
    pages = (
        Page({254: 0}, [bytes(8)]),
        Page(plain, [preview]),
        Page({259: 6}, jpeg=jpeg(TINY)),
        Page({259: 6}, [lossless()]),
    )
    data = tiff_file(*pages)
    return data[:8] + b"CR" + data[10:]


def lossless() -> bytes:
    """The beginning of a lossless JPEG, in which sensor values are."""
    return b"\xff\xd8\xff\xc3\0\x0e\x0e\x0f\xa0\x17\x70\x02\0\x11\0\1\x11\0" + SENSOR


def arw(preview: bytes) -> bytes:
    first = with_tags(Page({254: 1, 259: 6}, jpeg=preview), make=b"SONY\0")
    return tiff_file(below(first, sensor(32767)), Page({254: 1, 259: 6}, jpeg=jpeg(TINY)))


def pef(preview: bytes) -> bytes:
    first = with_tags(sensor(65535), make=b"PENTAX Corporation \0")
    return tiff_file(first, Page({259: 6}, jpeg=jpeg(TINY)), Page({259: 6}, jpeg=preview), order=">")


def orf(preview: bytes) -> bytes:
    """Olympus names its preview in tags of its own."""
    first = with_tags(sensor(1, 1), make=b"OLYMPUS IMAGING CORP.\0")
    first.tags = {**first.tags, 37500: b"OLYMPUS\0II\3\0" + bytes(20) + preview}
    return tiff_file(first, signature=b"IIRO")


def rw2(preview: bytes) -> bytes:
    plain: dict[int, Value] = {1: b"0300", 2: 6000, 3: 4000, 271: b"Panasonic\0", 46: preview}
    return tiff_file(Page(plain, [SENSOR]), signature=b"IIU\0")


RAW: dict[str, Callable[[bytes], bytes]] = {
    "DNG": lambda preview: dng(in_strip(preview, LARGE), sensor()),
    "NEF": nef,
    "CR2": cr2,
    "ARW": arw,
    "PEF": pef,
    "ORF": orf,
    "RW2": rw2,
    "SRW": lambda preview: tiff_file(
        below(with_tags(rgb(TINY), make=b"SAMSUNG\0"), Page({259: 6}, jpeg=preview), sensor(32770))
    ),
    "3FR": lambda preview: tiff_file(
        below(with_tags(rgb(TINY), make=b"Hasselblad\0"), in_strip(preview, LARGE), sensor())
    ),
    "IIQ": lambda preview: tiff_file(with_tags(sensor(), make=b"Phase One\0"), in_strip(preview, LARGE, 6)),
    "RAW": lambda preview: tiff_file(
        below(with_tags(rgb(TINY), make=b"Unheard of\0"), in_strip(preview, LARGE), sensor())
    ),
}
