"""The page's script with the real model, without a browser."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from functools import cache
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from streamlit.components.v2 import manifest_scanner
from streamlit.testing.v1 import AppTest

from classifier import BusyError, Classification, Prediction, Timings
from classifier.picture.limits import Limits
from tests.support.photos import photo
from web.models import Models, models
from web.page import downloads, gallery
from web.page.bars import bars_html

MAIN = Path(gallery.__file__).parent / "main.py"
CAT = photo("chelsea.png").read_bytes()
CATS = {"tabby cat", "tiger cat", "Egyptian Mau"}


@pytest.fixture(scope="module", autouse=True)
def _installed_components_are_looked_for_once() -> Iterator[None]:
    # Each AppTest otherwise reads the metadata of every installed package, which takes as long as the page itself.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(manifest_scanner, "scan_component_manifests", cache(manifest_scanner.scan_component_manifests))
        yield


def page(language: str = "en", query: dict[str, str] | None = None) -> AppTest:
    test = AppTest.from_file(str(MAIN), default_timeout=60)
    test.context = {"locale": {"en": "en-US", "zh": "zh-CN"}.get(language, language)}
    for name, value in (query or {}).items():
        test.query_params[name] = value
    return test.run()


def upload(test: AppTest, data: bytes, name: str = "picture.png") -> AppTest:
    return test.file_uploader(key="upload").set_value((name, data, "image/png")).run()


def bars(test: AppTest) -> list[tuple[str, str]]:
    """(label, percent) of each bar."""
    html = "".join(element.proto.body for element in test.html)
    found = re.findall(r'class="label">(.*?)</span> <span class="percent">(.*?)</span>', html)
    return [(unescape(label), unescape(value)) for label, value in found]


def words(test: AppTest) -> str:
    return " ".join(element.proto.body for element in test.html)


def png(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The models asked, one entry for each time that a picture is really classified."""
    made: list[str] = []
    classify = Models.classify

    def counted(self: Models, data: bytes, **values: Any) -> Classification:
        made.append(values["model"])
        return classify(self, data, **values)

    monkeypatch.setattr(Models, "classify", counted)
    return made


def test_the_first_visit_invites_and_shows_no_result() -> None:
    test = page()
    assert not test.exception
    assert not test.error
    assert "What is in your picture?" in words(test)
    assert "Up to 20 MB and 50 megapixels" in words(test)
    assert bars(test) == []
    assert len([button for button in test.button if (button.key or "").startswith("sample_")]) >= 8


def test_an_uploaded_cat_is_called_a_cat() -> None:
    test = upload(page(), CAT)
    assert not test.error
    assert len(bars(test)) == 5
    assert bars(test)[0][0] in CATS
    assert not test.warning


@pytest.mark.parametrize("kind", ["noise", "blank"])
def test_what_shows_nothing_is_not_sure(kind: str) -> None:
    noise = np.random.default_rng(7).integers(0, 256, (300, 300, 3), np.uint8)
    image = Image.fromarray(noise) if kind == "noise" else Image.new("RGB", (300, 300), "white")
    test = upload(page(), png(image))
    assert "Not sure" in test.warning[0].value
    assert 'class="bars unsure' in words(test)
    assert "bar best" not in words(test)


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


def test_a_full_queue_says_so_and_trying_again_helps(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise BusyError

    with monkeypatch.context() as patch:
        patch.setattr(Models, "classify", full)
        test = upload(page(), CAT)
        assert "Try again in a moment" in test.error[0].value
    test.button(key="retry").click().run()
    assert not test.error
    assert bars(test)[0][0] in CATS


def test_a_model_that_cannot_be_loaded_is_said_without_a_traceback(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(models(), "state", "failed")
    test = page()
    assert not test.exception
    assert "could not be loaded" in test.error[0].value


def test_whatever_goes_wrong_a_visitor_gets_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("secret")

    monkeypatch.setattr(Models, "classify", broken)
    test = upload(page(), CAT)
    assert not test.exception
    assert "went wrong on our side" in test.error[0].value
    assert "secret" not in test.error[0].value


def test_sliders_change_what_is_shown_without_another_look(calls: list[str]) -> None:
    test = upload(page(), CAT)
    test.slider(key="k").set_value(2).run()
    assert len(bars(test)) == 2
    test.slider(key="k").set_value(10).run()
    assert len(bars(test)) == 10
    test.slider(key="min").set_value(5).run()
    assert 1 <= len(bars(test)) < 10
    assert all(float(value.rstrip("%")) >= 5 for _, value in bars(test))
    assert len(calls) == 1


def test_a_minimum_that_nothing_reaches_is_said() -> None:
    test = upload(page(), CAT)
    test.slider(key="min").set_value(95).run()
    assert bars(test) == []
    assert "No class reaches 95%" in test.info[0].value


def test_another_model_looks_once_and_is_named(calls: list[str]) -> None:
    test = upload(page(), CAT)
    assert "EfficientNet-Lite2" in words(test)
    test.selectbox(key="model").set_value("efficientnet-lite0").run()
    assert "LiteRT · EfficientNet-Lite0" in words(test)
    assert bars(test)[0][0] in CATS
    test.selectbox(key="model").set_value("efficientnet-lite2").run()
    assert calls == ["efficientnet-lite2", "efficientnet-lite0"]


def test_the_chosen_model_says_what_it_knows() -> None:
    test = page()
    assert "which of 1,000 things" in words(test)
    assert "knows 1,000 kinds of things" in words(test)
    test.selectbox(key="model").set_value("cifar10").run()
    assert "airplane, automobile, bird, cat" in words(test)
    assert "knows 10 kinds of things" in words(test)
    test.segmented_control(key="lang").set_value("zh").run()
    assert "飞机、汽车、鸟、猫" in words(test)


def test_the_language_is_switched_both_ways_without_another_look(calls: list[str]) -> None:
    test = upload(page(), CAT)
    english = bars(test)
    test.segmented_control(key="lang").set_value("zh").run()
    assert "图片里是什么" in words(test)
    assert "最有可能" in words(test)
    assert bars(test)[0][0] in {"虎斑猫", "虎猫", "埃及猫"}
    assert [value for _, value in bars(test)] == [value for _, value in english]
    test.segmented_control(key="lang").set_value("en").run()
    assert bars(test) == english
    assert len(calls) == 1


@pytest.mark.parametrize("locale", ["zh-CN", "zh", "zh-Hant-TW"])
def test_a_chinese_browser_gets_chinese(locale: str) -> None:
    assert "图片里是什么" in words(page(locale))


def test_any_other_browser_gets_english() -> None:
    assert "What is in your picture?" in words(page("fr-FR"))


def test_an_error_is_said_in_chinese() -> None:
    test = upload(page("zh"), CAT[:3000])
    assert "文件已损坏或不完整" in test.error[0].value


def test_the_address_sets_language_model_and_number() -> None:
    test = page(query={"lang": "zh", "model": "efficientnet-lite0", "k": "3"})
    upload(test, CAT)
    assert len(bars(test)) == 3
    assert "LiteRT · EfficientNet-Lite0" in words(test)
    assert "最有可能" in words(test)


@pytest.mark.parametrize("query", [{"k": "1000"}, {"k": "x"}, {"model": "../x"}, {"lang": "xx"}])
def test_nonsense_in_the_address_is_passed_over(query: dict[str, str]) -> None:
    test = upload(page(query=query), CAT)
    assert not test.exception
    assert len(bars(test)) == 5


@pytest.mark.parametrize("file", list(gallery.samples()))
def test_every_sample_is_recognised_surely_and_credited(file: str) -> None:
    sample = gallery.samples()[file]
    test = page()
    test.button(key=sample.key).click().run()
    assert not test.error
    assert not test.warning
    labels = models().packages[models().default].labels["en"]
    entries = json.loads((gallery.FOLDER / "manifest.json").read_text("utf-8"))
    right = next(entry["imagenet_labels"] for entry in entries if entry["file"] == file)
    assert bars(test)[0][0] in {labels[index] for index in right}
    assert f"Photo: {sample.author}, {sample.licence}" in words(test)


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


def test_downloads_hold_the_result() -> None:
    test = upload(page(), CAT)
    result = test.session_state["page"].analysis.results[models().default]
    values = json.loads(downloads.to_json(result))
    assert {"predictions", "model", "device", "timings", "width", "height"} <= set(values)
    assert values["predictions"][0]["score"] == result.predictions[0].score
    data = downloads.to_csv(result)
    assert data.startswith(b"\xef\xbb\xbf")
    rows = list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"))))
    assert list(rows[0]) == ["rank", "label", "index", "score"]
    assert rows[0]["label"] == result.predictions[0].label
    assert float(rows[0]["score"]) == pytest.approx(result.predictions[0].score, abs=1e-6)


def made(label: str, score: float = 0.5) -> Classification:
    return Classification(
        (Prediction(label, score, 0),),
        sure=True,
        width=1,
        height=1,
        format="PNG",
        model="m",
        backend="litert",
        device="CPU (1 thread)",
        timings=Timings(0, 0, 0, 0, 0),
    )


@pytest.mark.parametrize("label", ["=1+1", "+1", "-1", "@sum", '=HYPERLINK("x")'])
def test_a_label_is_no_formula_in_a_spreadsheet(label: str) -> None:
    rows = list(csv.reader(io.StringIO(downloads.to_csv(made(label)).decode("utf-8-sig"))))
    assert rows[1][1] == f"'{label}"


def test_a_label_with_markup_stays_text() -> None:
    html = bars_html([Prediction('<img src=x onerror="alert(1)">', 0.5, 0)], sure=True, fresh=False)
    assert "<img" not in html
    assert 'onerror="' not in html


def test_bars_tell_a_screen_reader_name_and_value() -> None:
    html = bars_html([Prediction("red panda", 0.754, 387)], sure=True, fresh=True)
    assert 'role="meter" aria-label="red panda"' in html
    assert 'aria-valuemin="0" aria-valuemax="100" aria-valuenow="75.4" aria-valuetext="75.4%"' in html
