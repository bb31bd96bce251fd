"""The visitor's picture: refused with a sentence, looked at once, shown upright, without a browser."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from classifier.picture.limits import Limits
from tests.support.page import CAT, CATS, bars, page, upload
from tests.support.raws import LARGE, jpeg, nef
from web.models import models


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (CAT[:3000], "damaged or incomplete"),
        (b"no picture at all", "not a picture in a supported format"),
        (b"", "not a picture in a supported format"),
    ],
)
def test_a_bad_file_gets_a_message_and_the_page_goes_on(data: bytes, message: str) -> None:
    test = upload(page(), data)
    assert not test.exception
    assert message in test.error[0].value
    assert bars(test) == []
    upload(test, CAT)
    assert not test.error
    assert bars(test)[0][0] in CATS


@pytest.mark.parametrize(("language", "said"), [("en", "camera&#x27;s raw file (NEF)"), ("zh-CN", "RAW 文件（NEF）")])
def test_a_camera_s_raw_file_is_answered_with_a_note_among_the_details(language: str, said: str) -> None:
    test = upload(page(language), nef(jpeg(LARGE)), "cat.tif")
    assert not test.error
    assert bars(test)
    (details,) = [one.value for one in test.html if "details" in one.value and "<dt>" in one.value]
    assert said in details
    assert "1024 x 680" in details


@pytest.mark.parametrize(("language", "said"), [("en", "300 of its 300 rows"), ("zh-CN", "300 行像素中有")])
def test_a_file_that_is_cut_off_is_answered_with_a_note_among_the_details(language: str, said: str) -> None:
    file = io.BytesIO()
    Image.open(io.BytesIO(CAT)).convert("RGB").save(file, "JPEG")
    test = upload(page(language), file.getvalue()[:-2], "cat.jpg")
    assert not test.error
    assert bars(test)
    (details,) = [one.value for one in test.html if "details" in one.value and "<dt>" in one.value]
    assert said in details


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        (Limits(max_bytes=1000), "too large: the limit is 0.001 MB"),
        (Limits(max_pixels=1_000), "the limit is 0.001 million pixels"),
    ],
)
def test_a_picture_over_a_limit_gets_a_message(monkeypatch: pytest.MonkeyPatch, limits: Limits, message: str) -> None:
    models().start()
    monkeypatch.setattr(models().decoder, "limits", limits)
    test = upload(page(), CAT)
    assert message in test.error[0].value


def test_a_bad_picture_is_looked_at_once(calls: list[str]) -> None:
    test = upload(page(), CAT[:3000])
    test.slider(key="k").set_value(3).run()
    assert test.error
    assert len(calls) == 1


def test_the_picture_is_shown_upright_and_has_a_text_for_those_who_cannot_see_it() -> None:
    file = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees
    Image.new("RGB", (3000, 1000), "green").save(file, "JPEG", exif=exif)
    test = upload(page(), file.getvalue(), "turned.jpg")
    known = test.session_state["page"].analysis
    thumbnail = Image.open(io.BytesIO(known.thumbnail))
    assert thumbnail.width < thumbnail.height <= 1120
    assert "turned.jpg" in str(test.get("image")[0].proto)
