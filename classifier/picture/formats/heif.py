"""AVIF and HEIC: two codings of a picture in the same container, HEIF (ISO/IEC 14496-12, 23008-12).

A file may have the brands of both: it is then read as AVIF, which comes first in the table.
"""

from __future__ import annotations

import base64
import re

from classifier.picture.formats.base import Format

_AVIF_BRANDS = {b"avif", b"avis"}
_HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}
_ITEM = re.compile(rb"(....)infe(?:\x02.......|\x03.........)", re.DOTALL)
_BYTES_PER_PIXEL = 13.5  # measured at 50 million pixels: up to 12.8
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


AVIF = Format(
    name="AVIF",
    endings=(".avif", ".avifs"),
    matches=lambda data: bool(_brands(data) & _AVIF_BRANDS),
    plugin="PIL.AvifImagePlugin",
    use_threads=_use_threads_for_avif,
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
    bytes_per_pixel=_BYTES_PER_PIXEL,
    sample=base64.b64decode(_HEIC_SAMPLE),
)
