"""AVIF and HEIC: two codings of a picture in the same container, HEIF (ISO/IEC 14496-12, 23008-12).

A file may have the brands of both: it is then read as AVIF, which comes first in the table.
"""

from __future__ import annotations

import base64
import io
import re

from classifier.picture.formats.aperture import corner, visible, without_apertures
from classifier.picture.formats.avif_alpha import has_alpha, readable, without_alpha
from classifier.picture.formats.base import Format, Shown
from classifier.picture.formats.items import extent, find, is_whole, read_items
from classifier.picture.formats.nclx import of_picture, of_track

_AVIF_BRANDS = {b"avif", b"avis"}
_HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}
_PILLOWS_BRANDS = {b"avif", b"avis", b"mif1", b"msf1"}  # major ones of AVIF that it takes
_PI_HEIFS_BRANDS = {*_HEIC_BRANDS, b"hevm", b"hevs"}
_CODINGS = {
    b"av01": "AV1 (AVIF) under the name of HEIC",
    b"hvc1": "H.265 (HEIC) under the name of AVIF",
    b"lhv1": "H.265 in layers",
    b"avc1": "H.264",
    b"vvc1": "H.266",
    b"evc1": "EVC",
    b"jpeg": "JPEG",
    b"j2k1": "JPEG 2000",
    b"jxl1": "JPEG XL",
    b"unci": "uncompressed pixels",
    b"iovl": "pictures laid over each other",
    b"tild": "tiles",
    b"mski": "a mask",
}
_ITEM = re.compile(rb"(....)infe(?:\x02.......|\x03.........)", re.DOTALL)
_ZEROS = 4096  # bytes
_BYTES_PER_PIXEL = 13.5  # measured at 64 million pixels: AVIF up to 10.8, HEIC 12.0; at 50 million up to 12.8
_HEIC_SAMPLE = """
AAAAHGZ0eXBoZWljAAAAAG1pZjFoZWljbWlhZgAAAVZtZXRhAAAAAAAAACFoZGxyAAAAAAAAAABwaWN0AAAAAAAAAAAAAAAA
AAAAACJpbG9jAAAAAERAAAEAAQAAAAABegABAAAAAAAAABgAAAAjaWluZgAAAAAAAQAAABVpbmZlAgAAAAABAABodmMxAAAA
AA5waXRtAAAAAAABAAAA1mlwcnAAAAC3aXBjbwAAAHhodmNDAQNwAAAAkAAAAAAAHvAA/P34+AAADwNgAAEAGEABDAH//wNw
AAADAJAAAAMAAAMAHroCQGEAAQArQgEBA3AAAAMAkAAAAwAAAwAeoCCBBZbqSSmubgIaDAgAAAMAyAAAAwAIQGIAAQAHRAHB
crAiQAAAABNjb2xybmNseAABAA0ABoAAAAAUaXNwZQAAAAAAAABAAAAAQAAAABBwaXhpAAAAAAMICAgAAAAXaXBtYQAAAAAA
AAABAAEEgQIDBAAAACBtZGF0AAAAFCgBrwQY/Hk46//3o8/ZsBcbiR0O
"""


def _brands(data: bytes) -> set[bytes]:
    """The major brand and, after a version, the compatible ones, from the box `ftyp`; an empty set without that box."""
    if data[4:8] != b"ftyp":
        return set()
    end = min(int.from_bytes(data[:4], "big"), 256)
    return {data[8:12], *(data[at : at + 4] for at in range(16, end, 4))}


def _use_threads_for_avif(count: int) -> None:
    from PIL import AvifImagePlugin  # not at the top: see `base`

    AvifImagePlugin.DEFAULT_MAX_THREADS = count


def _use_threads_for_heic(count: int) -> None:
    import pi_heif  # not at the top: it imports Pillow, see `base`

    pi_heif.options.DECODE_THREADS = count


def _register_heic() -> None:
    import pi_heif  # not at the top: it imports Pillow, see `base`

    # Nothing but the picture itself is wanted, so nothing else is read.
    pi_heif.register_heif_opener(thumbnails=False, depth_images=False, aux_images=False)


def _names_are_not_text(data: bytes) -> bool:
    """Whether the type or name of an item is not UTF-8: if the item is metadata, that crashes pi_heif 1.4.

    An `infe` box holds its version, an id of two or four bytes, two bytes more, the type and names.
    """
    for found in _ITEM.finditer(data):
        end = found.start() + int.from_bytes(found[1], "big")
        try:
            data[found.end() : end].decode()
        except UnicodeDecodeError:
            return True
    return False


def _ends_in_zeros(data: bytes) -> bool:
    """Whether what a picture is made of ends in zeros, as no coder writes them: a download that was not filled."""
    if not data.endswith(bytes(_ZEROS)):
        return False
    end = len(data.rstrip(b"\0"))
    items = read_items(data)
    return any(end + _ZEROS <= extent(data, item)[1] for item in items.parts())


def _with_brand(data: bytes, known: set[bytes], brand: bytes) -> bytes:
    """The file with a major brand that its decoder takes; which pictures there are, other brands say, too."""
    return data if data[8:12] in known else data[:8] + brand + data[12:]


def _shown_of_avif(data: bytes) -> Shown:
    """A crop counts as in Chromium: only if it starts in the upper left corner. libavif leaves it to its callers."""
    data = readable(_with_brand(data, _PILLOWS_BRANDS, b"avif"))
    if data[8:12] == b"avis":  # libavif then decodes the film
        return Shown(data, cicp=of_track(data))
    items = read_items(data)
    return Shown(data, corner(data, items), of_picture(data, items))


def _shown_of_heic(data: bytes) -> Shown:
    """Each crop is taken out and left to us: libheif 1.23 takes a picture larger than its crop for an attack."""
    data = _with_brand(data, _PI_HEIFS_BRANDS, b"heic")
    items = read_items(data)
    crop = visible(data, items)
    return Shown(without_apertures(data, items) if crop else data, crop, of_picture(data, items))


def _unread_avif(data: bytes) -> str:
    """A kind of which libavif says so, or whose transparent part it does not know, or that holds another coding."""
    refusal = _refusal_of_avif(data)
    if refusal == "Failed to decode image: Not implemented":
        return "AVIF in a form that few programs write"
    if refusal and is_whole(data) and has_alpha(data) and not _refusal_of_avif(without_alpha(data)):
        return "AVIF with transparency in a form that few programs write"
    return _unread_coding(data, b"av01")


def _refusal_of_avif(data: bytes) -> str:
    """What libavif says of a file that it does not open; "" of one that it opens, without decoding it."""
    from PIL import Image  # not at the top: see `base`

    try:
        with Image.open(io.BytesIO(data), formats=["AVIF"]):
            return ""
    except Exception as error:  # it raises errors of several classes
        return str(error) or "refused"


def _unread_coding(data: bytes, known: bytes) -> str:
    """The name of the coding of a file's picture, if it is not that of the format."""
    items = read_items(data)
    if not items.kinds and find(data, 0, len(data), b"moov"):
        return "HEIF with a film and no picture"
    kinds = {items.kinds.get(item, b"") for item in items.parts()}
    # Where such items stand beside the picture, it may be a part of them, or libheif may refuse all for their sake.
    kinds |= {b"lhv1", b"iovl"} & {*items.kinds.values()}
    return next((f"HEIF with {name}" for kind, name in _CODINGS.items() if kind in kinds and kind != known), "")


AVIF = Format(
    name="AVIF",
    endings=(".avif", ".avifs"),
    matches=lambda data: bool(_brands(data) & _AVIF_BRANDS),
    plugin="PIL.AvifImagePlugin",
    is_animated=lambda image, data: bool(getattr(image, "is_animated", False)),
    use_threads=_use_threads_for_avif,
    wrong_pixels=_ends_in_zeros,
    shown=_shown_of_avif,
    unread_kind=_unread_avif,
    bytes_per_pixel=_BYTES_PER_PIXEL,
    feature="avif",
)

HEIC = Format(
    name="HEIC",
    endings=(".heic", ".heif", ".hif", ".heics", ".heifs"),
    matches=lambda data: bool(_brands(data) & _HEIC_BRANDS),
    plugin="pi_heif",
    alias="HEIF",
    register=_register_heic,
    use_threads=_use_threads_for_heic,
    crashes_decoder=_names_are_not_text,
    wrong_pixels=_ends_in_zeros,
    shown=_shown_of_heic,
    unread_kind=lambda data: _unread_coding(data, b"hvc1"),
    bytes_per_pixel=_BYTES_PER_PIXEL,
    sample=base64.b64decode(_HEIC_SAMPLE),
)
