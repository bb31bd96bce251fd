"""Colours given as code points, also of high dynamic range, come out as Chromium shows them.

The numbers are what Chromium 156 shows; `tests/e2e/test_colours.py` holds all kinds to the browser itself.
"""

from __future__ import annotations

import struct

import numpy as np
import pytest
from PIL import Image

from classifier import Classifier
from classifier.picture.cicp import convert
from classifier.picture.decode import from_image, read
from classifier.picture.formats.base import Cicp
from classifier.settings import Settings
from tests.support.drawn import difference
from tests.support.hdr import BT2020, HLG, P3, PQ, avif, chart, opened, pq, profile, with_cicp, with_nclx
from tests.support.heif import aperture, box
from tests.support.hostile import encode, png_chunk
from tests.support.photos import ROOT, photo

GREYS = (64, 128, 192, 255)
CHROMIUM: dict[tuple[int, int, float | None], tuple[int, ...]] = {  # of greys
    (BT2020, PQ, None): (30, 132, 255, 255),
    (BT2020, PQ, 203): (44, 181, 255, 255),
    (BT2020, PQ, 400): (39, 163, 255, 255),
    (BT2020, PQ, 2000): (30, 132, 238, 255),
    (BT2020, PQ, 10_000): (30, 132, 213, 255),
    (BT2020, HLG, None): (43, 99, 189, 255),
    (BT2020, HLG, 400): (55, 123, 231, 255),
    (BT2020, HLG, 4000): (43, 99, 189, 225),
    (1, 4, None): (62, 129, 193, 255),
    (1, 5, None): (40, 106, 179, 255),
    (1, 7, None): (81, 141, 199, 255),
    (1, 8, None): (137, 188, 225, 255),
    (1, 17, None): (48, 118, 191, 255),
    (BT2020, 14, None): (54, 121, 189, 255),
}


def png(image: Image.Image, primaries: int, transfer: int, extra: bytes = b"") -> bytes:
    return with_cicp(encode(image, "PNG"), primaries, transfer, 0, 1, extra=extra)


@pytest.mark.parametrize(("primaries", "transfer", "peak"), CHROMIUM)
def test_greys_are_those_of_chromium(primaries: int, transfer: int, peak: float | None) -> None:
    image = Image.new("RGB", (4, 1))
    image.putdata([(grey, grey, grey) for grey in GREYS])
    shown = np.asarray(convert(image, Cicp(primaries, transfer, peak)), int)[0]
    assert np.abs(shown - np.array(CHROMIUM[primaries, transfer, peak])[:, np.newaxis]).max() <= 1


@pytest.mark.parametrize("kind", ["PNG", "grey PNG", "palette", "AVIF", "HEIC", "ICC profile"])
def test_a_picture_of_high_dynamic_range_is_tone_mapped_in_each_format(kind: str) -> None:
    coded = pq(Image.open(photo("koala.webp")).convert("RGB").resize((300, 200)))
    data = {
        "PNG": png(coded, BT2020, PQ),
        "grey PNG": png(coded.convert("L"), BT2020, PQ),
        "palette": png(coded.quantize(200), BT2020, PQ),
        "AVIF": with_nclx(avif(coded), BT2020, PQ),
        "HEIC": with_nclx((ROOT / "tests/files/panda.heic").read_bytes(), BT2020, PQ),
        "ICC profile": encode(coded, "JPEG", quality=95, icc_profile=profile(BT2020, PQ, 0, 1)),
    }[kind]
    undone = opened(data).convert("RGB")
    assert difference(read(data).image, convert(undone, Cicp(BT2020, PQ))) == 0
    assert difference(read(data).image, undone) > 15


def test_a_photo_in_pq_is_told_as_the_photo_is() -> None:
    model = Classifier.load(ROOT / "model/efficientnet-lite0", settings=Settings(backend="litert"))
    plain = Image.open(photo("koala.webp")).convert("RGB")
    known, told = model.classify(plain), model.classify(with_nclx(avif(pq(plain)), BT2020, PQ))
    assert told.predictions[0].label == known.predictions[0].label == "koala"
    assert told.predictions[0].score > known.predictions[0].score - 0.15


def test_the_brightest_pixel_is_told_by_cll_and_else_by_the_mastering_screen() -> None:
    image = chart()
    light = png_chunk(b"cLLI", struct.pack(">II", 400 * 10_000, 100))
    screen = png_chunk(b"mDCV", bytes(16) + struct.pack(">II", 4000 * 10_000, 50))
    unknown = png_chunk(b"cLLI", bytes(8))
    for extra, peak in ((light, 400.0), (screen + light, 400.0), (screen, 4000.0), (screen + unknown, 4000.0)):
        expected = convert(image, Cicp(BT2020, PQ, peak))
        assert difference(read(png(image, BT2020, PQ, extra)).image, expected) == 0
    levels = box(b"clli", struct.pack(">HH", 400, 100))
    coded = opened(avif(image)).convert("RGB")
    expected = convert(coded, Cicp(BT2020, PQ, 400.0))
    assert difference(read(with_nclx(avif(image), BT2020, PQ, levels)).image, expected) == 0


def test_a_brightest_pixel_is_nothing_to_a_picture_of_ordinary_range() -> None:
    levels = box(b"clli", struct.pack(">HH", 400, 100))
    plain, told = with_nclx(avif(chart()), P3, 13), with_nclx(avif(chart()), P3, 13, levels)
    assert difference(read(plain).image, read(told).image) == 0


@pytest.mark.parametrize("transfer", [1, 2, 6, 13, 14, 15])
def test_an_avif_with_a_transfer_of_video_is_srgb(transfer: int) -> None:
    data = avif(chart())
    assert difference(read(with_nclx(data, 1, transfer)).image, read(data).image) == 0
    wide = read(with_nclx(data, P3, transfer)).image
    assert difference(wide, read(with_nclx(data, P3, 13)).image) == 0
    assert difference(wide, read(data).image) > 3


@pytest.mark.parametrize("points", [(BT2020, PQ, 9, 1), (BT2020, PQ, 0, 0), (BT2020, 200, 0, 1), (99, PQ, 0, 1), (9,)])
def test_points_that_a_png_cannot_have_or_nobody_knows_are_ignored(points: tuple[int, ...]) -> None:
    assert difference(read(with_cicp(encode(chart(), "PNG"), *points)).image, chart()) == 0


def test_points_behind_the_palette_or_the_pixels_are_ignored() -> None:
    data = encode(chart(), "PNG")
    late = data[:-12] + png_chunk(b"cICP", bytes((BT2020, PQ, 0, 1))) + data[-12:]
    assert difference(read(late).image, chart()) == 0


def test_an_avif_with_a_profile_keeps_to_it() -> None:
    data = encode(chart(), "AVIF", quality=95, icc_profile=profile(1, 13, 0, 1))
    assert b"prof" in data
    assert difference(read(data).image, opened(data).convert("RGB")) == 0


def test_the_points_of_a_png_go_before_its_profile() -> None:
    both = with_cicp(encode(chart(), "PNG", icc_profile=profile(P3, 13, 0, 1)), BT2020, PQ, 0, 1)
    assert difference(read(both).image, convert(chart(), Cicp(BT2020, PQ))) == 0


def test_a_transparent_picture_is_laid_on_white_as_a_screen_shows_it() -> None:
    # 132 by half on white; laid on the white of PQ, it would be 255.
    image = Image.new("RGBA", (3000, 800), (128, 128, 128, 128))
    image.paste((0, 0, 0, 0), (0, 0, 1500, 800))
    for at_least in (None, (100, 100)):
        picture = read(png(image, BT2020, PQ), at_least=at_least).image
        assert picture.getpixel((0, 0)) == (255, 255, 255)
        grey = picture.getpixel((picture.width - 1, 0))
        assert isinstance(grey, tuple)
        assert abs(grey[0] - 193) <= 1


def test_a_large_picture_is_reduced_before_its_colours_are_converted() -> None:
    image = chart().resize((3200, 2400))
    picture = read(png(image, BT2020, PQ), at_least=(224, 224)).image
    assert picture.size == (640, 480)
    assert difference(picture, convert(image.reduce(5), Cicp(BT2020, PQ))) == 0


@pytest.mark.parametrize("size", [(1, 1), (65_535, 1), (1, 65_535), (777, 333)])
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_strips_make_the_whole_picture(size: tuple[int, int], mode: str) -> None:
    image = Image.effect_noise(size, 90).convert(mode)
    whole = convert(image, Cicp(BT2020, HLG))
    greys = convert(Image.linear_gradient("L").convert(mode), Cicp(BT2020, HLG)).convert("L")
    table = np.asarray(greys)[:, 0].tolist()
    assert whole.size == size
    assert whole.mode == mode
    assert difference(whole.convert("RGB"), image.convert("L").point(table).convert("RGB")) < 0.5


def test_an_animated_avif_has_the_colours_of_its_film() -> None:
    frames = [chart(), chart().transpose(Image.Transpose.ROTATE_180)]
    data = encode(frames[0], "AVIF", quality=95, subsampling="4:4:4", save_all=True, append_images=frames[1:])
    assert data[8:12] == b"avis"
    film = data.rindex(b"nclx")
    told = data[: film + 4] + struct.pack(">HH", BT2020, PQ) + data[film + 8 :]
    expected = convert(opened(data).convert("RGB"), Cicp(BT2020, PQ))
    assert difference(read(told).image, expected) == 0


@pytest.mark.parametrize("kind", ["PNG", "AVIF", "HEIC"])
def test_an_image_that_pillow_has_opened_is_as_its_file(kind: str) -> None:
    data = {
        "PNG": png(chart(), BT2020, PQ),
        "AVIF": with_nclx(avif(chart()), BT2020, PQ, aperture(40, 30, -20, -25)),
        "HEIC": with_nclx((ROOT / "tests/files/panda.heic").read_bytes(), BT2020, PQ, aperture(40, 30)),
    }[kind]
    with opened(data) as image:
        picture = from_image(image)
        assert difference(picture.image, read(data).image) == 0
        assert picture.format == ""
        if kind != "HEIC":  # which libheif refuses, for its crop
            assert image.convert("RGB").size == image.size  # it stays as it is


def test_a_heic_that_is_loaded_still_tells_its_colours() -> None:
    data = with_nclx((ROOT / "tests/files/panda.heic").read_bytes(), BT2020, PQ)
    with opened(data) as image:
        image.load()
        assert difference(from_image(image).image, read(data).image) == 0
    plain = (ROOT / "tests/files/panda.heic").read_bytes()
    with opened(plain) as image:
        image.load()
        assert difference(from_image(image).image, read(plain).image) == 0


def test_an_image_that_was_changed_is_not_read_from_its_file_again() -> None:
    for data in (encode(chart(), "PNG"), avif(chart()), (ROOT / "tests/files/panda.heic").read_bytes()):
        with opened(data) as image:
            image.putpixel((0, 0), (1, 2, 3))
            assert from_image(image).image.getpixel((0, 0)) == (1, 2, 3)
