"""What people's scripts give as pictures, and what they may do with a classifier besides."""

from __future__ import annotations

import copy
import io
import multiprocessing
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
import pytest
from PIL import Image

from classifier import Classification, Classifier, ImageError, Limits, ParameterError, Workers
from classifier.errors import BackendError, EmptyImageError
from classifier.settings import Settings
from tests.support.packages import LITE0
from tests.support.photos import ROOT, photo

PANDA = photo("panda.webp")


@pytest.fixture(scope="module")
def model() -> Classifier:
    return Classifier.load(LITE0, settings=Settings(backend="litert"))


@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA"])
def test_an_array_is_the_image_that_it_holds(model: Classifier, mode: str) -> None:
    image = Image.open(PANDA).convert(mode)
    array = np.asarray(image)
    found = model.classify(array)
    assert found.predictions == model.classify(image).predictions
    assert (found.width, found.height, found.format) == (*image.size, "")
    assert (
        model.classify(array[:, ::-1]).predictions == model.classify(np.ascontiguousarray(array[:, ::-1])).predictions
    )
    if mode == "L":
        assert model.classify(array[..., None]).predictions == found.predictions


@pytest.mark.parametrize(
    ("array", "said"),
    [
        (np.zeros((9, 9, 3)), "must be uint8, 0 to 255, not float64. Of values from 0 to 1 make it with (array * 255)"),
        (np.zeros((9, 9, 3), np.uint16), "must be uint8, 0 to 255, not uint16."),
        (np.zeros((9, 9), bool), "must be uint8, 0 to 255, not bool."),
        (np.zeros((3, 90, 90), np.uint8), "not 3 x 90 x 90. The channels come last: array.transpose(1, 2, 0)."),
        (np.zeros((2, 9, 9, 3), np.uint8), "the shape (H, W), (H, W, 3) or (H, W, 4), not 2 x 9 x 9 x 3."),
        (np.zeros(9, np.uint8), "not 9."),
        (np.array(9, np.uint8), "not a single number."),
        (np.array([None, None]), "must be uint8, 0 to 255, not object."),
    ],
)
def test_another_array_says_what_is_wrong(model: Classifier, array: Any, said: str) -> None:
    with pytest.raises(ParameterError) as caught:
        model.classify(array)
    assert said in caught.value.message


@pytest.mark.parametrize("shape", [(0, 0, 3), (0, 9), (9, 0, 4)])
def test_an_array_without_pixels_is_an_empty_picture(model: Classifier, shape: tuple[int, ...]) -> None:
    with pytest.raises(EmptyImageError):
        model.classify(np.zeros(shape, np.uint8))


class Failing(io.RawIOBase):
    def read(self, size: int = -1) -> bytes:
        raise RuntimeError("no connection")


@pytest.mark.parametrize(
    "bad",
    [
        *(None, 5, object(), ["a.jpg"], {"path": "a.jpg"}, "no\0file.jpg", io.StringIO("text"), np.zeros(3), Failing()),
        *(b"", b"no picture", "nowhere.jpg", str(ROOT), Path("nowhere.jpg")),
    ],
    ids=lambda bad: type(bad).__name__,
)
def test_one_bad_item_never_ends_many(model: Classifier, bad: Any) -> None:
    first, found, last = model.classify_many([PANDA, bad, PANDA])
    assert isinstance(first, Classification)
    assert isinstance(last, Classification)
    assert isinstance(found, ParameterError | ImageError | OSError)
    with pytest.raises(type(found)):
        model.classify(bad)
    assert isinstance(next(iter(model.scores_many([bad]))), type(found))


def test_a_closed_file_is_one_bad_item(model: Classifier) -> None:
    with PANDA.open("rb") as file:
        pass
    (found,) = model.classify_many([file])
    assert isinstance(found, ParameterError)
    assert "this one cannot be read: ValueError" in found.message


@pytest.mark.parametrize(
    "give",
    [
        str,
        Path,
        Path.read_bytes,
        lambda path: bytearray(path.read_bytes()),
        lambda path: io.BytesIO(path.read_bytes()),
        Image.open,
        lambda path: np.asarray(Image.open(path).convert("RGB")),
    ],
)
def test_a_single_source_given_to_many_is_one_picture(model: Classifier, give: Callable[[Path], Any]) -> None:
    (found,) = model.classify_many(give(PANDA))
    assert isinstance(found, Classification)
    assert found.predictions[0].label == "giant panda"


def test_a_pipe_that_gives_a_picture_in_parts_is_read_to_its_end(model: Classifier) -> None:
    photograph = photo("rocket.jpg")
    with subprocess.Popen(["cat", str(photograph)], stdout=subprocess.PIPE, bufsize=0) as process:
        assert process.stdout
        found = model.classify(cast("BinaryIO", process.stdout))
    assert found.predictions == model.classify(photograph).predictions
    assert found.notes == ()


@pytest.mark.parametrize("nothing", [None, 5, np.array(5), object()], ids=lambda one: type(one).__name__)
def test_what_is_no_list_of_pictures_says_so(model: Classifier, nothing: Any) -> None:
    with pytest.raises(ParameterError, match="Pictures are a list, or anything to go through, not "):
        model.classify_many(nothing)


@pytest.mark.parametrize("name", ["panda.webp", "coffee.png", "rocket.jpg"])
def test_an_image_may_be_in_a_list_more_than_once(model: Classifier, name: str) -> None:
    """Several threads then load it at once, which Pillow does not expect."""
    expected = model.classify(photo(name)).predictions
    for _ in range(3):
        with Image.open(photo(name)) as image:
            found = list(model.classify_many([image] * 8))
        assert [getattr(one, "predictions", one) for one in found] == [expected] * 8


def test_an_array_of_arrays_is_several_pictures(model: Classifier) -> None:
    pixels = np.asarray(Image.open(PANDA).convert("RGB"))
    found = list(model.classify_many(np.stack([pixels, pixels])))
    assert len(found) == 2
    assert all(isinstance(one, Classification) for one in found)


def test_a_closed_classifier_says_so(model: Classifier) -> None:
    with Classifier.load(LITE0, settings=Settings(backend="litert")) as own:
        expected = own.classify(PANDA).predictions
        assert expected == model.classify(PANDA).predictions
    own.close()
    calls: list[Callable[[], Any]] = [
        lambda: own.classify(PANDA),
        lambda: own.classify_many([PANDA]),
        lambda: own.scores_many([PANDA]),
        lambda: pickle.dumps(own),
    ]
    for call in calls:
        with pytest.raises(BackendError, match=r"This classifier was closed. Load the model again"):
            call()
    with pytest.raises(BackendError, match="closed"), own:
        pass


def test_a_pickled_classifier_gives_the_same_answers(model: Classifier) -> None:
    for again in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
        assert again.classify(PANDA).predictions == model.classify(PANDA).predictions
    workers = Workers(Limits())
    sandboxed = Classifier.load(LITE0, settings=Settings(backend="litert"), decoder=workers)
    with pickle.loads(pickle.dumps(sandboxed)) as again:
        assert isinstance(again.decoder, Workers)
        assert again.decoder is not workers
        assert again.classify(PANDA).predictions == model.classify(PANDA).predictions
        again.decoder.close()
    workers.close()


@pytest.mark.slow
def test_processes_that_were_spawned_take_one(model: Classifier) -> None:
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        (found,) = pool.map(model.classify, [str(PANDA)])
    assert found.predictions == model.classify(PANDA).predictions


def test_litert_says_nothing_that_a_notebook_would_show_and_no_other_words_are_lost() -> None:
    code = (
        "import os, sys; from classifier import Classifier; from classifier.settings import Settings\n"
        "print('before', file=sys.stderr)\n"
        f"model = Classifier.load({str(LITE0)!r}, settings=Settings(backend='litert'))\n"
        f"list(model.classify_many([{str(PANDA)!r}] * 3))\n"
        "os.write(2, b'after\\n')\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert (ended.stdout, ended.stderr) == ("", "before\nafter\n")


SCRIPT = """
import pathlib
import sys

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from classifier import Classification, Classifier, ClassifierError, Limits, Settings, Source, Workers


def best(result: Classification) -> tuple[str, float]:
    return result.predictions[0].label, result.predictions[0].score


def pixels(path: pathlib.Path) -> NDArray[np.uint8]:
    return np.asarray(Image.open(path).convert("RGB"), np.uint8)


settings = Settings(backend="litert", threads=1)
with Classifier.load("model/efficientnet-lite2", settings=settings, decoder=Workers(Limits())) as model:
    paths = [pathlib.Path(name) for name in sys.argv[1:]]
    sources: list[Source] = [*paths, *map(pixels, paths), b"", "cat.jpg", Image.new("L", (9, 9))]
    for path in paths:
        label, score = best(model.classify(path, top_k=3))
        print(f"{label.upper()} {score:.3f}")
    print(best(model.classify(pixels(paths[0]))))
    for result in model.classify_many(sources):
        if isinstance(result, Classification):
            print(result.sure, best(result)[0])
        elif isinstance(result, ClassifierError):
            print(result.code, result.message)
        else:
            print(result.strerror)
    for found in model.scores_many(paths):
        if not isinstance(found, Exception):
            print(float(found.scores.max()), int(found.log_scores.argmax()))
"""


@pytest.mark.slow
def test_a_users_script_passes_a_strict_type_checker(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(SCRIPT)
    (tmp_path / "wrong.py").write_text("from classifier import Classifier\nClassifier.load(5).classify(None).nothing\n")
    assert (ROOT / "classifier/py.typed").exists()
    command = [
        sys.executable,
        "-m",
        "mypy",
        "--strict",
        "--follow-imports=silent",
        "--cache-dir",
        str(tmp_path / "cache"),
    ]
    environment = {"MYPYPATH": str(ROOT), "PATH": ""}
    ended = subprocess.run([*command, "script.py"], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    ended = subprocess.run([*command, "wrong.py"], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert ended.stdout.count("error:") == 3, ended.stdout
