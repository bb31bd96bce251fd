"""Blank pages and noise are told from pictures, through files as visitors send them."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image, ImageDraw

from classifier import Classifier
from classifier.picture.blank import has_structure, is_blank
from classifier.picture.decode import read
from classifier.picture.geometry import Geometry
from classifier.picture.limits import Limits
from classifier.picture.prepare import prepare
from tests.support.hostile import encode
from tests.support.photos import ROOT, Photo, golden_photos, photo

RANDOM = np.random.default_rng(3)


def through(image: Image.Image, kind: str, quality: int = 90) -> Image.Image:
    stream = io.BytesIO()
    image.save(stream, kind, quality=quality)
    return read(stream.getvalue(), at_least=(256, 256)).image


@pytest.mark.parametrize("size", [(64, 64), (224, 224), (640, 480), (1920, 1080)])
@pytest.mark.parametrize(("kind", "quality"), [("PNG", 0), ("JPEG", 90), ("JPEG", 40), ("WEBP", 80)])
def test_noise_has_no_structure(size: tuple[int, int], kind: str, quality: int) -> None:
    shape = (size[1], size[0], 3)
    uniform = Image.fromarray(RANDOM.integers(0, 256, shape, np.uint8))
    normal = Image.fromarray(np.clip(RANDOM.normal(128, 50, shape), 0, 255).astype(np.uint8))
    assert not has_structure(through(uniform, kind, quality))
    assert not has_structure(through(normal, kind, quality))
    assert not has_structure(through(uniform.convert("L"), kind, quality))


@pytest.mark.parametrize("colour", ["white", "black", "#7f7f7f", "red", "#c0ffee", "navy"])
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_a_blank_page_has_no_structure(colour: str, kind: str) -> None:
    assert not has_structure(through(Image.new("RGB", (640, 480), colour), kind))


def test_single_pixels_have_no_structure() -> None:
    assert not has_structure(Image.new("RGB", (1, 1)))
    assert not has_structure(Image.new("RGB", (1, 300)))


@pytest.mark.parametrize("size", [(2, 2), (2, 300), (3, 3), (300, 2), (5, 4)])
def test_the_smallest_pictures_are_looked_at(size: tuple[int, int]) -> None:
    assert not has_structure(Image.new("RGB", size, "white"))
    noise = Image.fromarray(RANDOM.integers(0, 256, (size[1], size[0], 3), np.uint8))
    assert isinstance(has_structure(noise), bool)
    assert not is_blank(noise)
    assert is_blank(Image.new("RGB", (1, size[1]), "navy"))


@pytest.mark.parametrize("photo", golden_photos(), ids=lambda photo: photo.path.name)
def test_photos_have_structure(photo: Photo) -> None:
    assert has_structure(read(photo.path.read_bytes(), at_least=(256, 256)).image)


@pytest.fixture(scope="module")
def model() -> Classifier:
    return Classifier.load(ROOT / "model" / "efficientnet-lite2")


def ruler(top: int, height: int = 40) -> Image.Image:
    """A ruler on a white page."""
    page = Image.new("RGB", (1160, 1160), "white")
    draw = ImageDraw.Draw(page)
    draw.rectangle((60, top, 1100, top + height), fill="#e8c88a", outline="black")
    for at in range(60, 1100, 10):
        draw.line((at, top, at, top + height * (2 if at % 100 == 60 else 1) // 4), fill="black", width=2)
    return page


@pytest.mark.parametrize("top", [380, 400, 410, 433, 560, 571, 580, 590, 611])
def test_a_thing_on_a_white_page_has_structure_wherever_it_lies(top: int, model: Classifier) -> None:
    result = model.classify(ruler(top))
    assert (result.predictions[0].label, result.sure, result.structured) == ("ruler", True, True)


@pytest.mark.parametrize("thick", [1, 2, 3, 5, 8])
@pytest.mark.parametrize("across", [True, False], ids=["across", "down"])
def test_a_single_line_has_structure(thick: int, across: bool) -> None:
    page = Image.new("RGB", (1160, 1160), "white")
    box = (100, 587, 1060, 587 + thick) if across else (587, 100, 587 + thick, 1060)
    page.paste("black", box)
    assert has_structure(page)


def ordered(image: Image.Image, side: int) -> Image.Image:
    """1-bit dither by Bayer's matrix."""
    matrix = np.zeros((1, 1))
    while len(matrix) < side:
        matrix = np.block([[4 * matrix, 4 * matrix + 2], [4 * matrix + 3, 4 * matrix + 1]])
    down, across = np.indices((image.height, image.width)) % side
    return Image.fromarray(np.asarray(image.convert("L")) > (matrix[down, across] + 0.5) * 255 / side**2)


def halftone(image: Image.Image, period: float) -> Image.Image:
    """1-bit dots as newspapers print them, in rows at 45 degrees."""
    down, across = np.indices((image.height, image.width))
    waves = np.cos((across + down) * np.pi * 2**0.5 / period) * np.cos((across - down) * np.pi * 2**0.5 / period)
    return Image.fromarray(np.asarray(image.convert("L")) > 127.5 + 127.5 * waves)


def each_channel(image: Image.Image) -> Image.Image:
    return Image.merge("RGB", [channel.convert("1").convert("L") for channel in image.convert("RGB").split()])


DITHERS: dict[str, Callable[[Image.Image], Image.Image]] = {
    "diffused": lambda image: image.convert("1"),
    "bayer2": lambda image: ordered(image, 2),
    "bayer8": lambda image: ordered(image, 8),
    "halftone4": lambda image: halftone(image, 4),
    "eight colours": each_channel,
}


@pytest.mark.parametrize("dither", list(DITHERS))
@pytest.mark.parametrize("name", ["koala.webp", "panda.webp", "solar4.webp", "cup.webp"])
@pytest.mark.parametrize("side", [240, 500, 1000])
def test_a_dithered_picture_has_structure(dither: str, name: str, side: int) -> None:
    with Image.open(photo(name)) as original:
        image = original.convert("RGB")
    image.thumbnail((side, side))
    assert has_structure(DITHERS[dither](image).convert("RGB"))


@pytest.mark.parametrize("dither", ["diffused", "bayer8"])
def test_what_a_confident_model_says_of_a_dithered_picture_is_sure(dither: str, model: Classifier) -> None:
    with Image.open(photo("koala.webp")) as original:
        result = model.classify(io.BytesIO(encode(DITHERS[dither](original.convert("RGB")), "PNG")))
    assert (result.predictions[0].label, result.sure) == ("koala", True)


def odd(kind: str, size: tuple[int, int]) -> Image.Image:
    """Noise that is not even, and a test pattern."""
    width, height = size
    down, across = np.indices((height, width))
    noise = RANDOM.uniform(0, 255, (height, width))
    values = {
        "two values": np.where(noise < 128, 0, 255),
        "few dots": np.where(noise < 20, 0, 255),
        "38 percent": np.where(RANDOM.random((height, width)) < 0.38, noise, 255),
        "shaded": noise + 60 * (across / width - 0.5),
        "darker at the edges": noise - 80 * ((across / width - 0.5) ** 2 + (down / height - 0.5) ** 2),
        "zone plate": 127.5 + 127.5 * np.cos(((across - width / 2) ** 2 + (down - height / 2) ** 2) * np.pi / width),
        "dither of one grey": np.asarray(Image.new("L", size, 100).convert("1")) * 255,
    }[kind]
    return Image.fromarray(np.clip(values, 0, 255).astype(np.uint8)).convert("RGB")


@pytest.mark.parametrize(
    "kind",
    ["two values", "few dots", "38 percent", "shaded", "darker at the edges", "zone plate", "dither of one grey"],
)
@pytest.mark.parametrize("size", [(100, 80), (300, 300), (640, 480), (1000, 700), (2000, 1500)])
def test_uneven_noise_and_test_patterns_have_no_structure(kind: str, size: tuple[int, int]) -> None:
    assert not has_structure(odd(kind, size))


@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize("times", [2, 2.5, 3, 4, 6, 8, 12])
@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_noise_that_was_enlarged_to_blocks_has_no_structure(mode: str, times: float, kind: str) -> None:
    shape = (int(480 / times), int(640 / times), 3) if mode == "RGB" else (int(480 / times), int(640 / times))
    noise = Image.fromarray(RANDOM.integers(0, 256, shape, np.uint8))
    image = noise.resize((640, 480), Image.Resampling.NEAREST).convert("RGB")
    assert not has_structure(image if times % 1 or times < 3 else through(image, kind))


@pytest.mark.parametrize("side", [24, 32, 64, 128])
def test_a_picture_that_was_enlarged_to_blocks_has_structure(side: int) -> None:
    with Image.open(photo("koala.webp")) as koala:
        small = koala.convert("RGB").resize((side, side))
    assert has_structure(small.resize((640, 640), Image.Resampling.NEAREST))


@pytest.mark.parametrize("modules", [25, 33, 57])
def test_a_code_of_two_colours_has_structure(modules: int) -> None:
    code = Image.fromarray(RANDOM.integers(0, 2, (modules, modules), np.uint8) * 255)
    assert has_structure(code.resize((8 * modules, 8 * modules), Image.Resampling.NEAREST).convert("RGB"))


def test_noise_is_never_sure_however_high_its_score(model: Classifier) -> None:
    noise = Image.fromarray(np.random.default_rng(5).integers(0, 256, (1080, 1920, 3), np.uint8))
    result = model.classify(noise)
    assert result.predictions[0].score > 0.5
    assert (result.sure, result.structured, result.doubt) == (False, False, "unstructured")


def test_only_what_the_model_sees_counts() -> None:
    page = Image.new("RGB", (400, 1200), "white")
    with Image.open(photo("koala.webp")) as koala:
        page.paste(koala.convert("RGB").resize((300, 200)), (50, 20))
    assert has_structure(page)
    assert not prepare(encode(page, "PNG"), Geometry((224, 224)), Limits()).structured
