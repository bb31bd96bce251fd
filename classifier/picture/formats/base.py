"""What is known about one picture format: the record that each module beside this one fills in.

Reading the settings needs the names of the formats but no decoder, so no module here imports Pillow or NumPy when it
is imported. A hook that needs a part of Pillow imports it when it is called: by then `decode` has loaded it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from PIL.ImageFile import ImageFile

Size = tuple[int, int]
"""(width, height) in pixels."""

BYTES_PER_PIXEL = 4.5
"""Memory that decoding takes in most formats; a little more than the 4.3 bytes measured at 50 million pixels."""

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
        header_size: the size that a file's header gives, for a decoder that takes memory as soon as it opens a file;
            (0, 0) if the header gives none.
        tile_size: the size of a tile, for a decoder that decodes whole tiles; a tile may be larger than the picture.
        before_loading: called with the opened file and its length in bytes before its pixels are decoded.
        bytes_per_pixel: memory that decoding takes.
        draft_cost: what decoding takes when the decoder itself makes the picture smaller (Pillow's `Image.draft`);
            None for a decoder that cannot.
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
    header_size: Callable[[bytes], Size] | None = None
    tile_size: Callable[[ImageFile], Size] = lambda image: (0, 0)
    before_loading: Callable[[ImageFile, int], None] = lambda image, length: None
    bytes_per_pixel: float = BYTES_PER_PIXEL
    draft_cost: Callable[[ImageFile], Cost] | None = None
    feature: str | None = None
    sample: bytes | None = None

    @property
    def pillow_name(self) -> str:
        """Pillow's name of the format; given to Pillow so that it tries no other decoder."""
        return self.alias or self.name
