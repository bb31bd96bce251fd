"""Converts pixels of any mode to 8-bit RGB in sRGB, on white where they are transparent, and reduces large pictures.

Pictures are reduced strip by strip, so that no conversion ever needs a second copy of the full size.
"""

from __future__ import annotations

import io
import logging
import math
from collections.abc import Iterator, Sequence

import numpy as np
from PIL import Image, ImageCms

from classifier.picture.cicp import convert, other_than_srgb
from classifier.picture.formats.base import UNKNOWN, Cicp

Colours = bytes | Cicp
"""An ICC profile or code points."""

log = logging.getLogger(__name__)

_SRGB = ImageCms.createProfile("sRGB")
_STRIP_PIXELS = 1 << 20
_LIKE_SRGB = (1, 6)  # transfers of video in an ICC profile, which Chromium takes for that of sRGB
_TAGS = 100  # of an ICC profile; the most that profiles have is about 40
_DARK = 8  # of a range, that part which shows nothing to speak of


def _chart() -> Image.Image:
    """All values of each channel and of grey, and mixtures."""
    ramps = [np.outer(np.arange(256), channels) for channels in ((1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 1))]
    mixtures = 51 * np.stack(np.meshgrid(*3 * [np.arange(6)]), axis=-1).reshape(-1, 3)
    return Image.fromarray(np.concatenate([*ramps, mixtures])[np.newaxis].astype(np.uint8))


_CHART = _chart()


def srgb(image: Image.Image, factor: int, colours: Colours | None) -> Image.Image:
    """The picture in mode RGB and in sRGB, on white where it is transparent, each side divided by `factor`, rounded up.

    Args:
        image: loaded, in any mode that Pillow decodes files to.
        factor: at least 1.
        colours: what `other_colours` gave for it.
    """
    if isinstance(colours, Cicp) and _transparent(image):
        # White is not where sRGB has it, so that the picture is laid on it only once it is in sRGB.
        return to_srgb(shrink(image, factor, colours), None)
    return to_srgb(shrink(image, factor), colours)


def shrink(image: Image.Image, factor: int, colours: Cicp | None = None) -> Image.Image:
    """The picture in mode L, RGB or CMYK, on white where it is transparent, each side divided by `factor` (rounded up).

    Args:
        image: loaded, in any mode that Pillow decodes files to.
        factor: at least 1.
        colours: converts a transparent picture before it is laid on white.
    """
    scale = _value_range(image)
    plain = image.mode in ("L", "RGB", "CMYK") and not image.has_transparency_data
    if factor == 1 and (plain or image.width * image.height <= _STRIP_PIXELS):
        return _plain(image, scale, colours)
    result: Image.Image | None = None
    for top, strip in _strips(image, factor):
        small = _plain(strip, scale, colours)
        if factor > 1:
            small = small.reduce(factor)
        if result is None:
            result = Image.new(small.mode, (small.width, math.ceil(image.height / factor)))
        result.paste(small, (0, top // factor))
    assert result is not None  # noqa: S101  (height is at least 1)
    return result


def _strips(image: Image.Image, multiple: int = 1) -> Iterator[tuple[int, Image.Image]]:
    """The picture in strips, each with the index of its first row; their heights are multiples of `multiple`."""
    rows = max(1, _STRIP_PIXELS // image.width // multiple) * multiple
    for top in range(0, image.height, rows):
        yield top, image.crop((0, top, image.width, min(top + rows, image.height)))


def _value_range(image: Image.Image) -> tuple[float, float]:
    """The values of black and white, for a picture whose values may have more than 8 bits."""
    if image.mode.startswith("I;16"):
        return 0.0, 65535.0
    if image.mode not in ("I", "F"):
        return 0.0, 255.0
    low, high = math.inf, -math.inf
    for _, strip in _strips(image):
        values = np.asarray(strip)
        finite = values[np.isfinite(values)]
        if finite.size:
            low, high = min(low, float(finite.min())), max(high, float(finite.max()))
    # Integers of 0 and 1 are not taken for fractions of white.
    return white_of(low, high, (1.0, 255.0, 65535.0) if image.mode == "F" else (255.0, 65535.0))


def white_of(low: float, high: float, whites: Sequence[float], beyond: float = 0.0) -> tuple[float, float]:
    """The values of black and white, for numbers that do not say it themselves.

    Args:
        low: the least of them; more than `high` if there is none.
        high: the greatest.
        whites: the customary values of white, from the smallest; black is 0 then.
        beyond: the share of it by which values may leave a range, as those of a picture that was resampled do.

    Returns:
        The smallest customary range that holds all values, unless they would be almost black in it; else their own.
    """
    if low > high:
        low, high = 0.0, 1.0
    for white in whites:
        if low >= -beyond * high and high <= (1 + beyond) * white and (white == whites[0] or high > white / _DARK):
            return 0.0, white
    return low, max(high, low + 1)


def _transparent(image: Image.Image) -> bool:
    return image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or image.has_transparency_data


def _plain(image: Image.Image, scale: tuple[float, float], colours: Cicp | None) -> Image.Image:
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        black, white = scale
        values = np.nan_to_num(np.asarray(image, np.float64), nan=black, posinf=white, neginf=black)
        values = np.clip((values - black) * (255 / (white - black)) + 0.5, 0, 255)
        return Image.fromarray(values.astype(np.uint8))
    if _transparent(image):
        if image.mode in ("RGBa", "La"):  # premultiplied alpha: Pillow converts these only to RGBA and LA
            image = image.convert(image.mode.upper())
        image = image.convert("RGBA")
        if colours:
            image = convert(image, colours)
        white_page = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(white_page, image).convert("RGB")
    if image.mode in ("L", "RGB", "CMYK"):
        return image.copy() if image.readonly else image
    return image.convert("L" if image.mode == "1" else "RGB")


def other_colours(profile: bytes | None, cicp: Cicp | None = None) -> Colours | None:
    """A picture's colours, unless they are those that pictures have which do not say them: sRGB, to a step of 255.

    Args:
        profile: its ICC profile, if it has one.
        cicp: its colours as code points; they go before the profile.
    """
    cicp = cicp or _points(profile or b"")
    if cicp:
        return other_than_srgb(cicp)
    if not profile:
        return None
    try:
        colours = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        intent, flags = ImageCms.Intent.PERCEPTUAL, ImageCms.Flags.NOOPTIMIZE  # preparing for many pixels takes 3 ms
        transform = ImageCms.buildTransform(colours, ImageCms.ImageCmsProfile(_SRGB), "RGB", "RGB", intent, flags)
        converted = ImageCms.applyTransform(_CHART, transform)
    except Exception:  # broken, or for another mode
        return profile
    same = converted is not None and np.abs(np.asarray(converted, np.int16) - np.asarray(_CHART)).max() <= 1
    return None if same else profile


def _points(profile: bytes) -> Cicp | None:
    """The code points that an ICC profile gives besides its curves, which cannot say what is brighter than white.

    ICC.1:2022, 9.2.17 and 10.3.
    """
    count = min(int.from_bytes(profile[128:132], "big"), _TAGS)
    for at in range(132, 132 + 12 * count, 12):
        if profile[at : at + 4] == b"cicp":
            place = int.from_bytes(profile[at + 4 : at + 8], "big")
            points = profile[place + 8 : place + 12]
            heeded = len(points) == 4 and points[1] != UNKNOWN and points[2:] == b"\0\1"
            return Cicp(points[0], points[1]).settled(_LIKE_SRGB) if heeded else None
    return None


def to_srgb(image: Image.Image, colours: Colours | None) -> Image.Image:
    """The picture in mode RGB.

    Args:
        image: mode L, RGB or CMYK, as `shrink` gives it.
        colours: those of it, if they are not sRGB; a profile that is broken or does not fit the mode is ignored.
    """
    if isinstance(colours, Cicp):
        return convert(image if image.mode == "RGB" else image.convert("RGB"), colours)
    if colours:
        try:
            converted = ImageCms.profileToProfile(
                image,
                ImageCms.ImageCmsProfile(io.BytesIO(colours)),
                ImageCms.ImageCmsProfile(_SRGB),
                renderingIntent=ImageCms.Intent.PERCEPTUAL,
                outputMode="RGB",
            )
            if converted is not None:
                return converted
        except Exception:  # the picture can be used without its profile
            log.debug("ICC profile ignored", exc_info=True)
    return image if image.mode == "RGB" else image.convert("RGB")
