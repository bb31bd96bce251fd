"""AVIF with transparency, as programs have written it, and HEIF of other codings, by name."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable

import pytest
from PIL import Image, UnidentifiedImageError

from classifier.errors import BrokenImageError, UnsupportedKindError
from classifier.picture.decode import read
from classifier.picture.formats.avif_alpha import readable, without_alpha
from classifier.picture.formats.items import Box, boxes, find
from tests.support.drawn import difference
from tests.support.heif import Item, coded, heic
from tests.support.hostile import encode, gradient, seeds, sound
from tests.support.photos import ROOT

ALPHA = Image.linear_gradient("L").resize((64, 48))


def translucent() -> Image.Image:
    image = gradient().convert("RGBA")
    image.putalpha(ALPHA)
    return image


def on_white() -> Image.Image:
    page = Image.new("RGBA", (64, 48), "white")
    page.alpha_composite(translucent())
    return page.convert("RGB")


FILE = encode(translucent(), "AVIF", quality=95)
FILM = encode(translucent(), "AVIF", quality=95, save_all=True, append_images=[translucent().rotate(180)])


def inner(data: bytes, *path: bytes) -> Box:
    """A box inside `meta`, whose content begins with a version."""
    meta = find(data, 0, len(data), b"meta")
    assert meta
    box = find(data, meta.start + 4, meta.end, *path)
    assert box
    return box


def refused_by_pillow(data: bytes) -> bytes:
    with pytest.raises((UnidentifiedImageError, RuntimeError)):
        Image.open(io.BytesIO(data), formats=["AVIF"])
    return data


def entries(data: bytes) -> list[bytes]:
    """The entries of the only box `ipma`, which has numbers of one byte."""
    table = inner(data, b"iprp", b"ipma")
    found, at = [], table.start + 8
    while at < table.end:
        end = at + 3 + data[at + 2]
        found.append(data[at:end])
        at = end
    return found


def in_two_boxes(data: bytes) -> bytes:
    """The file with a box `ipma` for each item, as old versions of cavif wrote it."""
    table, parent = inner(data, b"iprp", b"ipma"), inner(data, b"iprp")
    meta = find(data, 0, len(data), b"meta")
    assert meta
    head = data[table.start : table.start + 4] + struct.pack(">I", 1)
    parts = [struct.pack(">I4s", 16 + len(entry), b"ipma") + head + entry for entry in entries(data)]
    more = 16 * (len(parts) - 1)
    result = bytearray(data[: table.start - 8] + b"".join(parts) + data[table.end :])
    for box in (parent, meta):
        result[box.start - 8 : box.start - 4] = struct.pack(">I", box.end - box.start + 8 + more)
    places = inner(data, b"iloc")
    for item in range(len(parts)):  # version 0, sizes of 4 bytes, no base, one extent each
        at = places.start + 8 + 14 * item + 6
        result[at : at + 4] = struct.pack(">I", int.from_bytes(data[at : at + 4], "big") + more)
    return bytes(result)


def without_size(data: bytes) -> bytes:
    """The file with the number of `pixi` in place of that of `ispe` for the transparent part, as old ravif wrote it."""
    container, table = inner(data, b"iprp", b"ipco"), inner(data, b"iprp", b"ipma")
    kinds = [box.kind for box in boxes(data, container.start, container.end)]
    result, at = bytearray(data), table.start + 8
    for entry in entries(data):
        names = [kinds[(number & 0x7F) - 1] for number in entry[3:]]
        if b"auxC" in names:
            result[at + 3 + names.index(b"ispe")] = entry[3 + names.index(b"pixi")]
        at += len(entry)
    return bytes(result)


@pytest.mark.parametrize("spoil", [in_two_boxes, without_size, lambda data: in_two_boxes(without_size(data))])
def test_transparency_in_another_form_is_read(spoil: Callable[[bytes], bytes]) -> None:
    data = refused_by_pillow(spoil(FILE))
    assert difference(read(data).image, read(FILE).image) == 0
    assert difference(read(data).image, on_white()) < 4
    assert len(readable(data)) == len(data)


@pytest.mark.parametrize("whole", [FILE, FILM], ids=["picture", "film"])
def test_a_transparent_part_of_picture_0_is_that_of_the_picture(whole: bytes) -> None:
    table = inner(whole, b"iref")
    link = next(box for box in boxes(whole, table.start + 4, table.end) if box.kind == b"auxl")
    data = refused_by_pillow(whole[: link.end - 2] + b"\0\0" + whole[link.end :])
    assert difference(read(data).image, read(whole).image) == 0


def test_a_sound_file_stays_as_it_is() -> None:
    for data in (FILE, FILM, seeds()["AVIF"]):
        assert readable(data) is data


def test_files_that_end_anywhere_and_nonsense_are_no_trouble() -> None:
    for data in (in_two_boxes(FILE), without_size(FILE), FILM):
        table = inner(data, b"iprp", b"ipma")
        for end in range(0, len(data), 7):
            readable(data[:end])
            without_alpha(data[:end])
        for place in range(table.start - 300, table.end):
            for value in (b"\0", b"\7", b"\xff"):
                spoilt = data[:place] + value + data[place + 1 :]
                readable(spoilt)
                without_alpha(spoilt)
                sound(spoilt)


def test_a_form_that_libavif_does_not_know_is_named() -> None:
    data = (ROOT / "tests/files/shared_tile.avif").read_bytes()
    with pytest.raises(UnsupportedKindError, match="AVIF in a form that few programs write"):
        read(data)


def test_transparency_in_a_form_that_is_not_known_is_named() -> None:
    data = without_size(FILE)
    container = inner(data, b"iprp", b"ipco")
    depth = [box for box in boxes(data, container.start, container.end) if box.kind == b"pixi"][-1]
    data = data[: depth.start - 4] + b"pixx" + data[depth.start :]
    with pytest.raises(UnsupportedKindError, match="AVIF with transparency in a form that few programs write"):
        read(refused_by_pillow(data))


@pytest.mark.parametrize("share", [0.3, 0.7, 0.95])
def test_a_file_with_transparency_that_is_cut_off_is_damaged(share: float) -> None:
    with pytest.raises(BrokenImageError):
        read(FILE[: int(len(FILE) * share)])


@pytest.mark.parametrize(
    ("name", "brand"), [("AVIF", b"miaf"), ("AVIF", b"MA1B"), ("HEIC", b"mif2"), ("HEIC", b"MiHB")]
)
def test_the_major_brand_may_be_another(name: str, brand: bytes) -> None:
    data = seeds()[name]
    assert difference(read(data[:8] + brand + data[12:]).image, read(data).image) == 0


@pytest.mark.parametrize(
    ("coding", "said"),
    [
        (b"unci", "uncompressed pixels"),
        (b"j2k1", "JPEG 2000"),
        (b"jpeg", "JPEG"),
        (b"avc1", "H.264"),
        (b"vvc1", "H.266"),
        (b"av01", "AV1"),
    ],
)
def test_another_coding_in_heif_is_named(coding: bytes, said: str) -> None:
    data = (ROOT / "tests/files/panda.heic").read_bytes()
    assert data.count(b"hvc1\0")
    with pytest.raises(UnsupportedKindError, match=f"not read here: HEIF with {said}"):
        read(data.replace(b"hvc1\0", coding + b"\0"))


def test_a_picture_that_only_its_layers_complete_is_named() -> None:
    config, size, _ = coded(seeds()["HEIC"])
    base, further = Item(b"hvc1", bytes(40), [config, size]), Item(b"lhv1", bytes(40), [size])
    with pytest.raises(UnsupportedKindError, match=r"HEIF with H\.265 in layers"):
        read(heic(base, further))


def test_a_film_without_a_picture_is_named() -> None:
    head = struct.pack(">I4s4sI4s4s", 24, b"ftyp", b"msf1", 0, b"msf1", b"hevc")
    with pytest.raises(UnsupportedKindError, match="HEIF with a film and no picture"):
        read(head + struct.pack(">I4s", 16, b"moov") + bytes(8) + struct.pack(">I4s", 108, b"mdat") + bytes(100))
