"""HEIC and AVIF with a crop (`clap`): the part that is shown, as libheif and Chromium show it."""

from __future__ import annotations

import io
import struct
from itertools import permutations

import pytest
from PIL import Image, ImageChops

from classifier.errors import ImageError
from classifier.picture.decode import read
from classifier.picture.limits import Limits
from tests.support.drawn import difference
from tests.support.heif import Item, aperture, box, coded, heic, with_properties
from tests.support.hostile import seeds
from tests.support.photos import ROOT

PANDA = (ROOT / "tests/files/panda.heic").read_bytes()  # 320 x 214 without its crop
TURNS = [box(b"irot", bytes([turn])) for turn in range(4)]
MIRRORS = [box(b"imir", bytes([axis])) for axis in range(2)]


def _avif(*properties: bytes, size: tuple[int, int] = (64, 48)) -> bytes:
    file = io.BytesIO()
    left = Image.linear_gradient("L").resize(size)
    Image.merge("RGB", (left, left.transpose(Image.Transpose.FLIP_LEFT_RIGHT), left)).save(file, "AVIF", quality=90)
    return with_properties(file.getvalue(), *properties)


def test_a_heic_whose_crop_is_much_smaller_than_itself_is_read() -> None:
    whole = read(with_properties(PANDA)).image
    picture = read(with_properties(PANDA, aperture(100, 60, right=20, down=-11)))
    assert (picture.width, picture.height) == (100, 60)
    # Middles (160 + 20, 107 - 11).
    assert difference(picture.image, whole.crop((130, 66, 230, 126))) == 0


@pytest.mark.parametrize("turn", TURNS)
@pytest.mark.parametrize("mirror", MIRRORS)
def test_a_crop_is_turned_and_mirrored_in_the_order_of_the_file_as_libheif_does(turn: bytes, mirror: bytes) -> None:
    # So little is cut off that libheif's limit does not stop it; `Image.open` has it crop.
    for order in permutations([aperture(200, 204, right=-5, down=3), turn, mirror]):
        data = with_properties(PANDA, *order)
        _assert_same_place(read(data).image, data)


@pytest.mark.parametrize(
    "crop", [aperture(301, 191, 0.5, 0.5), aperture(300, 190, 0.5), aperture(400, 300), aperture(310, 200, 30, 30)]
)
def test_halves_and_crops_beyond_the_edge_are_as_libheif_rounds_them(crop: bytes) -> None:
    data = with_properties(PANDA, crop)
    _assert_same_place(read(data).image, data)


def _assert_same_place(ours: Image.Image, data: bytes) -> None:
    """Whether libheif's crop is the same, to the pixel."""
    with Image.open(io.BytesIO(data), formats=["HEIF"]) as image:
        theirs = image.convert("RGB")
    # It crops before it makes colours of luma and chroma, which differs where there is half a chroma pixel.
    assert difference(ours, theirs) < 1
    assert difference(ours, ImageChops.offset(theirs, 1, 0)) > 3
    assert difference(ours, ImageChops.offset(theirs, 0, 1)) > 3


@pytest.mark.parametrize("crop", [aperture(0, 10), aperture(10, 10, 1000), box(b"clap", bytes(32)), box(b"clap", b"")])
def test_a_crop_that_leaves_nothing_is_refused(crop: bytes) -> None:
    with pytest.raises(ImageError):
        read(with_properties(PANDA, crop))


def _with_crops(*crops: bytes) -> dict[str, bytes]:
    """A grid, an unchanged copy and a picture with transparency and a thumbnail, with crops of what is shown."""
    configuration, size, content = coded(PANDA)
    tile = Item(b"hvc1", content, [configuration, size])
    grid = struct.pack(">BBBBHH", 0, 0, 0, 1, 640, 214)
    alpha = box(b"auxC", bytes(4) + b"urn:mpeg:hevc:2015:auxid:1\0")
    return {
        "grid": heic(
            Item(b"grid", grid, [box(b"ispe", struct.pack(">III", 0, 640, 214)), *crops], (b"dimg", [2, 3])), tile, tile
        ),
        "copy": heic(Item(b"iden", b"", [size, *crops], (b"dimg", [2])), tile),
        "copy of a part": heic(
            Item(b"iden", b"", [size], (b"dimg", [2])), tile._replace(properties=[*tile.properties, *crops])
        ),
        "transparency": heic(
            tile._replace(properties=[*tile.properties, *crops]),
            Item(b"hvc1", content, [configuration, size, alpha, *crops], (b"auxl", [1])),
            Item(b"hvc1", content, [configuration, size, *crops], (b"thmb", [1])),
        ),
    }


@pytest.mark.parametrize("kind", list(_with_crops()))
def test_grids_copies_and_transparency_are_cropped_too(kind: str) -> None:
    whole = read(_with_crops()[kind]).image
    picture = read(_with_crops(aperture(100, 60))[kind])
    assert (picture.width, picture.height) == (100, 60)
    left, top = (whole.width - 100) // 2, (whole.height - 60) // 2
    assert difference(picture.image, whole.crop((left, top, left + 100, top + 60))) == 0


def test_tiles_with_crops_of_their_own_stay_as_their_decoder_has_them() -> None:
    configuration, size, content = coded(PANDA)
    tile = Item(b"hvc1", content, [configuration, size, aperture(320, 200, down=-7)])
    grid = struct.pack(">BBBBHH", 0, 0, 0, 1, 640, 200)
    whole = box(b"ispe", struct.pack(">III", 0, 640, 200))
    uncropped = read(heic(Item(b"grid", grid, [whole], (b"dimg", [2, 3])), tile, tile)).image
    picture = read(heic(Item(b"grid", grid, [whole, aperture(100, 60)], (b"dimg", [2, 3])), tile, tile)).image
    assert difference(picture, uncropped.crop((270, 70, 370, 130))) == 0


def test_limits_are_those_of_the_picture_before_its_crop() -> None:
    # That is what is decoded.
    with pytest.raises(ImageError, match="320 x 214"):
        read(with_properties(PANDA, aperture(20, 20)), Limits(max_pixels=320 * 214 - 1))


def test_a_crop_of_a_large_heic_is_not_reduced_below_what_is_asked_for() -> None:
    picture = read(with_properties(PANDA, aperture(64, 64)), at_least=(40, 40))
    assert picture.image.size == (64, 64)


def test_an_avif_is_cropped_only_at_its_upper_left_corner_as_chromium_does() -> None:
    whole = read(_avif()).image
    corner = read(_avif(aperture(40, 30, right=-12, down=-9)))
    assert (corner.width, corner.height) == (40, 30)
    assert difference(corner.image, whole.crop((0, 0, 40, 30))) == 0
    for other in (aperture(40, 30), aperture(40, 30, right=-12), aperture(41, 30, right=-12, down=-9)):
        assert difference(read(_avif(other)).image, whole) == 0


def test_a_cropped_avif_is_turned_after_that() -> None:
    whole = read(_avif()).image
    turned = read(_avif(aperture(40, 30, right=-12, down=-9), TURNS[1]))
    assert (turned.width, turned.height) == (30, 40)
    assert difference(turned.image, whole.crop((0, 0, 40, 30)).transpose(Image.Transpose.ROTATE_90)) == 0


def test_the_seed_of_a_phone_keeps_its_size() -> None:
    assert read(seeds()["HEIC"]).image.size == (320, 213)
