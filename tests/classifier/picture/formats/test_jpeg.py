"""JPEG: decoded smaller by its own decoder, in little memory, and not taken for what stands behind it."""

from __future__ import annotations

import pytest
from PIL import Image, JpegImagePlugin

from classifier.errors import NoMemoryError
from classifier.picture.decode import read
from classifier.picture.limits import Limits
from tests.support.drawn import colours
from tests.support.hostile import encode, seeds


def test_a_sideways_photo_is_reduced_by_its_upright_size() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    stored = Image.new("RGB", (1600, 400), "olive")
    picture = read(encode(stored, "JPEG", exif=exif), at_least=(200, 400))
    assert (picture.width, picture.height) == (400, 1600)
    assert picture.image.width >= 200
    assert picture.image.height >= 400


def test_a_large_jpeg_is_decoded_smaller_but_not_too_small() -> None:
    data = encode(Image.new("RGB", (4000, 3000), "olive"), "JPEG")
    picture = read(data, at_least=(256, 256))
    assert (picture.width, picture.height) == (4000, 3000)
    assert picture.image.size == (500, 375)


def test_what_follows_a_photo_is_not_taken_for_its_scans() -> None:
    data = seeds()["JPEG progressive"]
    film = b"\0\0\0\x18ftypmp42" + b"\xff\xda\0\2" * 5_000
    assert read(data + film).format == "JPEG"


@pytest.mark.parametrize(("progressive", "needed"), [(False, 0.2), (True, 3.2)])
def test_the_memory_of_a_jpeg_that_is_decoded_smaller_depends_on_its_kind(progressive: bool, needed: float) -> None:
    data = encode(colours(3000, 2000), "JPEG", progressive=progressive)
    memory = 12_000_000 + len(data) + int(6_000_000 * needed)
    assert read(data, Limits(memory=memory + 1_000), at_least=(300, 300)).width == 3000
    kind = "progressive" if progressive else "sequential"
    with pytest.raises(NoMemoryError, match=f"for {kind} JPEG the limit is"):
        read(data, Limits(memory=memory - 100_000), at_least=(300, 300))
    with pytest.raises(NoMemoryError, match="for JPEG the limit is"):
        read(data, Limits(memory=memory + 1_000))


def test_the_decoder_is_handed_the_whole_file_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    data = encode(Image.effect_noise((900, 900), 90), "JPEG", quality=95)
    asked: list[int] = []
    load_read = JpegImagePlugin.JpegImageFile.load_read

    def watched(self: JpegImagePlugin.JpegImageFile, count: int) -> bytes:
        asked.append(count)
        return load_read(self, count)

    monkeypatch.setattr(JpegImagePlugin.JpegImageFile, "load_read", watched)
    read(data)
    assert len(data) > 1 << 17
    assert asked == [len(data)]
