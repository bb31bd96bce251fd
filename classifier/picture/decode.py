"""Bytes to a checked, upright RGB picture, decoded no larger than needed.

This is the only place that decodes pictures. A format is recognised by content and named to Pillow, so that a visitor's
file never reaches any other decoder; limits are checked before any pixel is decoded; whatever a decoder raises becomes
an `ImageError`. Large pictures are reduced while they are decoded if the decoder can do that (JPEG), else right after.
What is special about a format is in its record in `formats`; this module names no format.
"""

from __future__ import annotations

import importlib
import io
import logging
import math
import warnings
from dataclasses import dataclass, replace
from functools import partial

from PIL import Image, ImageFile

from classifier.errors import (
    BrokenImageError,
    ImageError,
    OutOfMemoryError,
    UnknownModeError,
    UnsupportedKindError,
)
from classifier.machine.cpus import cpu_count
from classifier.notes import Note, note
from classifier.picture import cut_off
from classifier.picture.animation import first_that_shows
from classifier.picture.checks import check_memory, check_size, checked_format, too_many_pixels
from classifier.picture.colour import Colours, other_colours, srgb
from classifier.picture.detail import PROFILED, Detail, draft_factor, pixels_in_memory
from classifier.picture.formats import TABLE
from classifier.picture.formats.base import SIDEWAYS, Cicp, Cost, CutOff, Format, Preview, Shown, Size
from classifier.picture.formats.nclx import of_info
from classifier.picture.gamma import profile_of
from classifier.picture.limits import Limits
from classifier.picture.opened import file_of, loaded_copy
from classifier.picture.orientation import orientation_of, turned_upright

log = logging.getLogger(__name__)

# Our limits are stricter than Pillow's, and odd metadata in a visitor's file cannot be mended here: Pillow's warnings
# would only fill the log.
warnings.simplefilter("ignore", Image.DecompressionBombWarning)
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")

# What Pillow calls JPEGs, with MPO one that has further pictures behind it, and an image that was converted or made of
# an array, which mostly comes from one.
_DRAFTED = ("JPEG", "MPO", None)
# An integer reduction before the final resampling stays invisible while the result keeps twice the needed size:
# Pillow's `reducing_gap` documentation, https://pillow.readthedocs.io/en/stable/reference/Image.html
_GAP = 2

THREADS = min(cpu_count(), 4)
"""The threads that a decoder may start, for those that start any, where memory is not short."""

_threads = 0


def use_threads(count: int) -> int:
    """Sets how many threads a decoder may start, for those that start any; their default is one per CPU of the host.

    Each thread takes 8 MB of address space for its stack.

    Returns:
        The number that was set before.
    """
    global _threads
    before, _threads = _threads, count
    for kind in TABLE.values():
        kind.use_threads(count)
    return before


def _import_plugins() -> None:
    """Registers the formats of the table with Pillow; no other format is ever asked for."""
    for kind in TABLE.values():
        importlib.import_module(kind.plugin)
        kind.register()


_import_plugins()
use_threads(THREADS)


@dataclass(frozen=True, slots=True)
class Picture:
    """A decoded picture.

    Attributes:
        image: upright, mode RGB, possibly smaller than the original.
        width: pixels of the upright original.
        height: pixels of the upright original.
        format: one of `formats.FORMATS`, or "" for a picture that came as a PIL image.
        notes: what else is to be told of how it was read.
    """

    image: Image.Image
    width: int
    height: int
    format: str
    notes: tuple[Note, ...] = ()


def read(
    data: bytes, limits: Limits | None = None, at_least: Size | None = None, detail: Detail | None = None
) -> Picture:
    """Decodes a file into an upright RGB picture.

    Args:
        data: the file's content.
        limits: the limits for the file; the defaults of `Limits` if None.
        at_least: (width, height) that the upright result must not fall below, so that a large original may be
            decoded smaller; None decodes at full size.
        detail: what the result keeps besides, as far as there is memory for it; of what a decoder cannot make smaller,
            all.

    Raises:
        UnsupportedFormatError: not a picture in an allowed format.
        UnsupportedKindError: a kind of an allowed format that is not read.
        TooManyBytesError, TooManyPixelsError: over a limit.
        NoMemoryError, OutOfMemoryError: decoding takes more memory than there is.
        TooComplexError, BrokenImageError, CutOffError, EmptyImageError: an allowed format that cannot be decoded.
    """
    limits = limits or Limits()
    kind = checked_format(data, limits)
    try:
        if preview := kind.preview(data, limits.max_pixels):
            rest = None if limits.memory is None else limits.memory - len(data)
            return _of_raw(preview, kind, replace(limits, memory=rest), at_least, detail)
        return _of_file(data, kind, limits, at_least, detail)
    except ImageError:
        raise
    except Image.DecompressionBombError as error:
        raise too_many_pixels(limits, f"> {2 * (Image.MAX_IMAGE_PIXELS or 0)}") from error
    except MemoryError as error:
        raise OutOfMemoryError from error
    except Exception as error:  # decoders raise at least six classes of errors; visitors get one
        log.debug("broken %s of %d bytes", kind.name, len(data), exc_info=True)
        unread = kind.unread_kind(data)
        raise (UnsupportedKindError(kind=unread) if unread else BrokenImageError(format=kind.name)) from error


def from_image(
    image: Image.Image, limits: Limits | None = None, at_least: Size | None = None, detail: Detail | None = None
) -> Picture:
    """Like `read`, for a picture that a caller has already opened with Pillow; the caller's image stays as it is.

    A picture of a format that is better read from its file (`opened`), and that Pillow has not loaded yet, is read so.
    A JPEG that is loaded, and an image that does not say from which format it comes, is made as small as decoding a
    JPEG of its size would make it: so its scores are near those of its file.

    Raises:
        TooManyPixelsError: over the limit.
        EmptyImageError: no pixels.
        UnsupportedKindError: a kind of an allowed format that is not read.
        UnknownModeError: Pillow cannot load or convert it.
    """
    try:
        limits = limits or Limits()
        if data := file_of(image, limits.max_bytes):
            try:
                return replace(read(data, limits, at_least, detail), format="")
            except UnsupportedKindError:  # which Pillow may take, and get wrong
                raise
            except ImageError:  # the image may say better itself what is wrong, or nothing may be
                log.debug("not read from its file", exc_info=True)
        copy = loaded_copy(image)
        check_size(copy.size, limits)
        profile = _colours(copy, of_info(copy.info))
        least = 1
        if at_least and detail and image.format in _DRAFTED:
            stored = at_least[::-1] if orientation_of(copy) in SIDEWAYS else at_least
            least = draft_factor(copy.size, stored, detail, PROFILED if profile else math.inf)
        return _upright(copy, copy.size, at_least, detail is not None, profile, "", least)
    except ImageError:
        raise
    except Exception as error:
        raise UnknownModeError from error


def _opened(data: bytes, kind: Format) -> ImageFile.ImageFile:
    return kind.open(data) if kind.open else Image.open(io.BytesIO(data), formats=[kind.pillow_name])


def _of_file(data: bytes, kind: Format, limits: Limits, at_least: Size | None, detail: Detail | None) -> Picture:
    cut = kind.cut_off(data)
    told = cut_off.checked(cut, kind, limits) if cut and cut.there else None
    picture, early = _of_ended(data, cut, kind, limits, at_least, detail)
    cut = cut or early
    if cut and told is None:  # only now that the decoder's own memory is free
        told = cut_off.checked(cut, kind, limits)
    return replace(picture, notes=told) if told else picture


def _of_ended(
    data: bytes, cut: CutOff | None, kind: Format, limits: Limits, at_least: Size | None, detail: Detail | None
) -> tuple[Picture, CutOff | None]:
    """The picture, and how the file ends if that was seen only now."""
    shown = kind.shown(cut.ended if cut else data)
    held = len(data) * (2 if cut else 1) + (0 if shown.data is data else len(shown.data))
    with _opened(shown.data, kind) as image:
        frame = partial(_decode, image, kind, limits, at_least, detail, held, shown)
        picture = first_that_shows(frame, image, kind, shown.data, limits)
        return picture, None if cut else kind.ended_early(image, data)


def _of_raw(preview: Preview, raw: Format, limits: Limits, at_least: Size | None, detail: Detail | None) -> Picture:
    """The picture in a camera's raw file."""
    sideways = preview.orientation in SIDEWAYS
    kind = checked_format(preview.data, limits)
    picture = _of_file(preview.data, kind, limits, at_least[::-1] if at_least and sideways else at_least, detail)
    size = picture.width, picture.height
    size = size[::-1] if sideways else size
    told = note("raw_preview", kind=preview.kind, size=f"{size[0]} x {size[1]}")
    image = turned_upright(picture.image, preview.orientation)
    return Picture(image, *size, raw.name, (told, *picture.notes))


def _decode(
    image: ImageFile.ImageFile,
    kind: Format,
    limits: Limits,
    at_least: Size | None,
    detail: Detail | None,
    length: int,
    shown: Shown,
) -> Picture:
    """The picture in a file of `length` bytes that Pillow has opened."""
    check_size(image.size, limits)
    tile = kind.tile_size(image)
    if math.prod(tile) > limits.max_pixels:
        raise too_many_pixels(limits, *map(str, tile))
    smaller = kind.draft_cost(image) if at_least and kind.draft_cost else None
    cost = smaller or Cost(kind.name, kind.bytes_per_pixel + kind.extra_bytes(image))
    check_memory(image.size, cost, limits, length)
    size = image.size
    kind.before_loading(image, length)
    profile = _colours(image, shown.cicp)
    orientation = orientation_of(image)
    whole = False
    if at_least:
        stored = at_least[::-1] if orientation in SIDEWAYS else at_least
        plain = image.mode == "RGB" and not image.has_transparency_data and not profile and orientation == 1
        memory = None if limits.memory is None else limits.memory - length
        most = pixels_in_memory(size, stored, cost, memory, draft=bool(smaller), plain=plain)
        if smaller:
            factor = draft_factor(size, stored, detail or Detail(), min(most, PROFILED if profile else most))
            image.draft(None, (size[0] // factor, size[1] // factor))
        whole = detail is not None and math.prod(image.size) <= most
    image.load()
    if shown.crop:
        cropped = image.crop(shown.crop)
        return _upright(cropped, cropped.size, at_least, whole, profile, kind.name)
    return _upright(image, size, at_least, whole, profile, kind.name)


def _upright(
    image: Image.Image,
    size: Size,
    at_least: Size | None,
    whole: bool,
    profile: Colours | None,
    name: str,
    least: int = 1,
) -> Picture:
    """Turns, reduces and converts a loaded picture.

    Args:
        image: loaded.
        size: of the original.
        at_least: that the upright result must not fall below; None leaves it as large as it is.
        whole: whether to reduce only what would otherwise take long to convert.
        profile: its colours, if they are not sRGB.
        name: of the format.
        least: by what each side is divided at least; 1 where a decoder has done that.
    """
    # Read after loading: some decoders (TIFF, HEIC) turn the picture while loading it, and then correct this tag.
    orientation = orientation_of(image)
    have = image.size
    if orientation in SIDEWAYS:
        size, have = size[::-1], have[::-1]
    room = min(have[0] / at_least[0], have[1] / at_least[1]) if at_least else 1.0
    factor = max(1, int(room / _GAP))
    if whole:
        factor = max(least, min(factor, math.ceil(math.sqrt(math.prod(have) / PROFILED)) if profile else 1))
    return Picture(turned_upright(srgb(image, factor, profile), orientation), *size, name)


def _colours(image: Image.Image, cicp: Cicp | None) -> Colours | None:
    """Its colours, if they are not sRGB; a gamma counts only where nothing says more."""
    profile = image.info.get("icc_profile")
    if not profile and cicp is None:
        profile = profile_of(image.info, image.mode)
    return other_colours(profile, cicp)
