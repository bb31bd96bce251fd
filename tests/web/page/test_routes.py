"""What the page's scripts get for a picture: the API's own result, and words for it in every language."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient

from classifier import Classification
from classifier.errors import BusyError
from classifier.machine.cancellation import Cancellation
from classifier.machine.queue import WorkQueue
from classifier.machine.slots import Place
from tests.support.hostile import encode
from tests.support.page import CAT, CATS, OWN, answer, classify, client, labels
from tests.support.photos import photo
from web.loaded import ModelChangedError
from web.models import Models, models
from web.page.gallery import samples
from web.page.offer import offer

PANDA = photo("panda.webp").read_bytes()


def test_scores_are_bit_for_bit_those_of_the_api(client: TestClient) -> None:
    for view in ("crop", "whole", "both"):
        asked = {"top_k": "10", "view": view}
        api = client.post("/api/v1/classify", params=asked, content=CAT, headers={"Content-Type": "image/png"})
        ours, theirs = answer(CAT, view=view)["result"], api.json()["results"][0]
        for result in (ours, theirs):
            del result["timings"]
        assert ours == theirs


def test_labels_and_facts_come_in_every_language() -> None:
    found = answer(CAT)
    assert labels(found)[0] in CATS
    assert labels(found, "zh")[0] not in CATS
    assert found["words"]["zh"]["lang"] == "zh-CN"
    assert "LiteRT · EfficientNet-Lite2" in found["words"]["en"]["took"]
    assert "个线程），LiteRT" in found["words"]["zh"]["took"]
    assert dict(found["words"]["en"]["details"])["Picture"] == "451 × 300 pixels, PNG"
    assert len(found["percents"]) == len(found["result"]["predictions"]) == 10
    assert found["percents"][0].endswith("%")


def test_a_set_is_put_into_words_where_the_model_promises_one() -> None:
    found = answer(photo("cat.webp").read_bytes(), model="cifar10")
    assert found["words"]["en"]["promise"] == "One of these, right 99 times in 100: cat, dog."
    assert found["words"]["zh"]["set"] == ["猫", "狗"]
    assert answer(CAT)["words"]["en"]["promise"] == ""


def test_an_answer_tells_whether_the_page_knows_of_other_models(monkeypatch: pytest.MonkeyPatch) -> None:
    known = client().get("/page/offer", headers=OWN).json()
    assert known == json.loads(json.dumps(offer()))
    assert answer(CAT)["offered"] == known["version"]
    monkeypatch.setattr(models().library, "offer", replace(models().library.offer, default="cifar10"))
    assert answer(CAT)["offered"] != known["version"]


def test_a_picture_whose_model_changes_meanwhile_is_answered_by_the_new_one(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, classify = [], Models.classify

    def changing(self: Models, *given: Any, **options: Any) -> Classification:
        asked.append(options["model"])
        if len(asked) == 1:
            raise ModelChangedError
        return classify(self, *given, **options)

    monkeypatch.setattr(Models, "classify", changing)
    assert labels(answer(CAT))[0] in CATS
    assert len(asked) == 2


@pytest.mark.parametrize("kind", ["noise", "blank"])
def test_what_shows_nothing_is_not_sure(kind: str) -> None:
    noise = np.random.default_rng(7).integers(0, 256, (300, 300, 3), np.uint8)
    image = Image.fromarray(noise) if kind == "noise" else Image.new("RGB", (300, 300), "white")
    assert answer(encode(image, "PNG"))["doubt"] == "unstructured"


def test_what_is_none_of_the_things_that_the_model_knows_is_said_so() -> None:
    assert answer(photo("koala.webp").read_bytes(), model="cifar10")["doubt"] == "unknown"
    assert answer(CAT)["doubt"] is None


def test_what_the_crop_hides_is_told() -> None:
    wide = Image.new("RGB", (1200, 300), "white")
    wide.paste(Image.open(photo("panda.webp")).convert("RGB").resize((450, 300)), (0, 0))
    data = encode(wide, "PNG")
    crop, whole = answer(data), answer(data, view="whole")
    assert (crop["hides"], whole["hides"]) == (True, False)
    assert crop["words"]["en"]["hidden"].startswith("The model saw only the middle, 20% of the picture.")
    assert labels(whole)[0] == "giant panda"
    assert dict(whole["words"]["en"]["details"])["The model sees"] == "the whole picture"


def test_the_setting_chooses_the_view_of_who_asks_for_none(monkeypatch: pytest.MonkeyPatch) -> None:
    changed = models().settings.model_copy(update={"view": "both"})
    monkeypatch.setattr(models(), "settings", changed)
    assert answer(CAT)["result"]["view"] == "both"
    assert answer(CAT, view="crop")["result"]["view"] == "crop"


@pytest.mark.parametrize("sample", [sample.name for sample in samples().values()])
def test_a_sample_is_asked_for_by_its_name(sample: str) -> None:
    found = next(one for one in samples().values() if one.name == sample)
    assert answer(sample=sample)["result"]["predictions"] == answer(found.read())["result"]["predictions"]


@pytest.mark.parametrize("query", [{"sample": "../x"}, {"view": "x"}])
def test_what_there_is_not_is_refused(query: dict[str, str]) -> None:
    got = classify(CAT, query)
    assert (got.status_code, got.json()["code"]) == (422, "bad_parameter")


def test_an_unknown_model_is_named_in_every_language() -> None:
    got = classify(CAT, {"model": "x"})
    assert (got.status_code, got.json()["code"]) == (404, "unknown_model")
    assert set(got.json()["texts"]) >= {"en", "zh"}


@pytest.mark.parametrize(
    ("data", "status", "code"),
    [(b"text", 415, "unsupported_format"), (PANDA[:999], 400, "broken_image"), (b"", 400, "empty_file")],
)
def test_a_bad_picture_is_refused_as_by_the_api(data: bytes, status: int, code: str) -> None:
    for path in ("classify", "preview"):
        got = client_of(path, data)
        assert (got.status_code, got.json()["code"]) == (status, code)


def client_of(path: str, data: bytes):
    return client().post(f"/page/{path}", content=data, headers=OWN)


def test_a_body_over_the_limit_is_refused_before_it_is_read() -> None:
    got = classify(headers={**OWN, "Content-Length": "21000000"})
    assert (got.status_code, got.json()["code"]) == (413, "request_too_large")
    assert got.json()["texts"]["en"] == got.json()["detail"]


def test_a_full_queue_says_when_to_try_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise BusyError

    monkeypatch.setattr(Models, "classify", full)
    got = classify(CAT)
    assert got.status_code == 503
    assert got.headers["retry-after"] == str(BusyError.retry_after)


def test_what_a_visitor_does_at_the_same_time_takes_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    ask = WorkQueue.ask

    def noted(self: WorkQueue, client: str, cancellation: Cancellation, kind: str) -> Place:
        asked.append(kind)
        return ask(self, client, cancellation, kind)

    monkeypatch.setattr(WorkQueue, "ask", noted)
    answer(CAT)
    for part in ("many", "live", "anything else"):
        answer(CAT, part=part)
    assert len(set(asked[:3])) == 3
    assert asked[3] == asked[0]


def test_what_goes_wrong_here_is_told_without_its_words(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("secret")

    monkeypatch.setattr(Models, "classify", broken)
    got = classify(CAT)
    assert got.status_code == 500
    assert "went wrong on our side" in got.json()["texts"]["en"]
    assert "secret" not in got.text


def test_a_preview_is_a_small_upright_jpeg() -> None:
    file = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (3000, 1500)).save(file, "TIFF", exif=exif)
    got = client_of("preview", file.getvalue())
    assert got.headers["content-type"] == "image/jpeg"
    image = Image.open(io.BytesIO(got.content))
    assert max(image.size) == 1120
    assert image.height > image.width


@pytest.mark.parametrize("headers", [{}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}])
def test_only_the_page_itself_may_ask(headers: dict[str, str]) -> None:
    for path in ("classify?sample=koala", "preview"):
        got = client().post(f"/page/{path}", content=CAT, headers=headers)
        assert (got.status_code, got.json()["code"]) == (403, "other_site")


def test_pictures_are_counted_as_the_pages() -> None:
    def count() -> float:
        from prometheus_client import REGISTRY

        labels = {"client": "page", "model": "efficientnet-lite2", "outcome": "ok"}
        return REGISTRY.get_sample_value("classifier_pictures_total", labels) or 0.0

    before = count()
    answer(CAT)
    assert count() == before + 1
