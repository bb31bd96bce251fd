"""Heat maps show what a model goes by: a small part of what `python -m benchmarks.explain` measures."""

from __future__ import annotations

import statistics
from pathlib import Path

import pytest

from benchmarks.explain import Case, collages, faithful, likeness, model, own_shares, right, shuffled
from classifier import Classifier

pytestmark = pytest.mark.slow

PHOTOS = 10


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="module")
def cases(folder: Path) -> list[Case]:
    return right(model("efficientnet-lite0", folder))[:PHOTOS]


@pytest.fixture(scope="module", params=["cam", "occlusion"])
def explained(request: pytest.FixtureRequest, folder: Path) -> Classifier:
    return model("efficientnet-lite0", folder, features=request.param == "cam")


def test_on_collages_most_of_the_map_lies_on_its_own_half(explained: Classifier, cases: list[Case]) -> None:
    shares = [share for one in collages(cases, 224) for share in own_shares(explained, *one)]
    assert sum(share > 0.5 for share in shares) >= 0.9 * len(shares)
    assert statistics.mean(shares) > 0.75


def test_the_order_of_the_map_beats_a_random_one(explained: Classifier, cases: list[Case]) -> None:
    found = [faithful(explained, case, seed) for seed, case in enumerate(cases)]
    own, others = zip(*found, strict=True)
    deletion, insertion = (statistics.mean(each) for each in zip(*own, strict=True))
    random_deletion, random_insertion = (statistics.mean(each) for each in zip(*others, strict=True))
    assert deletion < random_deletion
    assert insertion > random_insertion


def test_the_map_is_another_one_when_the_weights_are_shuffled(
    explained: Classifier, cases: list[Case], folder: Path
) -> None:
    other = shuffled(explained, folder)
    assert statistics.mean(likeness(explained, other, case) for case in cases[:5]) < 0.5
    assert likeness(explained, explained, cases[0]) == pytest.approx(1)
