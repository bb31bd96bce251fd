"""Every kind of picture comes out upright and in RGB; every kind of wrong file as one clear error."""

from __future__ import annotations

import io
import re
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from classifier.errors import (
    ImageError,
    NoMemoryError,
    TooManyBytesError,
    TooManyPixelsError,
    UnsupportedFormatError,
)
from classifier.languages import languages
from classifier.picture import decode
from classifier.picture.decode import read
from classifier.picture.formats import FORMATS
from classifier.picture.limits import Limits
from tests.support.drawn import colours, difference, pixel
from tests.support.hostile import encode
from tests.support.photos import ROOT, photo

FILES = ROOT / "tests/files"


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"])
def test_each_format_is_read_and_named_by_its_content(kind: str) -> None:
    picture = read(encode(colours(), kind))
    assert (picture.format, picture.width, picture.height) == (kind, 64, 48)
    assert difference(picture.image, colours()) < 6


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_exif_orientation_is_applied(kind: str, orientation: int) -> None:
    undo = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # Image.Transpose members
    upright = colours()
    stored = upright.transpose(Image.Transpose(undo[orientation])) if orientation > 1 else upright
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture = read(encode(stored, kind, exif=exif), at_least=(16, 16))
    assert (picture.width, picture.height) == (64, 48)
    assert picture.image.width > picture.image.height
    assert difference(picture.image, upright.resize(picture.image.size, Image.Resampling.BOX)) < 8


XMP = b"""<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6"/></rdf:RDF></x:xmpmeta>"""


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
@pytest.mark.parametrize("at_least", [None, (16, 16)])
def test_an_orientation_in_xmp_alone_is_passed_over_as_browsers_do(kind: str, at_least: tuple[int, int] | None) -> None:
    xmp = PngInfo()
    xmp.add_itxt("XML:com.adobe.xmp", XMP.decode())
    data = (
        encode(colours(), kind, xmp=XMP, pnginfo=xmp)
        if kind != "TIFF"
        else encode(colours(), kind, tiffinfo={700: XMP})
    )
    picture = read(data, at_least=at_least)
    assert (picture.width, picture.height) == (64, 48)
    assert picture.image.width > picture.image.height
    with Image.open(io.BytesIO(data)) as image:
        assert image.getexif()[0x0112] == 6  # what Pillow says
        assert kind == "TIFF" or decode.from_image(image).width == 64  # Pillow turns a TIFF itself


def test_the_first_frame_of_an_animation_is_taken() -> None:
    first, second = Image.new("RGB", (30, 30), "red"), Image.new("RGB", (30, 30), "blue")
    for kind in ("GIF", "WEBP", "PNG", "TIFF", "AVIF"):
        data = encode(first, kind, save_all=True, append_images=[second])
        red, green, blue = pixel(read(data).image, (15, 15))
        assert red > 200, kind
        assert max(green, blue) < 40, kind


def test_broken_exif_does_not_refuse_a_picture() -> None:
    data = encode(colours(), "JPEG", exif=b"Exif\0\0MM\0*\0\0\0\x08\xff\xff\xff\xff")
    assert read(data).width == 64


@pytest.mark.parametrize(
    "data",
    [b"", b"hello", b"%PDF-1.7", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"\0" * 5000],
)
def test_other_files_are_not_pictures(data: bytes) -> None:
    with pytest.raises(UnsupportedFormatError, match="JPEG, PNG, WEBP"):
        read(data)


@pytest.mark.parametrize("kind", ["EPS", "PPM", "ICO", "TGA", "PDF"])
def test_formats_that_pillow_knows_but_nobody_asked_for_stay_closed(kind: str) -> None:
    with pytest.raises(UnsupportedFormatError):
        read(encode(Image.new("RGB", (32, 32)), kind))


def test_a_format_can_be_taken_off_the_list() -> None:
    limits = Limits(formats=("JPEG", "PNG"))
    with pytest.raises(UnsupportedFormatError, match=r"one of: JPEG, PNG\."):
        read(encode(colours(), "GIF"), limits)


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("share", [0.05, 0.3, 0.7, 0.95])
def test_truncated_files_are_one_kind_of_error(kind: str, share: float) -> None:
    whole = (
        (FILES / "panda.heic").read_bytes()
        if kind == "HEIC"
        else encode(Image.open(photo("chelsea.png")).convert("RGB"), kind)
    )
    with pytest.raises(ImageError, match="damaged or incomplete") as caught:
        read(whole[: max(16, int(len(whole) * share))])
    assert caught.value.status == 400


def test_garbage_behind_a_true_beginning_is_broken() -> None:
    noise = np.random.default_rng(0).bytes(4000)
    for start in (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"BM", b"II*\0", b"MM\0*"):
        with pytest.raises(ImageError):
            read(start + noise)


def test_the_byte_limit_comes_first() -> None:
    with pytest.raises(TooManyBytesError, match=r"the limit is 0\.001 MB") as caught:
        read(b"x" * 1001, Limits(max_bytes=1000))
    assert caught.value.status == 413


def test_the_pixel_limit_is_checked_before_decoding(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> None:
        raise AssertionError("decoded")

    data = encode(Image.new("RGB", (200, 100)), "PNG")
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", never)
    with pytest.raises(TooManyPixelsError, match=r"200 x 100.*0\.0199 million"):
        read(data, Limits(max_pixels=19_999))


def test_far_too_many_pixels_are_told_in_each_languages_own_words() -> None:
    head = b"IHDR" + struct.pack("!II", 20_000, 20_000)
    data = encode(Image.new("L", (8, 8)), "PNG")
    rest = data[24:29]
    large = data[:12] + head + rest + struct.pack("!I", zlib.crc32(head + rest)) + data[33:]
    with pytest.raises(TooManyPixelsError, match=r"too large \(> 1\d{8} pixels\): the limit is 64 million") as caught:
        read(large)
    chinese = languages()["zh"].error(caught.value)
    assert re.match(r"图片太大（> 1\d{8} 像素）：上限为 6400 万像素，每边不超过 65535 像素。", chinese)


def test_a_picture_at_the_limit_is_read() -> None:
    assert read(encode(colours(), "PNG"), Limits(max_pixels=64 * 48)).width == 64


def test_a_small_file_that_claims_to_be_enormous_is_refused() -> None:
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", 13) + b"IHDR" + header + struct.pack(">I", zlib.crc32(b"IHDR" + header))
    with pytest.raises(TooManyPixelsError):
        read(b"\x89PNG\r\n\x1a\n" + chunk + b"\0\0\0\0IEND\xaeB\x60\x82")


def test_whatever_a_decoder_raises_becomes_one_error(monkeypatch: pytest.MonkeyPatch) -> None:
    data = encode(colours(), "PNG")
    for error in (ValueError, SyntaxError, MemoryError, RecursionError, NotImplementedError):

        def fail(*_: object, error: type[Exception] = error) -> None:
            raise error("inside the decoder")

        monkeypatch.setattr("PIL.ImageFile.ImageFile.load", fail)
        with pytest.raises(ImageError) as caught:
            read(data)
        assert "inside the decoder" not in caught.value.message


def test_a_pil_image_is_taken_and_left_as_it_was(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    file = tmp_path / "turned.jpg"
    colours().save(file, exif=exif)
    with Image.open(file) as opened:
        picture = decode.from_image(opened)
        assert (picture.width, picture.height, picture.format) == (48, 64, "")
        assert opened.size == (64, 48)


def test_a_broken_pil_image_is_an_image_error() -> None:
    data = encode(colours(600, 600), "JPEG")
    with Image.open(io.BytesIO(data[:-500])) as opened, pytest.raises(ImageError):
        decode.from_image(opened)


@pytest.mark.parametrize("kind", [*(kind for kind in FORMATS if kind != "HEIC"), "progressive JPEG", "alpha WEBP"])
def test_what_takes_more_memory_than_there_is_is_refused_with_the_limit(kind: str) -> None:
    image = colours(3000, 2000).convert("RGBA" if kind == "alpha WEBP" else "RGB")
    options = {"progressive": True} if kind == "progressive JPEG" else {}
    data = encode(image, kind.split()[-1], **options)
    with pytest.raises(NoMemoryError, match=r"3000 x 2000 pixels.* the limit is 0?\.?\d+ million pixels\. Scale it"):
        read(data, Limits(memory=13_000_000 + len(data)))
    assert read(data, Limits(memory=112_000_000 + len(data))).width == 3000
