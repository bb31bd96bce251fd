"""The golden photos: what both models must get right, on both backends, through the whole way of a picture."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from classifier import Classification, Classifier
from classifier.settings import Settings
from tests.support.photos import MODELS, ROOT, golden_photos

Results = list[Classification]


def load(model: str, backend: str) -> Classifier:
    return Classifier.load(ROOT / "model" / model, settings=Settings(backend=backend))


@pytest.fixture(scope="module", params=MODELS)
def both(request: pytest.FixtureRequest) -> tuple[Classifier, Results, Results]:
    """A classifier, and all scores of all photos by LiteRT and by TensorFlow."""
    paths = [photo.path for photo in golden_photos()]
    lite, tensorflow = load(request.param, "litert"), load(request.param, "tensorflow")

    def every(model: Classifier) -> Results:
        return [model.classify(path, top_k=1000) for path in paths]

    return lite, every(lite), every(tensorflow)


def by_index(result: Classification) -> list[float]:
    return [one.score for one in sorted(result.predictions, key=lambda one: one.index)]


def test_there_are_61_photos() -> None:
    assert len(golden_photos()) == 61
    assert len({photo.path.name for photo in golden_photos()}) == 61


def test_keras_and_litert_agree(both: tuple[Classifier, Results, Results]) -> None:
    _, lite, tensorflow = both
    assert {one.backend for one in lite} == {"litert"}
    assert {one.backend for one in tensorflow} == {"tensorflow"}
    pairs = zip(lite, tensorflow, strict=True)
    worst = max(np.abs(np.subtract(by_index(a), by_index(b))).max() for a, b in pairs)
    assert worst < 2e-3


@pytest.mark.parametrize("backend", [1, 2], ids=["litert", "tensorflow"])
def test_accuracy(both: tuple[Classifier, Results, Results], backend: int) -> None:
    top1 = top5 = 0
    for photo, result in zip(golden_photos(), both[backend], strict=True):  # type: ignore[arg-type]
        best = [one.index for one in result.predictions[:5]]
        top1 += best[0] in photo.labels
        top5 += bool(photo.labels & set(best))
    assert top1 / 61 >= 0.78
    assert top5 / 61 >= 0.93


def test_scores_are_probabilities(both: tuple[Classifier, Results, Results]) -> None:
    for result in both[1]:
        scores = [one.score for one in result.predictions]
        assert scores == sorted(scores, reverse=True)
        assert sum(scores) == pytest.approx(1, abs=1e-4)
        assert min(scores) >= 0


def test_few_photos_are_unsure(both: tuple[Classifier, Results, Results]) -> None:
    _, lite, tensorflow = both
    for results in (lite, tensorflow):
        assert sum(not one.sure for one in results) < 61 / 10


def test_noise_and_blank_pages_are_unsure(both: tuple[Classifier, Results, Results]) -> None:
    random = np.random.default_rng(5)
    pictures = [Image.new("RGB", (640, 480), colour) for colour in ("white", "black", "teal")]
    for width, height in [(224, 224), (640, 480), (1600, 1200)]:
        noise = random.integers(0, 256, (height, width, 3), np.uint8)
        pictures += [Image.fromarray(noise), Image.fromarray(noise[..., 0])]
    for picture in pictures:
        for kind in ("PNG", "JPEG"):
            stream = io.BytesIO()
            picture.save(stream, kind)
            assert not both[0].classify(stream.getvalue()).sure
