"""Pictures whose colours are given as code points, made of ordinary ones and without the code that is tested."""

from __future__ import annotations

import io
import struct

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from tests.support.heif import box, with_properties
from tests.support.hostile import encode, png_chunk

PQ, HLG = 16, 18
BT2020, P3 = 9, 12

_TO_BT2020 = np.array([[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]])


def pq(image: Image.Image, white: float = 203) -> Image.Image:
    """A picture in sRGB as PQ with primaries of BT.2020, its white as bright as that many nits."""
    values = np.asarray(image.convert("RGB")) / 255
    light = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    power = np.clip(light @ _TO_BT2020.T * white / 10_000, 0, 1) ** (2610 / 16384)
    coded = ((3424 / 4096 + 2413 / 128 * power) / (1 + 2392 / 128 * power)) ** (2523 / 32)
    return Image.fromarray(np.round(255 * coded).astype(np.uint8))


def chart() -> Image.Image:
    """Greys and the ramps of each channel, and 5,376 colours."""
    ramps = [np.outer(np.arange(256), channels) for channels in ((1, 1, 1), (1, 0, 0), (0, 1, 0), (0, 0, 1))]
    mixtures = np.random.default_rng(0).integers(0, 256, (5376, 3))
    return Image.fromarray(np.concatenate([*ramps, mixtures]).astype(np.uint8).reshape(80, 80, 3))


def with_cicp(data: bytes, *points: int, extra: bytes = b"") -> bytes:
    """A PNG with the code points of primaries, transfer, matrix and range."""
    return data[:33] + png_chunk(b"cICP", bytes(points)) + extra + data[33:]


def with_nclx(data: bytes, primaries: int, transfer: int, *more: bytes) -> bytes:
    """An AVIF or HEIC of one item with other code points for its colours, and more properties."""
    matrix = 0 if b"nclx" not in data else int.from_bytes(data[data.index(b"nclx") + 8 :][:2], "big")
    colours = box(b"colr", b"nclx" + struct.pack(">3HB", primaries, transfer, matrix, 0x80))
    return with_properties(data, colours, *more, without=(b"colr",))


def avif(image: Image.Image) -> bytes:
    """An AVIF of good quality, which gives its colours as code points."""
    return encode(image, "AVIF", quality=95, subsampling="4:4:4")


def profile(*points: int) -> bytes:
    """The ICC profile of sRGB with code points besides, which go before its curves."""
    plain = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    count = int.from_bytes(plain[128:132], "big")
    tags = list(struct.iter_unpack(">4sII", plain[132 : 132 + 12 * count]))
    rest = plain[132 + 12 * count :]
    moved = [(tag, place + 12, size) for tag, place, size in tags]
    moved.append((b"cicp", 132 + 12 * (count + 1) + len(rest), 12))
    table = struct.pack(">I", count + 1) + b"".join(struct.pack(">4sII", *tag) for tag in moved)
    body = plain[4:128] + table + rest + b"cicp" + bytes(4) + bytes(points)
    return struct.pack(">I", 4 + len(body)) + body


def as_array(image: Image.Image) -> NDArray[np.int16]:
    """Its values, fit for subtracting."""
    return np.asarray(image.convert("RGB"), np.int16)


def opened(data: bytes) -> Image.Image:
    """The picture in a file as Pillow reads it."""
    return Image.open(io.BytesIO(data))
