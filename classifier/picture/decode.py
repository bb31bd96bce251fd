"""Bytes to a checked, upright RGB picture, decoded no larger than needed.

This is the only place that decodes pictures. A format is recognised by content and named to Pillow, so that none of
its other decoders ever sees a visitor's file; limits are checked before any pixel is decoded; whatever a decoder
raises becomes one `ImageError`. Large pictures are brought down while they are decoded (JPEG) or right after.
"""

from __future__ import annotations

import io
import logging
import re
import warnings
from dataclasses import dataclass

import pi_heif
from PIL import (  # the plugins register themselves; no others are ever needed
    AvifImagePlugin,
    BmpImagePlugin,  # noqa: F401
    GifImagePlugin,  # noqa: F401
    Image,
    JpegImagePlugin,
    PngImagePlugin,  # noqa: F401
    TiffImagePlugin,
    WebPImagePlugin,  # noqa: F401
)

from classifier.errors import (
    BrokenImageError,
    EmptyImageError,
    ImageError,
    NoMemoryError,
    OutOfMemoryError,
    TooComplexError,
    TooManyBytesError,
    TooManyPixelsError,
    UnknownModeError,
    UnsupportedFormatError,
)
from classifier.machine.cpus import cpu_count
from classifier.picture.colour import shrink, to_srgb
from classifier.picture.complexity import too_many_parts
from classifier.picture.limits import Limits, millions, pixels_within

log = logging.getLogger(__name__)

# Nothing but the picture itself is wanted, so nothing else is read.
pi_heif.register_heif_opener(thumbnails=False, depth_images=False, aux_images=False)
# Limits are ours and stricter, and odd metadata is a visitor's: Pillow's warnings would only fill the log.
warnings.simplefilter("ignore", Image.DecompressionBombWarning)
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")

_ITEM = re.compile(rb"(....)infe(?:\x02.......|\x03.........)", re.DOTALL)
_ORIENTATION = 0x0112  # EXIF tag
_TRANSPOSE = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# An integer reduction before the final resampling stays invisible while the result keeps twice the needed size:
# Pillow's `reducing_gap` documentation, https://pillow.readthedocs.io/en/stable/reference/Image.html
_GAP = 2
# What a JPEG can have. Pillow keeps a pointer per row, so a picture of one column costs ten times its pixels.
_MAX_SIDE = 65_535


def use_threads(count: int) -> None:
    """Sets how many threads those decoders start that start any; without it, one per CPU of the host.

    Each takes 8 MB of address space for its stack.
    """
    pi_heif.options.DECODE_THREADS = count
    AvifImagePlugin.DEFAULT_MAX_THREADS = count


use_threads(min(cpu_count(), 4))


@dataclass(frozen=True, slots=True)
class Picture:
    """A decoded picture.

    Attributes:
        image: upright, mode RGB, possibly smaller than the original.
        width: pixels of the upright original.
        height: pixels of the upright original.
        format: one of `limits.FORMATS`, or "" for a picture that came as a PIL image.
    """

    image: Image.Image
    width: int
    height: int
    format: str


def sniff(data: bytes) -> str | None:
    """The format of a file by its first bytes, one of `limits.FORMATS`, or None."""
    if data.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if data.startswith((b"GIF87a", b"GIF89a")):
        return "GIF"
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "WEBP"
    if data.startswith(b"BM"):
        return "BMP"
    if data.startswith((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")):
        return "TIFF"
    if data[4:8] == b"ftyp":
        # ISO base media: one major brand, a version, then compatible brands (ISO/IEC 14496-12, 23008-12).
        end = min(int.from_bytes(data[:4], "big"), 256)
        brands = {data[8:12], *(data[i : i + 4] for i in range(16, end, 4))}
        if brands & {b"avif", b"avis"}:
            return "AVIF"
        if brands & {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}:
            return "HEIC"
    return None


def _heic_names_are_text(data: bytes) -> bool:
    """Whether the types and names of a HEIC file's items are text: pi_heif 1.4 crashes where metadata has another.

    An `infe` box holds its version, an id of two or four bytes, two bytes more, the type and names (ISO/IEC 14496-12).
    """
    for found in _ITEM.finditer(data):
        end = found.start() + int.from_bytes(found[1], "big")
        try:
            data[found.end() : end].decode()
        except UnicodeDecodeError:
            return False
    return True


def read(data: bytes, limits: Limits | None = None, at_least: tuple[int, int] | None = None) -> Picture:
    """Decodes a file into an upright RGB picture.

    Args:
        data: the file's content.
        limits: what the file may be; the defaults of `Limits` if None.
        at_least: (width, height) that the upright result must not fall below, so that a large original may be
            decoded smaller; None decodes at full size.

    Raises:
        UnsupportedFormatError: not a picture in an allowed format.
        TooManyBytesError, TooManyPixelsError: over a limit.
        NoMemoryError, OutOfMemoryError: there is not enough of it.
        TooComplexError, BrokenImageError, EmptyImageError: such a picture, but not one that can be decoded.
    """
    limits = limits or Limits()
    if len(data) > limits.max_bytes:
        raise TooManyBytesError(limit=millions(limits.max_bytes))
    kind = sniff(data)
    if kind is None or kind not in limits.formats:
        raise UnsupportedFormatError(formats=", ".join(limits.formats))
    if too_many_parts(data, kind):
        raise TooComplexError(format=kind)
    if kind == "HEIC" and not _heic_names_are_text(data):
        raise BrokenImageError(format=kind)
    if kind == "WEBP" and limits.memory is not None:
        # Its decoder takes memory for the whole picture as soon as it is opened.
        _check_memory(_webp_size(data), kind, limits.memory - len(data))
    try:
        with Image.open(io.BytesIO(data), formats=["HEIF" if kind == "HEIC" else kind]) as image:
            return _decode(image, kind, limits, at_least, len(data))
    except ImageError:
        raise
    except Image.DecompressionBombError as error:
        raise _too_many_pixels(limits, "too many") from error
    except MemoryError as error:
        raise OutOfMemoryError from error
    except Exception as error:  # decoders raise at least six kinds; a visitor needs one
        log.debug("broken %s of %d bytes", kind, len(data), exc_info=True)
        raise BrokenImageError(format=kind) from error


def from_image(image: Image.Image, limits: Limits | None = None, at_least: tuple[int, int] | None = None) -> Picture:
    """The same for a picture that a caller has already opened with Pillow; the caller's image stays as it is.

    Raises:
        TooManyPixelsError: over the limit.
        UnknownModeError: Pillow cannot load or convert it.
    """
    try:
        return _decode(image.copy(), "", limits or Limits(), at_least)
    except ImageError:
        raise
    except Exception as error:
        raise UnknownModeError from error


def _decode(image: Image.Image, kind: str, limits: Limits, at_least: tuple[int, int] | None, size: int = 0) -> Picture:
    width, height = image.size
    if width * height > limits.max_pixels or max(width, height) > _MAX_SIDE:
        raise _too_many_pixels(limits, f"{width} x {height}")
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        # A tile is decoded whole, and may be larger than the picture that is cut out of it.
        tile = [int(image.tag_v2.get(tag, 0)) for tag in (TiffImagePlugin.TILEWIDTH, TiffImagePlugin.TILELENGTH)]
        if tile[0] * tile[1] > limits.max_pixels:
            raise _too_many_pixels(limits, f"{tile[0]} x {tile[1]}")
    if width < 1 or height < 1:
        raise EmptyImageError
    if limits.memory is not None:
        way = "progressive" if "progressive" in image.info else "sequential"
        _check_memory(image.size, f"{way} JPEG" if kind == "JPEG" and at_least else kind, limits.memory - size)
    if isinstance(image, JpegImagePlugin.JpegImageFile):
        # All bytes at once: by 64 kB, as Pillow does, takes 7 % longer, and waits for the interpreter's lock each time.
        image.decodermaxblock = max(image.decodermaxblock, size)
    if at_least and kind == "JPEG":
        turned = _orientation(image) >= 5
        image.draft(None, at_least[::-1] if turned else at_least)
    image.load()
    # Read after loading: some decoders (TIFF, HEIC) turn the picture themselves and then say so.
    orientation = _orientation(image)
    if orientation >= 5:
        width, height = height, width
    room = 1.0
    if at_least:
        have = image.size[::-1] if orientation >= 5 else image.size
        room = min(have[0] / at_least[0], have[1] / at_least[1])
    upright = to_srgb(shrink(image, max(1, int(room / _GAP))), image.info.get("icc_profile"))
    if orientation in _TRANSPOSE:
        upright = upright.transpose(_TRANSPOSE[orientation])
    return Picture(upright, width, height, kind)


def _webp_size(data: bytes) -> tuple[int, int]:
    """Width and height by a WebP file's first chunk; (0, 0) where there is no such chunk. RFC 9649, section 2.5 ff."""
    chunk, body = data[12:16], data[20:30]
    if len(body) < 10:
        return 0, 0
    if chunk == b"VP8X":
        return int.from_bytes(body[4:7], "little") + 1, int.from_bytes(body[7:10], "little") + 1
    if chunk == b"VP8L":
        bits = int.from_bytes(body[1:5], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if chunk == b"VP8 ":
        return int.from_bytes(body[6:8], "little") & 0x3FFF, int.from_bytes(body[8:10], "little") & 0x3FFF
    return 0, 0


def _check_memory(size: tuple[int, int], kind: str, room: int) -> None:
    most = pixels_within(room, kind)
    if size[0] * size[1] > most:
        raise NoMemoryError(size=f"{size[0]} x {size[1]}", kind=kind, limit=millions(most))


def _orientation(image: Image.Image) -> int:
    try:
        value = image.getexif().get(_ORIENTATION, 1)
    except Exception:  # broken metadata is no reason to refuse a picture whose pixels are fine
        return 1
    return value if value in range(1, 9) else 1


def _too_many_pixels(limits: Limits, size: str) -> TooManyPixelsError:
    return TooManyPixelsError(size=size, limit=millions(limits.max_pixels), side=f"{_MAX_SIDE:,}")
