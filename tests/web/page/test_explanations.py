"""The heat maps that the page gets, and how far their making is, where it takes its time."""

from __future__ import annotations

import json
from typing import Any

import pytest
from httpx2 import Response

from classifier.errors import EngineUnavailableError
from classifier.explanation import occlusion
from tests.support.page import CAT, OWN, answer, client
from web.models import models
from web.page.explanations import MEDIA_TYPE


def explain(data: bytes = b"", **query: str) -> Response:
    return client().post("/page/explain", params=query, content=data or None, headers=OWN)


def lines(response: Response) -> list[Any]:
    assert response.status_code == 200, response.text
    assert response.headers["content-type"].partition(";")[0] == MEDIA_TYPE
    assert response.text.endswith("\n")
    return [json.loads(line) for line in response.text.splitlines()]


@pytest.fixture
def headless(monkeypatch: pytest.MonkeyPatch) -> None:
    """The default model, of whose head nobody knows: as those are that give no features."""
    client()
    monkeypatch.setitem(vars(models().get()._runner), "_head", None)


def test_maps_of_the_ten_best_classes_come_in_one_line() -> None:
    for view in ("crop", "whole", "both"):
        (found,) = lines(explain(CAT, view=view))
        shown = answer(CAT, view=view)
        assert (found["method"], found["offered"]) == ("cam", shown["offered"])
        assert found["box"] == shown["result"]["box"]
        assert list(found["maps"]) == [str(one["index"]) for one in shown["result"]["predictions"]]
        for grid in found["maps"].values():
            values = [value for row in grid for value in row]
            assert max(values) == 1
            assert all(value == round(value, 3) >= 0 for value in values)


def test_a_sample_is_explained_by_its_name_and_by_the_model_that_is_asked_for() -> None:
    (panda,) = lines(explain(sample="panda", model="efficientnet-lite0"))
    assert next(iter(panda["maps"])) == "388"
    assert len(panda["maps"]["388"]) == 7
    (small,) = lines(explain(CAT, model="cifar10"))
    assert len(small["maps"]) == 10


@pytest.mark.usefixtures("headless")
def test_what_takes_long_tells_its_progress_before_the_maps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(occlusion, "_MOST_SECONDS", 600.0)  # or a busy machine would take fewer steps
    *progress, found = lines(explain(CAT))
    shares = [one["done"] for one in progress]
    assert len(shares) >= 5
    assert shares == sorted(shares)
    assert 0 < shares[0] < shares[-1] < 1
    assert found["method"] == "occlusion"
    assert len(found["maps"]) == 10


@pytest.mark.parametrize(
    ("data", "query", "status", "code"),
    [
        (b"no picture", {}, 415, "unsupported_format"),
        (b"", {}, 400, "empty_file"),
        (CAT, {"model": "no"}, 404, "unknown_model"),
        (CAT, {"view": "no"}, 422, "bad_parameter"),
        (b"", {"sample": "no"}, 422, "bad_parameter"),
    ],
    ids=["no-picture", "empty", "model", "view", "sample"],
)
def test_what_is_refused_is_refused_as_everywhere(data: bytes, query: dict[str, str], status: int, code: str) -> None:
    response = explain(data, **query)
    assert (response.status_code, response.json()["code"]) == (status, code)
    assert set(response.json()["texts"]) >= {"en", "es", "zh"}


def test_another_sites_page_may_not_ask() -> None:
    assert client().post("/page/explain", content=CAT, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403


@pytest.mark.usefixtures("headless")
def test_what_fails_on_its_way_says_so_in_the_last_line(monkeypatch: pytest.MonkeyPatch) -> None:
    model, calls = models().get(), []
    run = model._runner.infer

    def failing(*given: Any, **options: Any) -> Any:
        calls.append(given)
        if len(calls) > 5:
            raise EngineUnavailableError(reason="it has gone")
        return run(*given, **options)

    monkeypatch.setattr(model._runner, "infer", failing)
    *progress, last = lines(explain(CAT))
    assert progress
    assert last["error"]["code"] == "engine_unavailable"
    assert "it has gone" in last["error"]["texts"]["en"]
