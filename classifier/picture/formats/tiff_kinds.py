"""Which kinds of TIFF are read, and by what: Pillow's own reader, its libtiff, or `tiff_samples`.

Pillow takes some kinds and gives other pixels than the file has, so each kind that it reads is named here. The others
are read by `tiff_samples`, or refused by their name.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from classifier.errors import UnsupportedKindError
from classifier.picture.formats import tiff_directory as tags
from classifier.picture.formats.tiff_directory import Directory


class Reader(enum.Enum):
    """What reads a kind."""

    PILLOW = enum.auto()
    LIBTIFF = enum.auto()
    SAMPLES = enum.auto()


NONE, FAX, OLD_JPEG, JPEG, WEBP = 1, (2, 3, 4, 32771), 6, 7, 50001
DEFLATE = (8, 32946)
_LIBTIFF = (5, 32773, 34925, 50000)  # LZW, PackBits, LZMA, Zstandard: bytes of any kind of sample
PLAIN = (NONE, *DEFLATE, *_LIBTIFF, WEBP)
"""Codings that give the samples as bytes."""

_CODINGS = {
    **{9: "JBIG", 10: "JBIG", 34661: "JBIG", 32766: "NeXT", 32809: "ThunderScan", 32908: "Pixar film"},
    **{32909: "Pixar log", 32947: "Kodak DCS", 33003: "JPEG 2000", 33004: "JPEG 2000", 33005: "JPEG 2000"},
    **{34712: "JPEG 2000", 34676: "LogLuv", 34677: "LogLuv", 34718: "MODI", 34887: "LERC", 34892: "lossy JPEG"},
    **{34933: "PNG", 22610: "JPEG XR", 34934: "JPEG XR", 48124: "Jetraw", 50002: "JPEG XL", 52546: "JPEG XL"},
    **{32895: "IT8", 32896: "IT8", 32897: "IT8", 32898: "IT8", 33007: "JPEG-LS", 34709: "SPIHT"},
}
WHITE_IS_0, GREY, RGB, PALETTE, MASK, CMYK, YCBCR, LAB, ICC_LAB = 0, 1, 2, 3, 4, 5, 6, 8, 9
COLOURS = {WHITE_IS_0: 1, GREY: 1, RGB: 3, PALETTE: 1, CMYK: 4, YCBCR: 3, LAB: 3, ICC_LAB: 3}
"""The colours of a pixel, by what its samples mean (`PhotometricInterpretation`)."""

_MEANINGS = {
    **{MASK: "a transparency mask", 10: "ITU Lab", 32803: "raw sensor values", 32844: "LogL", 32845: "LogLuv"},
    **{34892: "raw sensor values", 51177: "a depth map", 52527: "a mask"},
}
UNSIGNED, SIGNED, FLOAT = 1, 2, 3
PREMULTIPLIED, OTHER_ALPHA = 1, 2
GREY_WITH_ALPHA = 2  # samples
_FORMATS = {SIGNED: "signed ", FLOAT: "floating-point "}
_READ_BITS = {UNSIGNED: (*range(1, 17), 24, 32, 64), SIGNED: (8, 16, 32, 64), FLOAT: (16, 24, 32, 64)}
_MOST_SAMPLES = 64
_NUMBERS = (tags.BITS, tags.SAMPLE_FORMAT, tags.EXTRA_SAMPLES)  # tags
_D65 = (0.3127, 0.3290)

# What Pillow reads right, without bits in reverse order and with one plane: samples, bits, meanings.
_BY_PILLOW = {
    **dict.fromkeys([(1, 1), (1, 2), (1, 4), (1, 8)], (WHITE_IS_0, GREY, PALETTE)),
    **{(1, 16): (GREY,), (2, 8): (GREY,), (3, 8): (RGB, LAB), (3, 16): (RGB,)},
    **{(4, 8): (RGB, CMYK), (4, 16): (RGB, CMYK)},
}


@dataclass(frozen=True, slots=True)
class Kind:
    """What a directory says of its samples.

    Attributes:
        meaning: of the samples, such as `RGB`.
        samples: of a pixel.
        bits: of a sample.
        format: `UNSIGNED`, `SIGNED` or `FLOAT`.
        coding: the number of its compression.
        planar: whether each sample has a plane of its own.
        extra: what the samples beyond the colours are: `PREMULTIPLIED`, `OTHER_ALPHA`, or something else.
    """

    meaning: int
    samples: int
    bits: int
    format: int
    coding: int
    planar: bool
    extra: tuple[int, ...]

    @property
    def alpha(self) -> int:
        """`PREMULTIPLIED`, `OTHER_ALPHA`, or 0 for none; it is the sample after the colours."""
        known = self.samples > COLOURS[self.meaning] and self.extra and self.extra[0] in (PREMULTIPLIED, OTHER_ALPHA)
        return self.extra[0] if known else 0


def kind_of(directory: Directory) -> Kind:
    """What a directory says of its samples.

    Raises:
        UnsupportedKindError: of a kind that nothing here reads.
        ValueError: the file is damaged.
    """
    coding = directory.value(tags.COMPRESSION, NONE)
    if coding in _CODINGS:
        raise _unread(f"{_CODINGS[coding]} in TIFF")
    if coding not in (*PLAIN, *FAX, OLD_JPEG, JPEG):
        raise _unread(f"TIFF with compression {coding}")
    if any(tag in directory and not directory.values(tag, 1) for tag in _NUMBERS):
        raise ValueError("tags outside the file")
    meaning = _meaning(directory, coding)
    samples = directory.value(tags.SAMPLES, COLOURS[meaning] if coding in (OLD_JPEG, JPEG) else 1)
    all_bits = directory.values(tags.BITS, _MOST_SAMPLES) or (1,)
    bits, formats = set(all_bits[:samples]), set(directory.values(tags.SAMPLE_FORMAT, _MOST_SAMPLES)) or {UNSIGNED}
    extra = directory.values(tags.EXTRA_SAMPLES, _MOST_SAMPLES)
    if len(bits) > 1 or len(formats) > 1:
        raise _unread("TIFF whose samples differ in their bits")
    if not COLOURS[meaning] <= samples <= _MOST_SAMPLES:
        raise _unread(f"TIFF with {samples} samples for each pixel")
    if directory.value(tags.DEPTH, 1) > 1:
        raise _unread("TIFF of a volume")
    if meaning == CMYK and directory.value(tags.INK_SET, 1) != 1:
        raise _unread("TIFF of other inks than CMYK")
    if not extra and meaning == RGB and samples == COLOURS[RGB] + 1:
        extra = (OTHER_ALPHA,)  # as Corel and old libtiff wrote it
    if meaning == GREY and samples > GREY_WITH_ALPHA and not any(extra):
        if samples != COLOURS[RGB]:
            raise _unread(f"TIFF of {samples} channels that are not named")
        meaning, extra = RGB, ()  # as viewers of maps take them, and writers of arrays mean them
    form = formats.pop()
    form = UNSIGNED if form not in (*_FORMATS, 5, 6) else form  # 4 is "undefined"
    return Kind(meaning, samples, bits.pop(), form, coding, directory.value(tags.PLANAR, 1) == 2, extra)


def _meaning(directory: Directory, coding: int) -> int:
    meaning = directory.value(tags.PHOTOMETRIC, -1)
    if meaning == -1:  # as libtiff does
        samples = directory.value(tags.SAMPLES, 1)
        meaning = RGB if samples >= COLOURS[RGB] else WHITE_IS_0 if coding in FAX else GREY
    if meaning not in COLOURS:
        raise _unread(f"TIFF of {_MEANINGS.get(meaning, f'photometric interpretation {meaning}')}")
    return meaning


def reader(directory: Directory, kind: Kind) -> Reader:
    """What reads a kind.

    Raises:
        UnsupportedKindError: nothing does.
    """
    if kind.coding in (OLD_JPEG, JPEG):
        if kind.bits not in (1, 8):  # 1 is what a file without the tag says
            raise _unread(f"{kind.bits}-bit JPEG in TIFF")
        return Reader.PILLOW
    if kind.coding in FAX:
        if (kind.samples, kind.bits) != (1, 1) or kind.meaning == PALETTE:
            raise _unread("fax compression of other than black and white in TIFF")
        return Reader.PILLOW
    if kind.meaning == YCBCR and kind.bits == 8 and kind.coding != WEBP and kind.format == UNSIGNED:
        return Reader.LIBTIFF
    if kind.meaning == YCBCR and kind.coding != WEBP:
        raise _unread(f"{kind.bits}-bit YCbCr in TIFF")
    if kind.bits not in _READ_BITS.get(kind.format, ()):
        name = {5: "complex numbers", 6: "complex numbers"}.get(kind.format)
        raise _unread(f"TIFF of {name}" if name else f"{kind.bits}-bit {_FORMATS.get(kind.format, '')}TIFF")
    if kind.meaning in (LAB, ICC_LAB) and (kind.format == FLOAT or kind.bits not in (8, 16)):
        raise _unread(f"{kind.bits}-bit Lab in TIFF")
    if kind.meaning == PALETTE and (kind.format != UNSIGNED or kind.bits > 16):
        raise _unread(f"palette with {kind.bits}-bit samples in TIFF")
    return Reader.PILLOW if _pillow_reads(directory, kind) else Reader.SAMPLES


def _pillow_reads(directory: Directory, kind: Kind) -> bool:
    meanings = _BY_PILLOW.get((kind.samples, kind.bits), ())
    return (
        kind.meaning in meanings
        and kind.meaning == directory.value(tags.PHOTOMETRIC, -1)
        and kind.format == UNSIGNED
        and kind.coding != WEBP
        and not kind.planar
        and (tags.TILE_WIDTH not in directory or tags.TILE_OFFSETS in directory)
        and directory.value(tags.FILL_ORDER, 1) != tags.LOWEST_BIT_FIRST
        and not (kind.meaning == LAB and has_daylight_white(directory))
        and len(kind.extra) == kind.samples - COLOURS[kind.meaning]
        and not (kind.meaning == PALETTE and narrow(directory.values(tags.COLOUR_MAP)))
    )


def narrow(colour_map: tuple[int, ...]) -> bool:
    """Whether a palette has 8-bit entries, though the format asks for 16-bit ones; libtiff's own tools ask this."""
    return max(colour_map, default=0) < 1 << 8


def has_daylight_white(directory: Directory) -> bool:
    """Whether Lab values are relative to the white of sRGB (D65), and not to that of printing (D50)."""
    white = directory.fractions(tags.WHITE_POINT)
    return len(white) == len(_D65) and all(abs(a - b) < 1e-3 for a, b in zip(white, _D65, strict=True))


def _unread(kind: str) -> UnsupportedKindError:
    return UnsupportedKindError(kind=kind)
