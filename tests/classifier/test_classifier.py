"""The public API: sources of every kind, top-k, labels, many pictures at once, many threads at once."""

from __future__ import annotations

import io
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from classifier import (
    BusyError,
    Classification,
    Classifier,
    ImageError,
    ModelPackage,
    PackageError,
    ParameterError,
    Scores,
)
from classifier.backends.protocol import Backend, Outputs
from classifier.machine.queue import WorkQueue
from classifier.postprocessing import softmax
from classifier.settings import Settings
from classifier.sources import Source
from tests.support.photos import ROOT, golden_photos, photo

PANDA = photo("panda.webp")


@pytest.fixture(scope="module")
def model() -> Classifier:
    return Classifier.load(ROOT / "model/efficientnet-lite0", settings=Settings(backend="litert"))


def test_a_photo_is_named(model: Classifier) -> None:
    result = model.classify(PANDA)
    assert result.predictions[0].label == "giant panda"
    assert result.predictions[0].index == 388
    assert result.sure
    assert (result.model, result.backend) == ("efficientnet-lite0", "litert")
    assert len(result.predictions) == 5


def test_every_kind_of_source_gives_the_same_scores(model: Classifier) -> None:
    data = PANDA.read_bytes()
    sources: list[Source] = [str(PANDA), PANDA, data, bytearray(data), memoryview(data), io.BytesIO(data)]
    results = [model.classify(source).predictions for source in sources]
    assert all(one == results[0] for one in results)
    with Image.open(PANDA) as image:
        assert model.classify(image).predictions == results[0]


def test_labels_come_in_the_asked_language(model: Classifier) -> None:
    assert model.classify(PANDA, lang="zh").predictions[0].label == "大熊猫"
    with pytest.raises(ParameterError, match="en, zh"):
        model.classify(PANDA, lang="fr")


def test_top_k(model: Classifier) -> None:
    assert len(model.classify(PANDA, top_k=1).predictions) == 1
    assert len(model.classify(PANDA, top_k=5000).predictions) == 1000
    for wrong in (0, -1):
        with pytest.raises(ParameterError, match="at least 1"):
            model.classify(PANDA, top_k=wrong)
    for odd in (2.5, "3"):
        with pytest.raises(ParameterError, match="a whole number, not"):
            model.classify(PANDA, top_k=odd)  # type: ignore[arg-type]


def test_the_size_is_the_originals(model: Classifier) -> None:
    stream = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 8
    Image.open(PANDA).convert("RGB").resize((3000, 2000)).save(stream, "JPEG", exif=exif)
    result = model.classify(stream.getvalue())
    assert (result.width, result.height, result.format) == (2000, 3000, "JPEG")


def test_timings_add_up(model: Classifier) -> None:
    timings = model.classify(PANDA).timings
    parts = timings.queue + timings.decode + timings.preprocess + timings.inference
    assert 0 < parts <= timings.total
    assert min(timings.decode, timings.preprocess, timings.inference) > 0


def test_errors_of_sources(model: Classifier, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        model.classify(tmp_path / "nothing.jpg")
    with pytest.raises(ImageError):
        model.classify(b"no picture")
    with pytest.raises(ImageError):
        model.classify(b"")


def test_a_file_over_the_limit_is_not_read_whole() -> None:
    class Endless(io.RawIOBase):
        asked = 0

        def read(self, size: int = -1) -> bytes:
            assert 0 < size <= 1001
            self.asked += size
            return b"\xff\xd8\xff" + b"x" * (size - 3)

    small = Classifier.load(ROOT / "model/efficientnet-lite0", settings=Settings(backend="litert", max_bytes=1000))
    with pytest.raises(ImageError, match="too large"):
        small.classify(Endless())  # type: ignore[arg-type]


def test_many_pictures_come_in_order_with_their_errors(model: Classifier) -> None:
    paths = [one.path for one in golden_photos()[:12]]
    sources: list[Source] = [*paths[:5], b"broken", Path("missing.jpg"), *paths[5:]]
    results = list(model.classify_many(sources))
    assert isinstance(results[5], ImageError)
    assert isinstance(results[6], FileNotFoundError)
    fine = [one for one in results if isinstance(one, Classification)]
    assert [one.predictions for one in fine] == [model.classify(p).predictions for p in paths]


def test_many_pictures_are_read_only_a_few_ahead(model: Classifier) -> None:
    taken = 0

    def endless() -> object:
        nonlocal taken
        while True:
            taken += 1
            yield PANDA

    results = model.classify_many(endless())  # type: ignore[arg-type]
    for _ in range(3):
        next(results)
    assert taken < 20
    results.close()  # type: ignore[attr-defined]


def test_wrong_parameters_of_many_are_raised_at_once(model: Classifier) -> None:
    with pytest.raises(ParameterError):
        model.classify_many([], top_k=0)


def test_many_threads_get_the_scores_that_one_gets(model: Classifier) -> None:
    paths = [one.path for one in golden_photos()[:8]] * 3
    alone = [model.classify(path).predictions for path in paths]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda path: model.classify(path).predictions, paths))
    assert together == alone


def test_a_full_queue_refuses_at_once(model: Classifier) -> None:
    queue = WorkQueue(running=1, waiting=1)
    busy = Classifier.load(model.package, settings=model.settings, queue=queue)
    inside, leave = threading.Event(), threading.Event()

    def hold() -> None:
        with queue.take():
            inside.set()
            leave.wait(30)

    holder = threading.Thread(target=hold)
    holder.start()
    inside.wait(30)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(busy.classify, PANDA)
        while queue.waiting == 0:
            assert not waiting.done()
        with pytest.raises(BusyError, match="Try again"):
            busy.classify(PANDA)
        leave.set()
        assert waiting.result(30).timings.queue > 0
    holder.join()
    assert (queue.busy, queue.waiting) == (0, 0)


def test_a_wait_for_the_model_is_no_inference(model: Classifier) -> None:
    queue = WorkQueue(running=1, waiting=1, ahead=1)
    busy = Classifier.load(model.package, settings=model.settings, queue=queue)
    with ThreadPoolExecutor(1) as pool:
        with queue.take() as turn, turn.decoded():
            waiting = pool.submit(busy.classify, PANDA)
            while queue.busy < 2:
                assert not waiting.done()
            threading.Event().wait(1)
        timings = waiting.result(30).timings
    assert 500 < timings.queue < timings.total
    assert timings.inference < 500


def test_a_failed_picture_gives_its_slot_back(model: Classifier) -> None:
    for _ in range(100):
        with pytest.raises(ImageError):
            model.classify(b"\xff\xd8\xffbroken")
    assert model.queue.busy == 0
    assert model.classify(PANDA).predictions[0].index == 388


def test_a_folder_that_is_no_package_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PackageError, match=r"no model\.toml"):
        Classifier.load(tmp_path)


def test_all_scores_of_many_pictures_are_those_of_classify(model: Classifier) -> None:
    paths = [one.path for one in golden_photos()[:3]]
    *found, broken = model.scores_many([*paths, b"no picture"])
    assert isinstance(broken, ImageError)
    for path, scores in zip(paths, found, strict=True):
        result = model.classify(path, top_k=1000)
        assert isinstance(scores, Scores)
        assert [float(scores.scores[one.index]) for one in result.predictions] == pytest.approx(
            [one.score for one in result.predictions], rel=1e-4
        )
        assert scores.sure == result.sure
        assert np.exp(scores.log_scores) == pytest.approx(scores.scores, rel=1e-4)


def test_a_temperature_works_the_same_behind_a_softmax_of_the_models_own(
    model: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    class WithSoftmax:
        """The backend of the model as it would be with a softmax as its last layer."""

        is_remote = False

        def __init__(self, inner: Backend) -> None:
            self.inner, self.name, self.device = inner, inner.name, inner.device

        def check_open(self) -> None:
            """It is."""

        def run(self, batch: NDArray[np.float32]) -> Outputs:
            return Outputs(softmax(self.inner.run(batch).scores[0])[None], None)

    def calibrated(logits: bool) -> ModelPackage:
        changes = {"temperature": 2.5, "logits": logits}
        output = model.package.manifest.output.model_copy(update=changes)
        return replace(model.package, manifest=model.package.manifest.model_copy(update={"output": output}))

    plain = model.classify(PANDA).predictions[0].score
    monkeypatch.setattr(model, "package", calibrated(logits=True))
    expected = model.classify(PANDA, top_k=1000)
    assert expected.predictions[0].score < plain
    for part in (model, model._runner):
        monkeypatch.setattr(part, "package", calibrated(logits=False))
    monkeypatch.setattr(model._runner, "backend", WithSoftmax(model._backend))
    found = model.classify(PANDA, top_k=1000)
    assert [one.score for one in found.predictions] == pytest.approx(
        [one.score for one in expected.predictions], rel=1e-3, abs=1e-7
    )
    assert [one.index for one in found.predictions[:5]] == [one.index for one in expected.predictions[:5]]


def test_results_become_plain_values(model: Classifier) -> None:
    values = model.classify(PANDA, top_k=1).to_dict()
    assert values["predictions"][0]["label"] == "giant panda"
    assert set(values["timings"]) == {"queue", "decode", "preprocess", "inference", "total"}
