"""TIFF pictures whose samples are turned into 8-bit pixels here: those that Pillow does not read right."""

from __future__ import annotations

import io
import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile

from classifier.picture.colour import white_of
from classifier.picture.formats import tiff_directory as tags
from classifier.picture.formats import tiff_kinds as kinds
from classifier.picture.formats.base import ORIENTATION, Size
from classifier.picture.formats.tiff_directory import Directory
from classifier.picture.formats.tiff_kinds import Kind
from classifier.picture.formats.tiff_strips import Bytes, Numbers, Strips, strips_of

if TYPE_CHECKING:
    from PIL._imaging import PixelAccess

Shares = NDArray[np.float32]

_FULL = 24  # bits of unsigned samples that go from black to white; wider ones mostly hold something measured
# Linear sRGB of X, Y and Z, each as a share of that of white.
_FROM_XYZ = np.array([[3.0800, -1.5372, -0.5428], [-0.9210, 1.8760, 0.0452], [0.0529, -0.2040, 1.1511]], np.float32)
_TABLE = 16  # bits of samples for which a table of all values is worth it


class SampledTiff(ImageFile.ImageFile):
    """A picture that is opened but not loaded.

    Attributes:
        part_size: width and height of a strip or tile.
    """

    format = "TIFF"
    format_description = "TIFF, read sample by sample"

    def __init__(self, directory: Directory, kind: Kind) -> None:
        """Args: directory: of the picture; kind: of its samples, one that `tiff_kinds` leaves to this module."""
        self._directory, self._kind = directory, kind
        self._strips = strips_of(directory, kind)
        self.part_size: Size = self._strips.size
        super().__init__(io.BytesIO(), "")

    def _open(self) -> None:
        self._size, self._mode = self._directory.size, _mode(self._directory, self._kind)
        exif = Image.Exif()
        exif[ORIENTATION] = self._directory.value(tags.ORIENTATION, 1)
        self.info = {"exif": exif.tobytes()}
        if profile := self._directory.content(tags.PROFILE):
            self.info["icc_profile"] = profile

    @property
    def bytes_per_pixel(self) -> float:
        """Memory that decoding takes beyond that of the picture."""
        if self._kind.coding == kinds.NONE:
            return 0.0
        planes = self._kind.samples if self._kind.planar else 1
        return 2 * planes * self._strips.row * self.part_size[1] / math.prod(self.size)

    def load(self) -> PixelAccess | None:
        """Reads the samples, once."""
        if self._im is None:
            self.im = _picture(self._directory, self._kind, self._strips, self.mode).im
        return Image.Image.load(self)


def _mode(directory: Directory, kind: Kind) -> str:
    """Pillow's mode for the pixels of a kind."""
    if kind.meaning in (kinds.LAB, kinds.ICC_LAB):
        return "RGB" if kinds.has_daylight_white(directory) else "LAB"
    if kind.meaning == kinds.CMYK:
        return "RGB" if kind.alpha == kinds.OTHER_ALPHA else "CMYK"
    return "L" if kind.meaning in (kinds.GREY, kinds.WHITE_IS_0) else "RGB"


def _picture(directory: Directory, kind: Kind, strips: Strips, mode: str) -> Image.Image:
    width, height = directory.size
    bands = Image.getmodebands(mode)
    pixels = np.zeros((height, width, bands), np.uint8)
    colours = _Colours(directory, kind, strips)
    for samples, places in strips.blocks():
        found = colours.pixels(samples)
        for left, top, rows in places:
            pixels[top : top + rows.stop - rows.start, left : left + found.shape[1]] = found[rows]
    if mode == "LAB":
        return Image.frombytes("LAB", (width, height), pixels.tobytes())
    return Image.frombuffer(mode, (width, height), pixels, "raw", mode, 0, 1)


class _Colours:
    """Turns samples into pixels."""

    def __init__(self, directory: Directory, kind: Kind, strips: Strips) -> None:
        self.kind = kind
        self.count = kinds.COLOURS[kind.meaning]
        full = kind.format == kinds.UNSIGNED and kind.bits <= _FULL
        self.unsigned = kind.format == kinds.SIGNED and kind.bits == 8 and _rougher_as_signed(strips)
        self.daylight = kinds.has_daylight_white(directory)
        self.missing = None if full or self.unsigned else _missing(directory)
        self.black, self.white = 0.0, float((1 << kind.bits) - 1)
        if not (full or self.unsigned):
            self.black, self.white = _range(strips, self.count, self.missing)
        self.table = self._table(directory) if full and kind.bits <= _TABLE else None

    def _table(self, directory: Directory) -> Bytes | None:
        """The pixel of each sample, for kinds of which each can be looked up."""
        if self.kind.meaning == kinds.PALETTE:
            return _colour_map(directory)
        if self.kind.alpha or self.kind.meaning in (kinds.LAB, kinds.ICC_LAB):
            return None
        return self._bytes(np.arange(1 << self.kind.bits))

    def pixels(self, samples: Numbers) -> Bytes:
        """The pixels (height, width, bands) of samples (height, width, samples of a pixel)."""
        if self.table is not None:
            if self.kind.meaning == kinds.PALETTE:
                return self.table[np.minimum(samples[..., 0], len(self.table) - 1)]
            return np.take(self.table, samples[..., : self.count])
        if self.unsigned:
            samples = samples.view(np.uint8)
        if self.kind.meaning in (kinds.LAB, kinds.ICC_LAB):
            lab = _lab(samples[..., : self.count], self.kind)
            return _srgb_of(lab) if self.daylight else lab
        return self._bytes(samples)

    def _bytes(self, samples: Numbers) -> Bytes:
        shares = self._shares(samples if samples.ndim == 1 else samples[..., : self.count])
        if self.kind.meaning == kinds.WHITE_IS_0:
            shares = 1 - shares
        if self.kind.alpha:
            shares = self._on_white(shares, self._opacity(samples[..., self.count : self.count + 1]))
        return (np.clip(shares, 0, 1) * 255 + 0.5).astype(np.uint8)

    def _shares(self, values: Numbers) -> Shares:
        """Values from 0 for black to 1 for white."""
        # float32 has no more than 24 bits
        numbers: NDArray[Any] = values.astype(np.float64 if self.kind.bits > _FULL else np.float32)
        shares = (numbers - self.black) / (self.white - self.black)
        if self.missing is not None:
            shares[values == self.missing] = 0
        return np.asarray(np.nan_to_num(np.clip(shares, 0, 1), nan=0), np.float32)

    def _opacity(self, values: Numbers) -> Shares:
        if self.kind.format == kinds.UNSIGNED:
            return (values / float((1 << self.kind.bits) - 1)).astype(np.float32)
        return self._shares(values)

    def _on_white(self, shares: Shares, opacity: Shares) -> Shares:
        premultiplied = self.kind.alpha == kinds.PREMULTIPLIED
        if self.kind.meaning == kinds.CMYK:
            if premultiplied:  # no ink where nothing is, which is white
                return shares
            shares = (1 - shares[..., :3]) * (1 - shares[..., 3:])
        return (shares if premultiplied else shares * opacity) + 1 - opacity


def _range(strips: Strips, count: int, missing: float | None) -> tuple[float, float]:
    """The values of black and white, of samples that do not say it."""
    low, high = math.inf, -math.inf
    for samples, _ in strips.blocks():
        values = samples[..., :count]
        known = values[np.isfinite(values)] if strips.kind.format == kinds.FLOAT else values
        if missing is not None:
            known = known[known != missing]
        if known.size:
            low, high = min(low, float(known.min())), max(high, float(known.max()))
    kind = strips.kind
    if kind.format == kinds.FLOAT:
        return white_of(low, high, (1.0, 255.0, 65535.0), 0.1)
    most = float((1 << (kind.bits - (kind.format == kinds.SIGNED))) - 1)
    if low < 0 and max(-low, high) > most / 2:
        return -most - 1, most
    if low >= 0 and high > most / (2 if kind.bits <= _TABLE else 256):  # 16 bits are full of pictures that are dark
        return 0.0, most
    return white_of(low, high, {8: (most,), 16: (255.0, most)}.get(kind.bits, (255.0, 65535.0)))


def _rougher_as_signed(strips: Strips) -> bool:
    """Whether 8-bit samples only say that they are signed, as most do that say so.

    Read the wrong way, a picture has jumps from black to white.
    """
    jumps = {np.int8: 0, np.uint8: 0}
    for samples, _ in strips.blocks():
        for form in jumps:
            jumps[form] += int(np.abs(np.diff(samples.view(form).astype(np.int16), axis=1)).sum())
    return jumps[np.uint8] < jumps[np.int8]


def _missing(directory: Directory) -> float | None:
    """The value that stands for no value in maps (GDAL's tag), where it is a number."""
    try:
        value = float(directory.content(tags.NO_DATA)[:32].rstrip(b"\0 "))
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _colour_map(directory: Directory) -> Bytes:
    """The colours of a palette."""
    values = directory.values(tags.COLOUR_MAP)
    entries = len(values) // 3
    if entries < 1:
        raise ValueError("a palette without colours")
    table = np.array(values[: 3 * entries], np.uint32).reshape(3, entries).T
    return (table if kinds.narrow(values) else table >> 8).astype(np.uint8)


def _lab(values: Numbers, kind: Kind) -> Bytes:
    """Pixels as Pillow's raw mode LAB has them: lightness, and two signed numbers."""
    if kind.bits == 8:
        pixels = values.astype(np.uint8)
    elif kind.meaning == kinds.ICC_LAB:  # whose white is 0xFF00
        pixels = np.minimum((values.astype(np.uint32) * 255 + 0x7F80) // 0xFF00, 255).astype(np.uint8)
    else:
        pixels = (values.astype(np.uint16) >> 8).astype(np.uint8)
    if kind.meaning == kinds.ICC_LAB:  # which counts from 128
        pixels[..., 1:] ^= 128
    return pixels


def _srgb_of(lab: Bytes) -> Bytes:
    """The sRGB pixels of Lab pixels relative to its own white (CIE 15; IEC 61966-2-1)."""
    light = (lab[..., 0] * np.float32(100 / 255) + 16) / 116
    along = (
        light + lab[..., 1].view(np.int8) / np.float32(500),
        light,
        light - lab[..., 2].view(np.int8) / np.float32(200),
    )
    cubes = np.stack([np.where(t > 6 / 29, t**3, (t - 4 / 29) * (3 * (6 / 29) ** 2)) for t in along], axis=-1)
    linear = np.clip(cubes @ _FROM_XYZ.T, 0, 1)
    return (np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055) * 255 + 0.5).astype(
        np.uint8
    )
