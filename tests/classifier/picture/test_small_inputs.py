"""A model's scores are those of a plain resize of the whole picture, however small the input and large the picture."""

from __future__ import annotations

import io
from functools import cache
from typing import Any

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from PIL import Image, ImageCms

from benchmarks.pictures import mosaic
from classifier.errors import UnknownModeError
from classifier.picture import decode
from classifier.picture.colour import Colours, srgb
from classifier.picture.geometry import Geometry, crop_box
from classifier.picture.limits import Limits
from classifier.picture.prepare import prepare
from tests.support.hostile import encode
from tests.support.photos import golden_photos, photo

FILTERS = ("nearest", "box", "bilinear", "hamming", "bicubic", "lanczos")
Pixels = NDArray[np.uint8]


def plain(data: bytes, geometry: Geometry) -> Pixels:
    """What Pillow alone makes of the centre crop."""
    with Image.open(io.BytesIO(data)) as opened:
        image = opened.convert("RGB")
    height, width = geometry.size
    resample = Image.Resampling[geometry.resample.upper()]
    return np.asarray(image.resize((width, height), resample, box=crop_box(image.size, geometry)))


def prepared(data: bytes, geometry: Geometry) -> Pixels:
    return prepare(data, geometry, Limits()).pixels


def jpeg(image: Image.Image, **options: int) -> bytes:
    return encode(image, "JPEG", quality=90, **options)


@cache
def large(name: str) -> Image.Image:
    """A photo of 12 million pixels."""
    with Image.open(photo(name)) as image:
        return image.convert("RGB").resize((4000, 3000), Image.Resampling.LANCZOS)


class Network:
    """A convolutional network with random weights and a softmax that is as steep as those of sure models."""

    def __init__(self) -> None:
        random = np.random.default_rng(1)
        shapes = [(8, 27), (16, 72), (16, 144)]
        self.kernels = [(random.normal(size=shape) * (2 / shape[1]) ** 0.5).astype(np.float32) for shape in shapes]
        self.dense = random.normal(size=(10, 16 * 9)).astype(np.float32)

    def logits(self, pixels: Pixels) -> NDArray[np.float32]:
        values = pixels.astype(np.float32) / 127.5 - 1
        for kernel in self.kernels:
            windows = sliding_window_view(values, (3, 3), axis=(0, 1))[::2, ::2]
            values = np.maximum(windows.reshape(*windows.shape[:2], -1) @ kernel.T, 0)
        thirds = [part for rows in np.array_split(values, 3) for part in np.array_split(rows, 3, axis=1)]
        return np.asarray(self.dense @ np.concatenate([part.mean((0, 1)) for part in thirds]))

    def difference(self, found: list[Pixels], expected: list[Pixels]) -> float:
        """The most by which a score differs, with the best scores of the expected pixels 0.75 on average."""
        ours, theirs = (np.stack([self.logits(one) for one in way]) for way in (found, expected))
        steepness = min(np.geomspace(0.1, 100, 200), key=lambda one: abs(softmax(theirs * one).max(1).mean() - 0.75))
        return float(np.abs(softmax(ours * steepness) - softmax(theirs * steepness)).max())


def softmax(logits: NDArray[np.floating]) -> NDArray[np.floating]:
    powers = np.exp(logits - logits.max(1, keepdims=True))
    return np.asarray(powers / powers.sum(1, keepdims=True))


@pytest.mark.parametrize("side", [32, 96, 224])
@pytest.mark.parametrize("pixels", [2, 12])
def test_scores_are_those_of_a_plain_resize(side: int, pixels: int) -> None:
    """Photos of 12 million pixels in JPEG are made smaller only for the largest of these inputs."""
    names = ("chelsea.png", "koala.webp", "panda.webp")
    images = [large(name) if pixels == 12 else large(name).resize((1620, 1215)) for name in names]
    geometry = Geometry((side, side), 0.875 if side == 224 else 1.0, "bicubic" if side == 224 else "bilinear")
    found, expected = ([way(jpeg(image), geometry) for image in images] for way in (prepared, plain))
    assert Network().difference(found, expected) <= 0.01
    if side < 128 or pixels == 2:
        assert all(np.array_equal(one, other) for one, other in zip(found, expected, strict=True))


@pytest.mark.parametrize("geometry", [Geometry((32, 32)), Geometry((224, 224), 0.875, "bicubic")], ids=["32", "224"])
def test_all_golden_photos_are_resized_plainly(geometry: Geometry) -> None:
    for one in golden_photos():
        data = one.path.read_bytes()
        if one.path.name in ("crocodile.webp", "rocket.jpg"):
            continue  # whose colours are Adobe RGB
        assert np.array_equal(prepared(data, geometry), plain(data, geometry)), one.path.name


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF", "BMP"])
@pytest.mark.parametrize("size", [(24, 24), (300, 640)])
def test_photos_of_two_million_pixels_are_resized_plainly_by_every_filter(kind: str, size: tuple[int, int]) -> None:
    data = two_million(kind)
    for resample in FILTERS:
        geometry = Geometry(size, 1.0, resample)
        assert np.array_equal(prepared(data, geometry), plain(data, geometry)), resample


@cache
def two_million(kind: str) -> bytes:
    with Image.open(photo("red_panda.webp")) as image:
        assert image.size == (1920, 1080)
        options: dict[str, Any] = {"PNG": {"compress_level": 1}, "AVIF": {"speed": 10}, "WEBP": {"method": 0}}
        return encode(image.convert("RGB"), kind, **options.get(kind, {}))


@pytest.mark.slow
@pytest.mark.parametrize("resample", FILTERS)
def test_a_jpeg_of_12_million_pixels_keeps_enough_for_every_filter(resample: str) -> None:
    data = jpeg(mosaic(4000, 3000))
    for side in (64, 160, 224, 384, 640):
        geometry = Geometry((side, side), 1.0, resample)
        difference = prepared(data, geometry).astype(int) - plain(data, geometry)
        if resample in ("nearest", "box") or side < 128:
            assert not difference.any()
        else:
            assert np.abs(difference).mean() < 0.6, side


def test_a_pil_image_scores_as_its_file() -> None:
    data = two_million("JPEG")
    geometry = Geometry((224, 224), 0.875, "bicubic")
    with Image.open(io.BytesIO(data)) as image:
        assert np.array_equal(prepare(image, geometry, Limits()).pixels, prepared(data, geometry))


@pytest.mark.parametrize(("orientation", "kind"), [(1, "JPEG"), (6, "JPEG"), (1, "MPO")])
def test_an_opened_jpeg_of_12_million_pixels_is_decoded_as_its_file(orientation: int, kind: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    more = {"save_all": True, "append_images": [Image.new("RGB", (640, 480))]} if kind == "MPO" else {}
    data = encode(large("koala.webp"), kind, quality=90, exif=exif, **more)
    geometry = Geometry((224, 224), 0.875, "bicubic")
    expected = prepare(data, geometry, Limits())
    with Image.open(io.BytesIO(data)) as image:
        found = prepare(image, geometry, Limits())
        assert np.array_equal(found.pixels, expected.pixels)
        assert (found.width, found.height, found.format) == (expected.width, expected.height, "")
        again = np.asarray(image)  # the caller's image is whole, and can still be loaded
    with Image.open(io.BytesIO(data)) as image:
        assert np.array_equal(again, np.asarray(image))
        image.seek(0)
        cropped = image.crop((0, 0, 3000, 3000))
        assert prepare(cropped, geometry, Limits()).width == 3000


def test_an_image_of_12_million_pixels_scores_almost_as_its_file() -> None:
    """Whether it was loaded, converted, or went through an array; whole, it would be further off."""
    geometry = Geometry((224, 224), 0.875, "bicubic")
    files = [jpeg(large(name)) for name in ("chelsea.png", "koala.webp", "panda.webp")]

    def opened(data: bytes) -> Image.Image:
        with Image.open(io.BytesIO(data)) as image:
            image.load()
            return image

    expected = [prepared(data, geometry) for data in files]
    whole = Network().difference([plain(data, geometry) for data in files], expected)
    for way in (
        opened,
        lambda data: opened(data).convert("RGB"),
        lambda data: Image.fromarray(np.asarray(opened(data))),
    ):
        found = [prepare(way(data), geometry, Limits()).pixels for data in files]
        assert Network().difference(found, expected) <= min(0.01, whole)


def test_an_opened_jpeg_that_the_caller_changed_is_taken_as_it_is() -> None:
    geometry = Geometry((224, 224), 0.875, "bicubic")
    data = jpeg(large("koala.webp"))
    with Image.open(io.BytesIO(data)) as image:
        image.draft("RGB", (500, 375))
        assert prepare(image, geometry, Limits()).width == 500
    with Image.open(io.BytesIO(data)) as image:
        assert image.fp
        image.fp.close()
        with pytest.raises(UnknownModeError):
            prepare(image, geometry, Limits())
    with Image.open(io.BytesIO(data)) as image:  # over the limit of files, which is none for images
        assert prepare(image, geometry, Limits(max_bytes=1000)).width == 4000


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_an_opened_image_of_another_format_is_its_file(kind: str) -> None:
    data = encode(large("koala.webp").resize((2400, 1800)), kind)
    geometry = Geometry((224, 224), 0.875, "bicubic")
    with Image.open(io.BytesIO(data)) as image:
        assert np.array_equal(prepare(image, geometry, Limits()).pixels, prepared(data, geometry))


def test_other_modes_are_resized_plainly() -> None:
    with Image.open(photo("red_panda.webp")) as image:
        pictures = [image.convert(mode) for mode in ("L", "P", "RGB", "RGBA")]
    turned = Image.Exif()
    turned[0x0112] = 3
    geometry = Geometry((32, 32))
    for picture in pictures:
        data = encode(picture, "PNG", compress_level=1)
        assert np.array_equal(prepared(data, geometry), plain(data, geometry)), picture.mode
    upside_down = encode(pictures[2].transpose(Image.Transpose.ROTATE_180), "TIFF", exif=turned)
    assert np.array_equal(prepared(upside_down, geometry), plain(encode(pictures[2], "TIFF"), geometry))


def reduced(monkeypatch: pytest.MonkeyPatch, data: bytes, geometry: Geometry, memory: int | None) -> tuple[int, int]:
    """The size of what is left before its colours are converted."""
    sizes = []

    def seen(image: Image.Image, factor: int, colours: Colours | None) -> Image.Image:
        sizes.append((image.width // factor, image.height // factor))
        return srgb(image, factor, colours)

    with monkeypatch.context() as patched:
        patched.setattr(decode, "srgb", seen)
        picture = prepare(data, geometry, Limits(memory=memory))
    assert (picture.width, picture.height) == (2000, 1000)
    return sizes[0]


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P", "L"])
def test_a_picture_keeps_no_more_than_there_is_memory_for(monkeypatch: pytest.MonkeyPatch, mode: str) -> None:
    """Nothing is refused that could be decoded with less detail."""
    data = encode(Image.new("RGB", (2000, 1000), "teal").convert(mode), "PNG")
    least = 12_000_000 + len(data) + int(2_000_000 * 4.5) + 1000
    between = 4 * 32 * 2000
    for more, whole in ((0, False), (between, mode == "RGB"), (between + 2_000_000 * 8, True)):
        size = reduced(monkeypatch, data, Geometry((32, 32)), least + more)
        assert size == ((2000, 1000) if whole else (133, 66))


def test_a_jpeg_keeps_no_more_than_there_is_memory_for(monkeypatch: pytest.MonkeyPatch) -> None:
    data = jpeg(Image.new("RGB", (2000, 1000), "teal"))
    least = 12_000_000 + len(data) + int(2_000_000 * 0.2) + 1000
    for memory, size in ((None, (2000, 1000)), (least + 4_200_000, (1000, 500)), (least, (500, 250))):
        assert reduced(monkeypatch, data, Geometry((224, 224)), memory) == size


def test_a_picture_whose_colours_take_long_to_convert_is_reduced_first(monkeypatch: pytest.MonkeyPatch) -> None:
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    swapped = srgb.replace(b"rXYZ", b"tmp_", 1).replace(b"bXYZ", b"rXYZ", 1).replace(b"tmp_", b"bXYZ", 1)
    image = Image.new("RGB", (2000, 1000), "teal")
    for kind in ("JPEG", "PNG"):
        for profile, size in ((srgb, (2000, 1000)), (swapped, (1000, 500))):
            data = encode(image, kind, icc_profile=profile)
            assert reduced(monkeypatch, data, Geometry((32, 32)), None) == size
