"""The page with the real model, without a browser: what is shown, chosen, and said when something fails."""

from __future__ import annotations

import re

import numpy as np
import pytest
from PIL import Image

from classifier import BusyError
from classifier.errors import EngineUnavailableError
from tests.support.hostile import encode
from tests.support.page import CAT, CATS, bars, page, upload, words
from tests.support.photos import ROOT, photo
from web.models import Models, models


def test_the_first_visit_invites_and_shows_no_result() -> None:
    test = page()
    assert not test.exception
    assert not test.error
    assert "What is in your picture?" in words(test)
    assert "Up to 20 MB and 64 megapixels" in words(test)
    assert bars(test) == []
    assert len([button for button in test.button if (button.key or "").startswith("sample_")]) >= 8


def test_chinese_numbers_and_lists_are_written_as_chinese_is() -> None:
    test = upload(page(lang="zh"), CAT)
    assert "支持 JPEG、PNG、WEBP、GIF、BMP、TIFF、AVIF、HEIC，单张不超过 20 MB、6400 万像素。" in words(test)
    assert "最像 1000 种事物中的哪一种" in words(test)
    assert "个线程），LiteRT" in words(test)


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
    test = upload(page(), encode(image, "PNG"))
    assert "**Not sure.** What the model sees of this picture is blank" in test.warning[0].value
    assert 'class="bars unsure' in words(test)
    assert "bar best" not in words(test)


@pytest.mark.parametrize(
    ("lang", "said"), [("en", "none of the things that the model knows"), ("zh", "不像模型认识的任何东西")]
)
def test_what_is_none_of_the_things_that_the_model_knows_is_said_so(lang: str, said: str) -> None:
    test = upload(page(model="cifar10", lang=lang), photo("koala.webp").read_bytes())
    assert said in test.warning[0].value
    assert 'class="bars unsure' in words(test)
    assert "bar best" not in words(test)


@pytest.mark.parametrize(("lang", "said"), [("en", "right 99 times in 100: "), ("zh", "100 次中有 99 次正确：")])
def test_a_promise_about_the_classes_stands_below_the_bars(lang: str, said: str) -> None:
    test = upload(page(model="cifar10", lang=lang), (ROOT / "tests/cifar10_photos/dog/shepherd.webp").read_bytes())
    (line,) = re.findall(f"[^<>]*{said}[^<>]*", words(test))
    assert {"en": "dog", "zh": "狗"}[lang] in line
    none = upload(page(model="cifar10", lang=lang), photo("koala.webp").read_bytes())
    assert said not in words(none)


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


def test_an_engine_that_is_away_is_said_before_a_picture_is_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    away = EngineUnavailableError(reason="the connection is refused")
    monkeypatch.setattr(Models, "problem", away)
    test = page()
    assert [one.value for one in test.error] == [away.message]
    assert not test.exception
    test = page(lang="zh")
    assert "引擎目前无法使用" in test.error[0].value


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


def test_the_address_sets_language_model_and_number() -> None:
    test = page(**{"lang": "zh", "model": "efficientnet-lite0", "k": "3"})
    upload(test, CAT)
    assert len(bars(test)) == 3
    assert "LiteRT · EfficientNet-Lite0" in words(test)
    assert "最有可能" in words(test)


def test_the_view_is_chosen_and_said() -> None:
    wide = Image.new("RGB", (1200, 300), "white")
    wide.paste(Image.open(photo("panda.webp")).convert("RGB").resize((450, 300)), (0, 0))
    test = upload(page(), encode(wide, "PNG"))
    hint = "The model saw only the middle, 20% of the picture."
    assert hint in words(test)
    assert "giant panda" not in [label for label, _ in bars(test)[:1]]
    test.segmented_control(key="view").set_value("whole").run()
    assert bars(test)[0][0] == "giant panda"
    assert hint not in words(test)
    assert "<dt>The model sees</dt><dd>the whole picture</dd>" in words(test)
    assert test.query_params["view"] in ("whole", ["whole"])
    test.segmented_control(key="view").set_value("both").run()
    assert "the middle and the whole picture" in words(test)
    test.segmented_control(key="view").set_value("crop").run()
    assert hint in words(test)


def test_the_address_and_the_settings_choose_the_view(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "整张图片" in words(upload(page(view="whole", lang="zh"), CAT))
    changed = models().settings.model_copy(update={"view": "both"})
    monkeypatch.setattr(models(), "settings", changed)
    assert "the middle and the whole picture" in words(upload(page(), CAT))
    assert "the middle, " in words(upload(page(view="crop"), CAT))


@pytest.mark.parametrize(
    "query",
    [
        {"k": "1000"},
        {"k": "x"},
        {"k": "9" * 5000},
        {"k": "0"},
        {"min": "96"},
        {"model": "../x"},
        {"lang": "xx"},
        {"view": "x"},
    ],
    ids=lambda query: str(query)[:20],
)
def test_nonsense_in_the_address_is_passed_over(query: dict[str, str]) -> None:
    test = upload(page(**query), CAT)
    assert not test.exception
    assert not test.error
    assert len(bars(test)) == 5
