"""JPEG: decoded smaller by its own decoder, in little memory, and not taken for what stands behind it."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from PIL import Image, JpegImagePlugin

from classifier.errors import NoMemoryError, UnsupportedKindError
from classifier.picture.decode import read
from classifier.picture.limits import Limits
from tests.support.drawn import colours, difference
from tests.support.hostile import encode, gradient, outcomes, seeds


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


def segment(code: int, content: bytes) -> bytes:
    return bytes([0xFF, code]) + struct.pack(">H", len(content) + 2) + content


@pytest.mark.parametrize(
    ("code", "content"),
    [(0xE0, b"JFIF"), (0xE0, b"JFIF\0\1"), (0xE2, b"ICC_PROFILE\0"), (0xE2, b"ICC_PROFILE\0\1"), (0xEE, b"Adobe\0")],
    ids=lambda value: str(len(value)) if isinstance(value, bytes) else f"{value:X}",
)
def test_a_segment_that_is_too_short_for_what_it_is_is_passed_over(code: int, content: bytes) -> None:
    whole = encode(colours(), "JPEG")
    short = segment(code, content)
    assert difference(read(whole[:2] + short * 900 + whole[2:]).image, read(whole).image) == 0


def zeros(width: int, height: int, frame: int, scans: list[list[int]], components: int = 3) -> bytes:
    """A grey picture all of whose codes are the bit 0: no difference to what stands before, no coefficients."""
    sizes = b"".join(bytes([number + 1, 0x11, 0]) for number in range(components))
    tables = segment(0xDB, bytes([0]) + bytes([1] * 64))
    tables += b"".join(segment(0xC4, bytes([kind, 1, *[0] * 15, 0])) for kind in (0, 0x10))
    start = tables + segment(frame, struct.pack(">BHHB", 8, height, width, components) + sizes)
    lossless = frame == 0xC3
    bits = width * height if lossless else 2 * -(-width // 8) * -(-height // 8)
    end = b"\1\0\0" if lossless else b"\0\x3f\0"
    for scan in scans:
        head = bytes([len(scan)]) + b"".join(bytes([number + 1, 0]) for number in scan) + end
        start += segment(0xDA, head) + bytes(-(-bits * len(scan) // 8))
    return b"\xff\xd8" + start + b"\xff\xd9"


@pytest.mark.parametrize("components", [1, 3])
def test_a_lossless_jpeg_is_decoded_whole_since_its_decoder_cannot_make_it_smaller(components: int) -> None:
    data = zeros(1600, 1200, 0xC3, [list(range(components))], components)
    picture = read(data, at_least=(200, 200))
    assert (picture.width, picture.height) == (1600, 1200)
    assert picture.image.getpixel((50, 50)) in [(grey, grey, grey) for grey in (127, 128, 129)] or components == 3
    with pytest.raises(NoMemoryError, match="for JPEG the limit is"):
        read(data, Limits(memory=12_000_000 + len(data) + 4 * 1_920_000), at_least=(200, 200))


@pytest.mark.slow
def test_no_jpeg_takes_more_memory_than_its_kind_is_said_to(tmp_path: Path) -> None:
    size, pixels = (5000, 4000), 20_000_000
    picture = Image.linear_gradient("L").resize(size)
    colour = Image.merge("RGB", [picture, picture.rotate(180), picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)])
    files = {
        "grey": (2.2, encode(picture, "JPEG", progressive=True)),
        "halved colours": (3.2, encode(colour, "JPEG", progressive=True)),
        "whole colours": (6.2, encode(colour, "JPEG", progressive=True, subsampling=0)),
        "CMYK": (8.2, encode(colour.convert("CMYK"), "JPEG", progressive=True)),
        "several scans": (6.2, zeros(*size, 0xC0, [[0], [1], [2]])),
        "one scan": (0.2, zeros(*size, 0xC0, [[0, 1, 2]])),
    }
    for name, (cost, data) in files.items():
        memory = len(data) + 12_000_000 + int(cost * pixels)
        assert read(data, Limits(memory=memory + 1_000), at_least=(224, 224)).width == 5000
        with pytest.raises(NoMemoryError):
            read(data, Limits(memory=memory - 100_000), at_least=(224, 224))
        (tmp_path / name).mkdir()
        assert outcomes(tmp_path / name, {"file": data})["file"].grown * 1e6 <= memory - len(data), name


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


def of_frame(code: int, depth: int, channels: int) -> bytes:
    """A sound JPEG that says that it is of another kind."""
    data = encode(gradient(), "JPEG")
    place = data.index(b"\xff\xc0")
    frame = bytearray(data[place : place + 19])
    frame[1], frame[4], frame[9] = code, depth, channels
    return data[:place] + bytes(frame) + data[place + 19 :]


@pytest.mark.parametrize(
    ("code", "depth", "channels", "kind"),
    [
        (0xC1, 12, 3, "12-bit JPEG"),
        (0xC2, 12, 1, "12-bit JPEG"),
        (0xC3, 16, 1, "16-bit JPEG"),
        (0xC5, 8, 3, "hierarchical JPEG"),
        (0xF7, 8, 3, "JPEG-LS"),
        (0xF7, 12, 1, "JPEG-LS"),
        (0xC0, 8, 2, "JPEG with 2 channels"),
        (0xC0, 8, 5, "JPEG with 5 channels"),
    ],
)
@pytest.mark.parametrize("short", [0, 2])
def test_a_kind_that_is_not_read_is_refused_by_its_name(
    code: int, depth: int, channels: int, kind: str, short: int
) -> None:
    data = of_frame(code, depth, channels)
    with pytest.raises(UnsupportedKindError, match=f"not read here: {kind}. Save the picture as JPEG or PNG"):
        read(data[: len(data) - short])


def test_jpeg_ls_without_a_header_before_it() -> None:
    frame = struct.pack(">HHBHHB", 0xFFF7, 11, 8, 48, 64, 1) + bytes([1, 0x11, 0])
    with pytest.raises(UnsupportedKindError, match="JPEG-LS"):
        read(b"\xff\xd8" + frame + b"\xff\xda\0\x08\1\1\0\0\0\0" + bytes(500) + b"\xff\xd9")
