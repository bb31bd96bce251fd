"""Makes the gallery's small files: `python -m web.page.thumbnails` writes them after a change of the samples.

They are files in the repository, because decoding the samples at each start would take longer than loading the model.
"""

from __future__ import annotations

import io

from PIL import Image, ImageOps

from classifier.picture import decode
from web.page.gallery import Sample, samples

SIZE = 208
"""Pixels along each side, with which a thumbnail is sharp on a high-density screen at the largest size in the grid."""


def main() -> None:
    """Writes all thumbnails, and what is shown instead of a file that is too large."""
    for sample in samples().values():
        sample.thumbnail.parent.mkdir(exist_ok=True)
        sample.thumbnail.write_bytes(thumbnail(sample))
        if sample.shown.name != sample.file:
            sample.shown.parent.mkdir(exist_ok=True)
            Image.open(io.BytesIO(sample.read())).save(sample.shown, quality=85, method=6)


def thumbnail(sample: Sample) -> bytes:
    """The centre of a sample, scaled down, as a WebP file."""
    image = decode.read(sample.read(), at_least=(SIZE, SIZE)).image
    small = ImageOps.fit(image, (SIZE, SIZE), Image.Resampling.LANCZOS)
    file = io.BytesIO()
    small.save(file, "WEBP", quality=72, method=6)
    return file.getvalue()


if __name__ == "__main__":
    main()
