"""WebP: its size is known before its decoder takes memory for it."""

from __future__ import annotations

import pytest

from classifier.picture.formats import TABLE
from tests.support.drawn import colours
from tests.support.hostile import encode


@pytest.mark.parametrize("options", [{}, {"lossless": True}, {"exif": b"Exif\0\0"}])
def test_a_webp_files_size_is_known_before_it_is_opened(options: dict[str, object]) -> None:
    size = TABLE["WEBP"].header_size
    assert size
    assert size(encode(colours(300, 20), "WEBP", **options)) == (300, 20)
    assert size(b"RIFF....WEBP") == (0, 0)
    assert size(b"RIFF....WEBPANIM" + bytes(20)) == (0, 0)
