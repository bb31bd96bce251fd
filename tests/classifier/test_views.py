"""The views: what of a picture decides its scores, and what the answer says of that."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from classifier import Classification, Classifier, Limits, ModelPackage, ParameterError, Workers, findings
from classifier.backends.protocol import Outputs
from classifier.machine.queue import WorkQueue
from classifier.package import InputSpec, OutputSpec
from classifier.postprocessing import probabilities
from classifier.preprocessing import normalise
from classifier.settings import Settings, read_settings
from classifier.views import VIEWS
from tests.support.packages import LITE0
from tests.support.photos import ROOT, golden_photos, mosaic, photo

PANDA = photo("panda.webp")


@pytest.fixture(scope="module")
def model() -> Classifier:
    return Classifier.load(LITE0, settings=Settings(backend="litert"))


@pytest.fixture(scope="module")
def cifar10() -> Classifier:
    return Classifier.load(ROOT / "model/cifar10", settings=Settings(backend="litert"))


def scores(result: Classification) -> list[float]:
    return [one.score for one in sorted(result.predictions, key=lambda one: one.index)]


def every(model: Classifier, source: Any, view: Any) -> np.ndarray[Any, np.dtype[np.float32]]:
    return np.array(scores(model.classify(source, 1000, view=view)), np.float32)


def at_the_end() -> Image.Image:
    """A long strip with the panda at its left end."""
    strip = Image.new("RGB", (1200, 300), "white")
    strip.paste(Image.open(PANDA).convert("RGB").resize((450, 300)), (0, 0))
    return strip


def test_the_crop_is_what_there_is_unless_another_view_is_asked_for(model: Classifier) -> None:
    plain = model.classify(PANDA, 1000)
    assert plain.view == "crop"
    assert plain.predictions == model.classify(PANDA, 1000, view="crop").predictions


def test_the_whole_picture_shows_what_the_crop_cuts_off(model: Classifier) -> None:
    crop, whole, both = (model.classify(at_the_end(), view=view) for view in VIEWS)
    assert (crop.view, whole.view, both.view) == VIEWS
    assert crop.predictions[0].index != 388
    assert whole.predictions[0].index == both.predictions[0].index == 388


def test_the_scores_of_both_are_the_mean(model: Classifier, cifar10: Classifier) -> None:
    for one in (model, cifar10):
        for path in (PANDA, photo("koala.webp"), photo("cat.webp")):
            crop, whole, both = (every(one, path, view) for view in VIEWS)
            assert np.array_equal(both, np.stack([crop, whole]).mean(axis=0, dtype=np.float32))
            assert not np.array_equal(crop, whole)
            assert both.sum() == pytest.approx(1, abs=1e-4)


def test_familiar_is_the_mean_too_and_decides_whether_both_are_sure(cifar10: Classifier) -> None:
    for path in (photo("dog.webp"), photo("koala.webp"), photo("panda.webp")):
        crop, whole, both = (cifar10.classify(path, view=view) for view in VIEWS)
        assert both.familiar == pytest.approx((crop.familiar + whole.familiar) / 2)  # type: ignore[operator]
        best = both.predictions[0].score >= cifar10.package.manifest.output.unsure_below
        assert both.sure == (both.known and best)


@pytest.mark.parametrize("kind", ["blank", "noise"])
def test_noise_and_blank_pages_are_unsure_in_every_view(model: Classifier, kind: str) -> None:
    noise = np.random.default_rng(5).integers(0, 256, (300, 600, 3), np.uint8)
    image = Image.fromarray(noise) if kind == "noise" else Image.new("RGB", (600, 300), "white")
    assert not any(model.classify(image, view=view).sure for view in VIEWS)


def test_the_box_is_in_the_pixels_of_the_upright_original(model: Classifier) -> None:
    stream = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6  # shown turned by 90 degrees
    mosaic(4000, 3000).save(stream, "JPEG", exif=exif)
    crop, whole, both = (model.classify(stream.getvalue(), view=view) for view in VIEWS)
    assert (crop.width, crop.height) == (3000, 4000)
    assert crop.box == (187.5, 687.5, 2812.5, 3312.5)
    assert whole.box == both.box == (0, 0, 3000, 4000)


def test_what_is_in_the_box_alone_decides_the_crop(model: Classifier) -> None:
    with Image.open(photo("red_panda.webp")) as opened:
        image = opened.convert("RGB")
    found = model.classify(image, 1000, view="crop")
    left, top, right, bottom = found.box
    painted = Image.new("RGB", image.size, "red")
    inside = (int(left) - 8, int(top) - 8, int(right) + 9, int(bottom) + 9)
    painted.paste(image.crop(inside), inside[:2])
    assert np.allclose(scores(model.classify(painted, 1000, view="crop")), scores(found), atol=2e-3)
    assert not np.allclose(every(model, painted, "whole"), every(model, image, "whole"), atol=2e-3)


def test_many_and_measured_scores_are_those_of_one(model: Classifier) -> None:
    paths = [one.path for one in golden_photos()[:3]]
    for view in VIEWS:
        alone = [model.classify(path, 1000, view=view) for path in paths]
        many = list(model.classify_many(paths, 1000, view=view))
        assert [one.predictions for one in many] == [one.predictions for one in alone]  # type: ignore[union-attr]
        assert [one.box for one in many] == [one.box for one in alone]  # type: ignore[union-attr]
        measured = list(model.scores_many(paths, view=view))
        for one, expected in zip(measured, alone, strict=True):
            assert np.array_equal(one.scores, np.array(scores(expected), np.float32))  # type: ignore[union-attr]
            # At temperature 1, which this package has, the one follows from the other.
            assert np.allclose(np.exp(one.log_scores), one.scores, atol=1e-5)  # type: ignore[union-attr]


def test_a_worker_process_sees_the_same(model: Classifier) -> None:
    workers = Workers(Limits(), count=1)
    try:
        apart = Classifier.load(LITE0, settings=Settings(backend="litert"), decoder=workers)
        for path in (PANDA, photo("baseball.webp")):
            for view in VIEWS:
                here, there = (one.classify(path.read_bytes(), 1000, view=view) for one in (model, apart))
                assert here.predictions == there.predictions
                assert here.box == there.box
    finally:
        workers.close()


@pytest.mark.parametrize("wrong", ["Crop", "", "full", 1, True, ["crop"]])
def test_another_view_is_refused_with_those_that_there_are(model: Classifier, wrong: Any) -> None:
    calls: list[Callable[[], object]] = [
        lambda: model.classify(PANDA, view=wrong),
        lambda: model.classify_many([PANDA], view=wrong),
        lambda: model.scores_many([PANDA], view=wrong),
    ]
    for call in calls:
        with pytest.raises(ParameterError, match="view must be 'crop', 'whole' or 'both', not") as raised:
            call()
        assert raised.value.details["name"] == "view"


def test_a_setting_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLASSIFIER_VIEW", "whole")
    monkeypatch.setenv("CLASSIFIER_BACKEND", "litert")
    model = Classifier.load(LITE0)
    assert model.classify(PANDA).view == "whole"
    assert [one.view for one in model.classify_many([PANDA])] == ["whole"]  # type: ignore[union-attr]
    assert model.classify(PANDA, view="crop").view == "crop"
    monkeypatch.setenv("CLASSIFIER_VIEW", "all")
    with pytest.raises(ParameterError, match="CLASSIFIER_VIEW=all: Input should be 'crop', 'whole' or 'both'"):
        read_settings()


def test_inputs_of_every_order_hold_both_views() -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (2, 8, 6, 3), np.uint8)
    for spec in (
        InputSpec(size=(8, 6), mean=(1, 2, 3), std=(4, 5, 6), colours="bgr"),
        InputSpec(size=(8, 6), channels_first=True),
        InputSpec(size=(8, 6), channels=1),
        InputSpec(size=(8, 6), channels=1, channel_axis=False),
    ):
        found = normalise(pixels, spec)
        assert found.shape == (2, *spec.shape)
        assert np.array_equal(found, np.concatenate([normalise(one, spec) for one in pixels]))


def test_all_that_a_model_gives_is_the_mean_of_its_views(model: Classifier) -> None:
    queue = WorkQueue(1, 1)

    def inferred(view: Any) -> Any:
        with queue.take() as turn:
            return model.infer(PANDA.read_bytes(), turn, view=view)

    crop, whole, both = map(inferred, VIEWS)
    for name in ("probabilities", "scores", "features"):
        one, other, mean = (getattr(found, name) for found in (crop, whole, both))
        assert np.array_equal(mean, np.stack([one, other]).mean(axis=0, dtype=np.float32))
    # Probabilities are averaged, not what they are made of.
    assert not np.allclose(both.probabilities, probabilities(both.scores, model.package.manifest.output), atol=1e-4)


def test_a_view_that_gives_nan_spoils_the_answer(model: Classifier, monkeypatch: pytest.MonkeyPatch) -> None:
    def half(batch: Any) -> Outputs:
        found = np.zeros((len(batch), 1000), np.float32)
        found[-1, 0] = np.nan
        return Outputs(found, None)

    monkeypatch.setattr(model._backend, "run", half)
    with pytest.raises(Exception, match="NaN"):
        model.classify(PANDA, view="both")


@pytest.mark.parametrize(
    ("output", "scores", "expected"),
    [
        ({"classes": 2, "logits": True, "binary": True}, [[0.0], [np.log(3)]], [0.375, 0.625]),
        ({"classes": 2, "logits": False, "binary": True}, [[0.5], [0.75]], [0.375, 0.625]),
        ({"classes": 2, "logits": True, "multi_label": True}, [[0.0, 0.0], [np.log(3), np.log(9)]], [0.625, 0.7]),
        ({"classes": 2, "logits": False, "multi_label": True}, [[0.5, 1.0], [1.0, 1.0]], [0.75, 1.0]),
        ({"classes": 2, "logits": True, "temperature": 2.0}, [[0.0, 0.0], [0.0, 2 * np.log(3)]], [0.375, 0.625]),
    ],
)
def test_probabilities_of_every_kind_are_averaged(output: dict[str, Any], scores: Any, expected: list[float]) -> None:
    package = ModelPackage.load(LITE0)
    manifest = package.manifest.model_copy(update={"output": OutputSpec(**output)})
    found = findings.chances(replace(package, manifest=manifest), Outputs(np.array(scores, np.float32), None))
    assert found == pytest.approx(expected, abs=1e-6)
