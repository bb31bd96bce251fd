"""The JSON API's routes: pictures in, answers out; and what its parameters may be."""

from __future__ import annotations

import io
from typing import Any

import pytest
from PIL import Image
from starlette.testclient import TestClient

from classifier import Classifier, __version__
from classifier.views import VIEWS
from tests.support.api import DOG, PANDA, classify, problem
from web import models as registry


def test_a_form_with_one_picture(client: TestClient) -> None:
    answer = classify(client, PANDA, top_k=3).json()
    assert answer["model"] == "efficientnet-lite2"
    (result,) = answer["results"]
    assert [set(one) for one in result["predictions"]] == [{"label", "score", "index"}] * 3
    assert result["predictions"][0]["label"] == "giant panda"
    assert (result["width"], result["height"], result["format"]) == (1024, 681, "WEBP")
    assert set(result["timings"]) == {"queue", "decode", "preprocess", "inference", "total"}
    assert result["device"].startswith("CPU")
    assert result["sure"] is True


def test_a_raw_body_gives_the_same(client: TestClient) -> None:
    raw = client.post("/api/v1/classify", content=PANDA, headers={"Content-Type": "image/webp"})
    form = classify(client, PANDA)
    assert raw.json()["results"][0]["predictions"] == form.json()["results"][0]["predictions"]


def test_the_scores_are_those_of_the_library(client: TestClient) -> None:
    expected = Classifier.load(registry.models().packages["efficientnet-lite2"]).classify(PANDA)
    got = classify(client, PANDA).json()["results"][0]["predictions"]
    assert [(one["index"], one["score"]) for one in got] == [(one.index, one.score) for one in expected.predictions]


def test_several_pictures_come_in_order(client: TestClient) -> None:
    results = classify(client, PANDA, DOG, PANDA, top_k=1).json()["results"]
    assert [one["predictions"][0]["index"] for one in results] == [388, 235, 388]


def test_one_bad_picture_among_several_leaves_the_others(client: TestClient) -> None:
    response = classify(client, PANDA, b"no picture", DOG[:2000])
    assert response.status_code == 200
    fine, wrong, broken = response.json()["results"]
    assert fine["predictions"][0]["index"] == 388
    assert (wrong["error"]["status"], wrong["error"]["code"]) == (415, "unsupported_format")
    assert (broken["error"]["status"], broken["error"]["code"]) == (400, "broken_image")


def test_a_jpeg_that_lacks_its_end_is_answered_with_a_note_and_one_that_lacks_more_is_refused(
    client: TestClient,
) -> None:
    file = io.BytesIO()
    Image.open(io.BytesIO(PANDA)).convert("RGB").save(file, "JPEG")
    whole, short = (classify(client, data).json()["results"][0] for data in (file.getvalue(), file.getvalue()[:-2]))
    assert short["predictions"] == whole["predictions"]
    assert whole["notes"] == []
    message = "The file is cut off near its end: 681 of its 681 rows of pixels are there."
    assert short["notes"] == [{"code": "cut_off", "message": message, "details": {"rows": "681", "height": "681"}}]
    detail = problem(classify(client, file.getvalue()[: len(file.getvalue()) // 2]), 400, "cut_off")
    assert detail.startswith("This JPEG file is damaged or incomplete: it is cut off after ")
    assert "of its 681 rows." in detail


def test_a_kind_that_is_not_read_is_named(client: TestClient) -> None:
    file = io.BytesIO()
    Image.open(io.BytesIO(PANDA)).convert("RGB").save(file, "JPEG")
    data = file.getvalue().replace(b"\xff\xc0\0\x11\x08", b"\xff\xc1\0\x11\x0c")
    detail = problem(classify(client, data), 415, "unsupported_kind")
    assert detail == "This kind of picture is not read here: 12-bit JPEG. Save the picture as JPEG or PNG."


def test_a_view_is_chosen_and_said(client: TestClient) -> None:
    model = Classifier.load(registry.models().packages["efficientnet-lite2"])
    for view in VIEWS:
        (result,) = classify(client, PANDA, view=view, top_k=1000).json()["results"]
        expected = model.classify(PANDA, 1000, view=view)
        assert (result["view"], tuple(result["box"])) == (view, expected.box)
        assert [one["score"] for one in result["predictions"]] == [one.score for one in expected.predictions]
    (plain,) = classify(client, PANDA).json()["results"]
    assert (plain["view"], plain["box"]) == ("crop", [208.82, 37.32, 815.18, 643.68])


@pytest.mark.parametrize("wrong", ["all", "", "Crop", "crop,whole"])
def test_another_view_is_refused_with_those_that_there_are(client: TestClient, wrong: str) -> None:
    said = problem(classify(client, PANDA, view=wrong), 422, "bad_parameter")
    assert said == "view: Input should be 'crop', 'whole' or 'both'."


def test_model_and_language(client: TestClient) -> None:
    answer = classify(client, PANDA, model="efficientnet-lite0", lang="zh", top_k=1).json()
    assert answer["model"] == "efficientnet-lite0"
    assert answer["results"][0]["predictions"][0]["label"] == "大熊猫"


def test_not_a_picture(client: TestClient) -> None:
    assert "JPEG" in problem(classify(client, b"hello"), 415, "unsupported_format")
    raw = client.post("/api/v1/classify", content=b"hello")
    problem(raw, 415, "unsupported_format")


def test_a_broken_picture(client: TestClient) -> None:
    assert "damaged" in problem(classify(client, PANDA[:3000]), 400, "broken_image")


def test_too_many_pixels(client: TestClient) -> None:
    stream = io.BytesIO()
    Image.new("1", (10_000, 6_401)).save(stream, "PNG")
    detail = problem(classify(client, stream.getvalue()), 413, "too_many_pixels")
    assert "10000 x 6401" in detail


@pytest.mark.parametrize("params", [{"top_k": 0}, {"top_k": -3}, {"top_k": "many"}, {"lang": "fr"}, {"top_k": 1001}])
def test_bad_parameters(client: TestClient, params: dict[str, Any]) -> None:
    problem(classify(client, PANDA, **params), 422, "unknown_language" if "lang" in params else "bad_parameter")


@pytest.mark.parametrize("name", ["nothing", "../efficientnet-lite0", "/etc", "a/b", "\0"])
def test_an_unknown_model(client: TestClient, name: str) -> None:
    detail = problem(classify(client, PANDA, model=name), 404, "unknown_model")
    assert "efficientnet-lite0, efficientnet-lite2" in detail


def test_models(client: TestClient) -> None:
    models = client.get("/api/v1/models").json()["models"]
    assert [one["name"] for one in models] == ["cifar10", "efficientnet-lite0", "efficientnet-lite2"]
    assert [one["default"] for one in models] == [False, False, True]
    assert models[1]["input_size"] == [224, 224]
    assert models[1]["languages"] == ["en", "zh"]
    assert models[1]["published_top1"] == 0.751


def test_info(client: TestClient) -> None:
    classify(client, PANDA, model="efficientnet-lite0")
    info = client.get("/api/v1/info").json()
    assert info["version"] == __version__
    assert (info["model"], info["backend"]) == ("efficientnet-lite0", "litert")
    assert info["device"].startswith("CPU (")
    assert info["reason"]
    assert info["limits"]["max_bytes"] == 20_000_000
