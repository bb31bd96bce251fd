"""AVIF and HEIC: upright, told apart by their brands, and never a crash of their decoder."""

from __future__ import annotations

import pi_heif
import pytest
from PIL import AvifImagePlugin

from classifier.errors import BrokenImageError
from classifier.picture.decode import read
from classifier.picture.formats import TABLE
from tests.support.drawn import difference
from tests.support.hostile import seeds
from tests.support.photos import ROOT

FILES = ROOT / "tests/files"


def test_heic_is_read() -> None:
    picture = read((FILES / "panda.heic").read_bytes())
    assert (picture.format, picture.width, picture.height) == ("HEIC", 320, 213)


def test_a_turned_heic_of_a_phone_comes_out_upright() -> None:
    turned = read((FILES / "panda_turned.heic").read_bytes())
    assert (turned.width, turned.height) == (320, 213)
    assert difference(turned.image, read((FILES / "panda.heic").read_bytes()).image) < 4


@pytest.mark.parametrize("kind", [b"\xffxif", b"Exi\x80", b"\x80\0\0\0"])
def test_heic_metadata_whose_type_is_not_text_is_refused(kind: bytes) -> None:
    # pi_heif 1.4 would end the process.
    data = seeds()["HEIC"].replace(b"Exif\0", kind + b"\0", 1)
    with pytest.raises(BrokenImageError, match="damaged"):
        read(data)


def test_an_avif_that_names_the_brands_of_heic_too_is_avif() -> None:
    data = seeds()["AVIF"]
    assert b"mif1" in data[16 : int.from_bytes(data[:4], "big")]
    assert read(data).format == "AVIF"


@pytest.mark.parametrize("name", ["AVIF", "HEIC"])
def test_their_decoders_start_as_many_threads_as_they_are_told(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pi_heif.options, "DECODE_THREADS", 4)
    monkeypatch.setattr(AvifImagePlugin, "DEFAULT_MAX_THREADS", 4)
    TABLE[name].use_threads(1)
    told = {"AVIF": AvifImagePlugin.DEFAULT_MAX_THREADS, "HEIC": pi_heif.options.DECODE_THREADS}
    assert told == {"AVIF": 4, "HEIC": 4} | {name: 1}
