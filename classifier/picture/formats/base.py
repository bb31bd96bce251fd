"""What is known about one picture format: the record that each module beside this one fills in.

Reading the settings needs the names of the formats but no decoder, so no module here imports Pillow or NumPy when it
is imported. A hook that needs a part of Pillow imports it when it is called: by then `decode` has loaded it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from PIL.ImageFile import ImageFile

Size = tuple[int, int]
"""(width, height) in pixels."""

Crop = tuple[int, int, int, int]
"""(left, top, right, bottom) in pixels."""

ORIENTATION = 0x0112
"""The EXIF tag of a picture's orientation."""

SIDEWAYS = (5, 6, 7, 8)
"""Orientations in which width and height change places."""

BYTES_PER_PIXEL = 4.5
"""Memory that decoding takes in most formats; a little more than the 4.3 bytes measured at 64 million pixels."""

SAMPLE_COLOUR = (220, 40, 30)
"""The colour of every pixel of a `Format.sample`."""


class Cost(NamedTuple):
    """The memory that decoding a file takes.

    Attributes:
        kind: the kind of file, for people, such as "progressive JPEG".
        bytes_per_pixel: memory for each of its pixels.
    """

    kind: str
    bytes_per_pixel: float


class Preview(NamedTuple):
    """A picture in a camera's raw file.

    Attributes:
        data: a file of its own.
        size: its width and height.
        kind: the kind of raw file, such as "NEF".
        orientation: that its file does not tell, as EXIF numbers it.
    """

    data: bytes
    size: Size
    kind: str
    orientation: int


class There(NamedTuple):
    """How much of a picture there is in a file that is cut off.

    Attributes:
        rows: of pixels, in the order of the file.
        size: of the picture.
        share: of all pixels, 0 to 1.
    """

    rows: int
    size: Size
    share: float


class CutOff(NamedTuple):
    """A file that lacks its end, with an end.

    Attributes:
        ended: the file with an end where it is cut off, as far as enough of it is there.
        continued: the same with other content before that end, so that where both give the same pixels, they are those
            of the file; None if that need not be looked at: some have too little, or lack some detail.
        band: the rows of pixels that a decoder decodes at a time, from left to right.
        factor: by what the sides can be divided for looking at it.
        whole: whether all pixels are there, but for the finest detail of those that are not the same.
        doubtful: whether nothing may be missing at all.
        there: how much there is, if the format counts it; then the two files need not be compared.
    """

    ended: bytes
    continued: bytes | None = None
    band: int = 1
    factor: int = 1
    whole: bool = False
    doubtful: bool = False
    there: There | None = None


ENOUGH = 0.96
"""The share of a picture's pixels that a file must have which lacks its end. What is missing of fewer is less than a
centre crop leaves out."""

UNKNOWN = 2
"""Of code points: the one that says nothing."""


class Cicp(NamedTuple):
    """What the values of a picture mean, as numbers of ITU-T H.273 (coding-independent code points).

    Attributes:
        primaries: of the colours red, green and blue.
        transfer: from values to light.
        peak: nits of the brightest pixel, if the file tells; only for a picture of high dynamic range.
    """

    primaries: int
    transfer: int
    peak: float | None = None

    def settled(self, like_srgb: Collection[int]) -> Cicp:
        """The same with those of sRGB in place of unknown primaries, and of transfers that are to count as its own."""
        primaries = 1 if self.primaries == UNKNOWN else self.primaries
        return Cicp(primaries, 13 if self.transfer in like_srgb else self.transfer, self.peak)


class Shown(NamedTuple):
    """How a file's picture is to be shown, as far as its decoder leaves that to us.

    Attributes:
        data: the file, as its decoder is to have it: itself, or one that holds the same picture.
        crop: the part that is shown of what its decoder gives; all if None.
        cicp: its colours; if None, its ICC profile says them.
    """

    data: bytes
    crop: Crop | None = None
    cicp: Cicp | None = None


def starts_with(*signatures: bytes) -> Callable[[bytes], bool]:
    """A test for `Format.matches`: whether a file starts with one of these."""
    return lambda data: data.startswith(signatures)


@dataclass(frozen=True, slots=True, eq=False)
class Format:
    """One picture format. The first four attributes are enough for most; the others are for special cases.

    Attributes:
        name: as its users know it, in capitals.
        endings: endings of file names, such as ".jpg"; only for folder listings and tables, decoding never trusts them.
        matches: whether a file is in this format, by its first bytes.
        plugin: the module that teaches Pillow the format.
        alias: Pillow's name of the format, if it is not `name`.
        register: called once the plugin is imported, for a plugin that does not register itself.
        use_threads: tells a decoder that starts threads how many it may start.
        too_many_parts: whether a file is split into so many parts that its decoder would be busy for too long. Pillow
            walks segments, chunks, blocks and runs one by one in Python and holds the interpreter's lock meanwhile, so
            that 20 MB of the smallest parts take minutes, whatever the limits in bytes and pixels. The bounds allow
            about a second of decoding, and several times as many parts as were seen in ordinary files of this size.
            The check bounds its own work, too, and checks nothing else.
        crashes_decoder: whether a file would crash its decoder instead of being refused by it.
        wrong_pixels: whether a file tells that its pixels are wrong, by its own checksums or since zeros fill what it
            lacks, for a decoder that overlooks it.
        cut_off: for a file that lacks its end, though a decoder could read what is there; None for all others.
        ended_early: the same once a file is decoded, for one that has an end, but where more pixels should be.
        unread_kind: the name of a kind that is not read, such as "12-bit JPEG", for a file that its decoder refused; ""
            if it is none, and so is damaged. A kind that its decoder would take and get wrong is refused by
            `before_loading` instead, with an `UnsupportedKindError`.
        shown: how its picture is to be shown, as far as its decoder leaves that to us.
        header_size: the size that a file's header gives, for a decoder that takes memory as soon as it opens a file;
            (0, 0) if the header gives none.
        preview: the picture to read instead, for a camera's raw file; called with the file and the most pixels that it
            may have.
        open: opens a file, for a format that Pillow does not read whole by itself; None for the others.
        tile_size: the size of a tile, for a decoder that decodes whole tiles; a tile may be larger than the picture.
        before_loading: called with the opened file and its length in bytes before its pixels are decoded.
        bytes_per_pixel: memory that decoding takes.
        extra_bytes: memory for each pixel that decoding the opened file takes besides.
        draft_cost: what decoding takes when the decoder itself makes the picture smaller (Pillow's `Image.draft`);
            None for a decoder or a file that cannot.
        is_animated: whether an opened file has further frames, which are looked at where the first is blank. False,
            too, where its frames have so many parts that Pillow would take long to find them; see `too_many_parts`.
            None for a format without animations.
        feature: the name by which `PIL.features.check` tells whether Pillow was built with the decoder; None if it
            always is.
        sample: a file of 64 x 64 pixels of `SAMPLE_COLOUR`, to try a decoder for which there is no encoder.
    """

    name: str
    endings: tuple[str, ...]
    matches: Callable[[bytes], bool]
    plugin: str
    alias: str | None = None
    register: Callable[[], None] = lambda: None
    use_threads: Callable[[int], None] = lambda count: None
    too_many_parts: Callable[[bytes], bool] = lambda data: False
    crashes_decoder: Callable[[bytes], bool] = lambda data: False
    wrong_pixels: Callable[[bytes], bool] = lambda data: False
    cut_off: Callable[[bytes], CutOff | None] = lambda data: None
    ended_early: Callable[[ImageFile, bytes], CutOff | None] = lambda image, data: None
    unread_kind: Callable[[bytes], str] = lambda data: ""
    shown: Callable[[bytes], Shown] = Shown
    header_size: Callable[[bytes], Size] | None = None
    preview: Callable[[bytes, int], Preview | None] = lambda data, max_pixels: None
    open: Callable[[bytes], ImageFile] | None = None
    tile_size: Callable[[ImageFile], Size] = lambda image: (0, 0)
    before_loading: Callable[[ImageFile, int], None] = lambda image, length: None
    bytes_per_pixel: float = BYTES_PER_PIXEL
    extra_bytes: Callable[[ImageFile], float] = lambda image: 0.0
    draft_cost: Callable[[ImageFile], Cost | None] | None = None
    is_animated: Callable[[ImageFile, bytes], bool] | None = None
    feature: str | None = None
    sample: bytes | None = None

    @property
    def pillow_name(self) -> str:
        """Pillow's name of the format; given to Pillow so that it tries no other decoder."""
        return self.alias or self.name
