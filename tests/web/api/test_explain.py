"""The API's parameter `explain`: heat maps beside the answer, and what of it is refused."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from starlette.testclient import TestClient

from classifier import Classifier
from tests.support.api import DOG, PANDA, classify, problem
from web import models as registry

GIANT_PANDA, KOALA = 388, 105


def explanation(response: Any) -> Any:
    assert response.status_code == 200, response.text
    return response.json()["results"][0]["explanation"]


def test_an_answer_has_the_maps_that_the_library_makes(client: TestClient) -> None:
    model = Classifier.load(registry.models().packages["efficientnet-lite2"])
    for view in ("crop", "whole", "both"):
        found = explanation(classify(client, PANDA, explain=f"{GIANT_PANDA},{KOALA}", view=view))
        expected = model.explain(PANDA, [GIANT_PANDA, KOALA], view=view)
        assert found == {
            "method": "cam",
            "box": list(expected.box),
            "maps": [
                {"index": one.index, "label": one.label, "grid": [list(row) for row in one.grid]}
                for one in expected.maps
            ],
        }


def test_scores_are_the_same_with_and_without(client: TestClient) -> None:
    plain, explained = (classify(client, PANDA, **asked).json()["results"][0] for asked in ({}, {"explain": "top"}))
    assert plain["explanation"] is None
    assert plain["predictions"] == explained["predictions"]


def test_top_stands_for_the_predictions_of_the_answer(client: TestClient) -> None:
    for top_k in (1, 7, 30):
        (result,) = classify(client, PANDA, explain="top", top_k=top_k, lang="zh").json()["results"]
        told = [(one["index"], one["label"]) for one in result["predictions"]]
        assert [(one["index"], one["label"]) for one in result["explanation"]["maps"]] == told[:10]


def test_it_may_stand_in_the_form_or_in_json(client: TestClient) -> None:
    expected = explanation(classify(client, PANDA, explain=GIANT_PANDA))
    form = client.post("/api/v1/classify", files=[("file", ("a.webp", PANDA))], data={"explain": str(GIANT_PANDA)})
    assert explanation(form) == expected
    for value in (GIANT_PANDA, str(GIANT_PANDA)):
        sent = {"image": base64.b64encode(PANDA).decode(), "explain": value}
        assert explanation(client.post("/api/v1/classify", json=sent)) == expected


def test_each_of_several_pictures_has_its_own(client: TestClient) -> None:
    results = classify(client, PANDA, DOG, explain="top", top_k=1).json()["results"]
    assert [one["explanation"]["maps"][0]["index"] for one in results] == [388, 235]


@pytest.mark.parametrize("wrong", ["1000", "388,1000"], ids=["one", "among-others"])
def test_a_class_that_the_model_lacks_is_refused_with_those_there_are(client: TestClient, wrong: str) -> None:
    said = problem(classify(client, PANDA, explain=wrong), 422, "bad_parameter")
    assert said == "explain: there is no class 1000. The classes of efficientnet-lite2 have the indices 0 to 999."


@pytest.mark.parametrize("wrong", ["", "-1", "panda", "1.0", "388,", "TOP", "1" * 5000, "\u0663"], ids=ascii)
def test_what_names_no_class_is_refused(client: TestClient, wrong: str) -> None:
    said = problem(classify(client, PANDA, explain=wrong), 422, "bad_parameter")
    assert said == "explain: Give the index of a class, several with commas between them, or top."


def test_more_classes_than_are_explained_at_a_time_are_refused(client: TestClient) -> None:
    assert len(explanation(classify(client, PANDA, explain=",".join(map(str, range(10)))))["maps"]) == 10
    said = problem(classify(client, PANDA, explain=",".join(map(str, range(11)))), 422, "bad_parameter")
    assert said == "explain: No more than 10 classes are explained at a time."
