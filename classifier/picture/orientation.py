"""Which way up a picture is, as EXIF says, and the turning of it.

As browsers do it, EXIF alone is heeded: what XMP says of the orientation is not.
"""

from __future__ import annotations

from PIL import Image

from classifier.picture.formats.base import ORIENTATION

_XMP = ("xmp", "XML:com.adobe.xmp")  # what Pillow calls it
_TRANSPOSE = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def orientation_of(image: Image.Image) -> int:
    """The orientation as EXIF numbers it, 1 to 8; 1 where the picture says none, or none that there is."""
    for name in _XMP:  # whose orientation Pillow takes where EXIF has none
        image.info.pop(name, None)
    try:
        value = image.getexif().get(ORIENTATION, 1)
    except Exception:  # broken metadata is no reason to refuse a picture whose pixels are fine
        return 1
    return value if value in range(1, 9) else 1


def turned_upright(image: Image.Image, orientation: int) -> Image.Image:
    """The picture turned and mirrored as its orientation asks; itself if it is upright."""
    return image.transpose(_TRANSPOSE[orientation]) if orientation in _TRANSPOSE else image
