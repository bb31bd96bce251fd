"""Colours that are given as code points (ITU-T H.273), also of high dynamic range (PQ and HLG), converted to sRGB.

What is brighter than a screen's white is made darker as Chromium does it: by the reference white tone mapping operator
of SMPTE ST 2094-50, with white at 203 nits (ITU-R BT.2408).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from classifier.picture.formats.base import Cicp

Floats = NDArray[np.float32]

_SRGB, _PQ, _HLG = 13, 16, 18
_WHITE = 203.0  # nits
_PEAK = 1000.0  # nits of the brightest pixel, if the file does not say them; and of the screen for which HLG is defined
_STRIP_PIXELS = 1 << 16  # so that what is computed of them stays in a CPU's cache
_STEPS = 1 << 14  # of light, for which the values in sRGB are computed beforehand; a step of 255 is at least 5 of them

_D65, _C, _E, _DCI = (0.3127, 0.3290), (0.310, 0.316), (1 / 3, 1 / 3), (0.314, 0.351)
_601 = ((0.630, 0.340), (0.310, 0.595), (0.155, 0.070), _D65)
_P3 = ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060))
_2020 = ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046), _D65)
_709 = ((0.640, 0.330), (0.300, 0.600), (0.150, 0.060), _D65)
_PRIMARIES = {  # red, green, blue and white as x and y
    1: _709,
    4: ((0.67, 0.33), (0.21, 0.71), (0.14, 0.08), _C),
    5: ((0.640, 0.330), (0.290, 0.600), (0.150, 0.060), _D65),
    6: _601,
    7: _601,
    8: ((0.681, 0.319), (0.243, 0.692), (0.145, 0.049), _C),
    9: _2020,
    10: ((1.0, 0.0), (0.0, 1.0), (0.0, 0.0), _E),
    11: (*_P3, _DCI),
    12: (*_P3, _D65),
    22: ((0.630, 0.340), (0.295, 0.605), (0.155, 0.077), _D65),
}
_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])


def other_than_srgb(cicp: Cicp) -> Cicp | None:
    """The code points, unless they are those of sRGB, or not known here."""
    known = cicp.primaries in _PRIMARIES and cicp.transfer in _TRANSFERS
    return cicp if known and (cicp.primaries, cicp.transfer) != (1, _SRGB) else None


def convert(image: Image.Image, cicp: Cicp) -> Image.Image:
    """The picture in sRGB.

    Args:
        image: mode RGB or RGBA.
        cicp: its colours, as `other_than_srgb` gives them.
    """
    result = Image.new(image.mode, image.size)
    rows = max(1, _STRIP_PIXELS // image.width)
    for top in range(0, image.height, rows):
        box = (0, top, image.width, min(top + rows, image.height))
        strip = image.crop(box).split()
        values = _to_srgb([np.asarray(channel) for channel in strip[:3]], cicp)
        channels = [Image.fromarray(channel) for channel in values]
        result.paste(Image.merge(image.mode, [*channels, *strip[3:]]), box)
    return result


def _to_srgb(values: list[NDArray[np.uint8]], cicp: Cicp) -> Iterator[NDArray[np.uint8]]:
    light = [_linear(cicp.transfer)[channel] for channel in values]
    primaries = _PRIMARIES[cicp.primaries]
    if cicp.transfer in (_PQ, _HLG):
        if primaries != _2020:
            light = _mixed(light, _matrix(primaries, _2020))
        if cicp.transfer == _HLG:
            (luminance,) = _mixed(light, np.array([[0.2627, 0.6780, 0.0593]]))
            factor = np.maximum(luminance, 0) ** np.float32(0.2) * np.float32(_PEAK / _WHITE)
            light = [channel * factor for channel in light]
        light, primaries = _darker(light, (cicp.peak or _PEAK) / _WHITE), _2020
    if primaries != _709:
        light = _mixed(light, _matrix(primaries, _709))
    for channel in light:
        steps = np.clip(channel * (_STEPS - 1) + 0.5, 0, _STEPS - 1)
        yield _encoded()[steps.astype(np.uint16)]


def _mixed(light: list[Floats], matrix: NDArray[np.float64]) -> list[Floats]:
    """Each row of a matrix times the channels."""
    red, green, blue = light
    return [red * np.float32(row[0]) + green * np.float32(row[1]) + blue * np.float32(row[2]) for row in matrix]


def _darker(light: list[Floats], peak: float) -> list[Floats]:
    """Brings what is as bright as `peak` down to 1, by the largest channel of each colour.

    Up to the reference white, 1, all becomes darker by the same factor; from there to the peak, a quadratic Bezier
    curve goes on at the same slope.
    """
    if peak <= 1:
        return light
    white = 1 - 0.5 * min(math.log(peak) / math.log(_PEAK / _WHITE), 1)
    largest = np.maximum(np.maximum(light[0], light[1]), light[2])
    x = np.clip(largest, 1, peak)
    middle_x, middle_y = 0.35 + 0.65 / white, 0.35 * white + 0.65
    a, b = 1 - 2 * middle_x + peak, middle_x - 1
    place = (x - 1) / (b + np.sqrt(b * b + a * (x - 1)))
    curve = white + 2 * place * (middle_y - white) + place**2 * (white - 2 * middle_y + 1)
    factor: Floats = (curve / np.maximum(largest, 1)).astype(np.float32, copy=False)
    return [channel * factor for channel in light]


@cache
def _linear(transfer: int) -> Floats:
    """Light of the 256 values; 1 is white."""
    return _TRANSFERS[transfer](np.arange(256) / 255).astype(np.float32)


@cache
def _encoded() -> NDArray[np.uint8]:
    """Values in sRGB of light in equal steps."""
    light = np.arange(_STEPS) / (_STEPS - 1)
    values = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return (255 * values + 0.5).astype(np.uint8)


@cache
def _matrix(source: tuple[tuple[float, float], ...], target: tuple[tuple[float, float], ...]) -> NDArray[np.float64]:
    """From light in some primaries to light in others, with white as white."""
    colours = adapted(_to_xyz(source), _xyz(source[3]), _xyz(target[3]))
    result: NDArray[np.float64] = np.linalg.inv(_to_xyz(target)) @ colours
    return result


def adapted(
    colours: NDArray[np.float64], white: NDArray[np.float64], target: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Colours as they look under another white, by Bradford's matrix (ICC.1:2022, annex E).

    Args:
        colours: X, Y and Z in columns.
        white: the X, Y and Z that is white with them.
        target: the white to which an eye is adapted.
    """
    cones = (_BRADFORD @ target) / (_BRADFORD @ white)
    result: NDArray[np.float64] = np.linalg.solve(_BRADFORD, cones[:, None] * (_BRADFORD @ colours))
    return result


def _to_xyz(primaries: tuple[tuple[float, float], ...]) -> NDArray[np.float64]:
    columns = np.array([[x, y, 1 - x - y] for x, y in primaries[:3]]).T
    return columns * np.linalg.solve(columns, _xyz(primaries[3]))


def _xyz(white: tuple[float, float]) -> NDArray[np.float64]:
    x, y = white
    return np.array([x / y, 1, (1 - x - y) / y])


def _smpte240(value: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(value < 0.0913, value / 4, ((value + 0.1115) / 1.1115) ** (1 / 0.45))


def _srgb(value: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def _pq(value: NDArray[np.float64]) -> NDArray[np.float64]:
    power = value ** (32 / 2523)
    return (np.maximum(power - 107 / 128, 0) / (2413 / 128 - 2392 / 128 * power)) ** (8192 / 1305) * (10_000 / _WHITE)


def _hlg(value: NDArray[np.float64]) -> NDArray[np.float64]:
    high = (np.exp((value - 0.55991073) / 0.17883277) + 0.28466892) / 12
    return np.where(value <= 0.5, value * value / 3, high)


def _gamma(power: float, factor: float = 1.0) -> Callable[[NDArray[np.float64]], NDArray[np.float64]]:
    return lambda value: factor * value**power


_TRANSFERS: dict[int, Callable[[NDArray[np.float64]], NDArray[np.float64]]] = {
    **dict.fromkeys((1, 6, 11, 14, 15), _gamma(2.4)),  # video as a screen shows it: ITU-R BT.1886
    4: _gamma(2.2),
    5: _gamma(2.8),
    7: _smpte240,
    8: _gamma(1),
    _SRGB: _srgb,
    _PQ: _pq,
    17: _gamma(2.6, 52.37 / 48),
    _HLG: _hlg,
}
