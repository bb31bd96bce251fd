"""How a model takes pictures of none of its classes: the numbers, checked by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from classifier.evaluation import html, others
from classifier.evaluation.measure import answer
from classifier.evaluation.others import Others
from classifier.result import Scores
from tests.support.evaluations import evaluation, package


def scores(*values: float, familiar: float | None = None, sure: bool = True) -> Scores:
    array = np.array(values, np.float32)
    return Scores(array, np.log(array), sure, familiar)


OWN = [
    answer("right", 0, scores(0.9, 0.1, familiar=0.9)),
    answer("wrong", 0, scores(0.3, 0.7, familiar=0.8)),
    answer("unsure", 1, scores(0.4, 0.6, familiar=0.4, sure=False)),
]
OTHERS = [
    others.answer("panda", scores(0.05, 0.95, familiar=0.1, sure=False)),
    others.answer("crab", scores(0.7, 0.3, familiar=0.8)),
]


def test_the_numbers() -> None:
    found = Others("others", OTHERS, OWN)
    told = found.to_dict()
    assert (told["pictures"], told["sure"], told["sure_share"]) == (2, 1, 0.5)
    assert told["own_right_sure_share"] == 0.5
    assert told["own_sure_accuracy"] == 0.5
    assert told["sure_accuracy"] == pytest.approx(1 / 3)
    # .9 .7 .6 against .95 .7, then .9 .8 .4 against .1 .8, then .81 .56 .24 against .095 .56
    assert told["auroc"]["score"] == pytest.approx((1 + 0.5) / 6)
    assert told["auroc"]["familiar"] == pytest.approx((2 + 1.5 + 1) / 6)
    assert told["auroc"]["both"] == pytest.approx((2 + 1.5 + 1) / 6)
    # right, then wrong and crab, which are equal, then unsure (right), then panda
    assert [point["coverage"] for point in told["curve"]] == [1 / 5, 3 / 5, 4 / 5, 1]
    assert [point["risk"] for point in told["curve"]] == pytest.approx([0, 2 / 3, 2 / 4, 3 / 5])
    assert [one["file"] for one in told["worst"]] == ["crab"]


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_the_report_shows_them(lang: str) -> None:
    model = package(10)
    whole = replace(evaluation(model, 20), others=Others("<others>", OTHERS, OWN))
    text = html.render(whole, [], lang)
    assert "&lt;others&gt;" in text
    assert '<polyline class="curve" points="' in text
    assert "50.0%" in text
    assert ">crab</td>" in text
    assert "polyline" not in html.render(evaluation(model, 20), [], lang)


def test_a_model_that_cannot_tell_is_measured_by_its_scores() -> None:
    own, strange = [answer("a", 0, scores(0.9, 0.1))], [others.answer("b", scores(0.6, 0.4))]
    told = Others("others", strange, own).to_dict()
    assert told["auroc"] == {"score": 1.0, "familiar": None, "both": None}
    assert told["curve"] == [{"coverage": 0.5, "risk": 0.0}, {"coverage": 1.0, "risk": 0.5}]


def test_auroc_agrees_with_its_definition_and_counts_equal_ones_half() -> None:
    random = np.random.default_rng(1)
    own, strange = random.integers(0, 9, 40) / 9, random.integers(0, 7, 30) / 9
    pairs = [(a > b) + (a == b) / 2 for a in own for b in strange]
    assert others.auroc(own, strange) == pytest.approx(np.mean(pairs))


def test_the_curve_has_few_points_however_many_pictures() -> None:
    values = np.linspace(0.51, 0.99, 500)
    own = [answer(str(v), 0, scores(v, 1 - v)) for v in values]
    curve = Others("others", [others.answer("x", scores(0.5, 0.5))], own).curve
    assert len(curve) == others.POINTS
    assert curve[-1] == pytest.approx((1, 1 / 501))
