"""Which picture the page shows: the last one picked, from wherever it came."""

from __future__ import annotations

from tests.support.page import CAT, bars, page, upload, words
from tests.support.photos import photo


def test_a_sample_takes_the_place_of_an_upload_and_back() -> None:
    test = upload(page(), CAT)
    test.button(key="sample_coffee").click().run()
    assert bars(test)[0][0] == "espresso"
    upload(test, photo("bison.webp").read_bytes(), "bison.webp")
    assert bars(test)[0][0] == "bison"


def test_a_removed_upload_brings_back_the_first_page() -> None:
    test = upload(page(), CAT)
    test.file_uploader(key="upload").set_value(None).run()
    assert bars(test) == []
    assert "No picture at hand" in words(test)
