"""What `evaluate` says of sets: counts worked out by hand, class by class, and a promise that is not kept."""

from __future__ import annotations

import datetime
from dataclasses import replace

import numpy as np
import pytest

from classifier import Scores
from classifier.cli import prediction_sets, summary
from classifier.evaluation import html
from classifier.evaluation.coverage import Coverage
from classifier.evaluation.measure import Answer, answer
from classifier.evaluation.result import Evaluation
from classifier.package.manifest import Conformal
from tests.support.evaluations import evaluation, package


def told(truth: int, *members: int) -> Answer:
    """The answer for a picture of a class whose set has these classes; no set without any."""
    scores = np.array([0.4, 0.3, 0.2, 0.1], np.float32)
    own = np.array(members) if members else None
    return answer("x", truth, Scores(scores, np.log(scores), True, set=own))


ANSWERS = [told(0, 0), told(0, 0, 1), told(1, 0), told(1, 0, 1, 2), told(2, 0, 1, 2), told(2)]


def test_sets_are_counted_in_all_and_by_class() -> None:
    found = Coverage(0.9, ANSWERS, 3)
    assert (len(found.given), found.without, found.held) == (5, 1, 4)
    assert (found.share, found.mean_size) == (0.8, 2.0)
    assert found.sizes == {1: 2, 2: 1, 3: 2}
    assert [(one.index, one.pictures, one.held, one.mean_size) for one in found.classes] == [
        (1, 2, 1, 2.0),
        (0, 2, 2, 1.5),
        (2, 1, 1, 3.0),
    ]
    values = found.to_dict(["a", "b", "c", "d"])
    assert set(values) == {
        *("promised", "pictures", "without", "held", "share", "interval", "mean_size", "sizes", "classes", "fitted_on"),
    }
    assert values["classes"][0]["label"] == "b"
    assert values["sizes"][0] == {"size": 1, "pictures": 2}
    assert not found.broken  # of so few pictures nobody can tell


def test_several_right_classes_count_by_the_likeliest() -> None:
    scores = np.array([0.4, 0.3, 0.2, 0.1], np.float32)
    found = answer("x", (1, 3), Scores(scores, np.log(scores), True, set=np.array([0, 1])))
    assert (found.held, found.set_size) == (True, 2)


def test_without_any_set_there_is_no_share() -> None:
    found = Coverage(0.9, [told(2)])
    assert (found.share, found.interval, found.mean_size, found.classes) == (None, None, None, [])
    assert prediction_sets.evaluated(found)[0][1] == "none"


def promising(answers: list[Answer]) -> Evaluation:
    model = package(12)
    about = {"dataset": "held out", "date": datetime.date(2026, 1, 2), "pictures": 50, "hashes": ""}
    conformal = Conformal(coverage=0.9, threshold=0.1, temperature=1.0, view="crop", **about)
    manifest = model.manifest.model_copy(update={"conformal": conformal})
    return replace(evaluation(model, 24), package=replace(model, manifest=manifest), answers=answers)


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_a_broken_promise_is_said_in_summary_and_report(lang: str) -> None:
    found = promising([told(1, 0)] * 20 + [told(0, 0)] * 20)
    assert found.sets is not None
    assert found.sets.broken
    text = "\n".join(summary.evaluation(found, lang))
    assert "20 of 40 hold the right class" in text
    assert "The sets hold the right class less often than promised" in text
    report = html.render(found, [], lang)
    assert {"en": "They hold the right class less often than promised", "zh": "低于承诺"}[lang] in report


def test_a_kept_promise_is_not_doubted() -> None:
    found = promising([told(0, 0)] * 40)
    text = "\n".join(summary.evaluation(found, "en"))
    assert "less often" not in text + html.render(found, [], "en")
    assert "set size" in text


def test_a_report_without_sets_has_no_section_of_them() -> None:
    assert "Do the sets keep" not in html.render(evaluation(package(12), 24), [], "en")
