"""TIFF: a directory of tags that point at strips or tiles; see `tiff_directory`, `tiff_kinds` and `raw`."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from classifier.errors import UnsupportedKindError
from classifier.picture.formats import raw, tiff_kinds
from classifier.picture.formats import tiff_directory as tags
from classifier.picture.formats.base import Format, Size, starts_with
from classifier.picture.formats.tiff_directory import Directory

if TYPE_CHECKING:
    from PIL.ImageFile import ImageFile

_PARTS = 100_000  # entries of a directory, and strips or tiles of a picture, for each of which Pillow makes an object


def _page(data: bytes) -> Directory:
    """The directory of the first page that is not a smaller version or a mask of another one, if there is one."""
    first = tags.first(data)
    if not (first.reduced or first.mask):
        return first
    pages = (one for one in tags.chain(data) if not (one.reduced or one.mask))
    return next((one for one in pages if one.value(tags.PHOTOMETRIC, -1) in tiff_kinds.COLOURS), first)


def _too_many_parts(data: bytes) -> bool:
    return any(
        max(one.count, one.length(tags.STRIP_OFFSETS), one.length(tags.TILE_OFFSETS)) > _PARTS
        for one in (tags.first(data), _page(data))
    )


def _sampled(page: Directory, kind: tiff_kinds.Kind) -> ImageFile:
    from classifier.picture.formats.tiff_samples import SampledTiff  # not at the top: it imports Pillow, see `base`

    return SampledTiff(page, kind)


def _open(data: bytes) -> ImageFile:
    from PIL import Image, ImageFile, TiffImagePlugin, UnidentifiedImageError  # not at the top: see `base`

    page = _page(data)
    kind = tiff_kinds.kind_of(page)
    reader = tiff_kinds.reader(page, kind)
    if reader is tiff_kinds.Reader.SAMPLES:
        return _sampled(page, kind)
    if page.at != tags.first(data).at:
        data = tags.begun_at(data, page)
    try:
        image = Image.open(io.BytesIO(data), formats=["TIFF"])
    except UnidentifiedImageError:  # as Pillow says, too, of a kind that it does not know
        if kind.coding == tiff_kinds.JPEG:
            raise UnsupportedKindError(kind=f"JPEG with {kind.samples} samples in TIFF") from None
        if reader is tiff_kinds.Reader.LIBTIFF or kind.coding not in tiff_kinds.PLAIN:
            raise
        return _sampled(page, kind)
    if reader is tiff_kinds.Reader.LIBTIFF and isinstance(image, TiffImagePlugin.TiffImageFile):
        # Pillow takes no notice of what belongs to YCbCr (fewer samples of colour than of light, their range) except
        # where libtiff decodes, and leaves what is not compressed to its own decoder.
        image.use_load_libtiff = True
        image._mode = "RGB"
        width, height = page.size
        image.tile = [ImageFile._Tile("libtiff", (0, 0, width, height), 0, ("RGBX", False, image.tag_v2.offset))]
    return image


def _tile_size(image: ImageFile) -> Size:
    from PIL import TiffImagePlugin  # not at the top: see `base`

    if not isinstance(image, TiffImagePlugin.TiffImageFile):
        return getattr(image, "part_size", (0, 0))
    width, height = (image.tag_v2.get(tag, 0) for tag in (tags.TILE_WIDTH, tags.TILE_HEIGHT))
    return int(width), int(height)


TIFF = Format(
    name="TIFF",
    endings=(".tif", ".tiff"),
    matches=starts_with(*tags.SIGNATURES, *tags.RAW_SIGNATURES),
    plugin="PIL.TiffImagePlugin",
    too_many_parts=_too_many_parts,
    preview=raw.preview,
    open=_open,
    tile_size=_tile_size,
    extra_bytes=lambda image: getattr(image, "bytes_per_pixel", 0.0),
)
