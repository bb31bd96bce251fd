"""The first load of a model that others made: in a child process, once for each model and version of the library."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from classifier import Classifier, ModelPackage, PackageError, Settings, cli
from classifier.backends import trial
from classifier.machine import child
from tests.support import harmful
from tests.support.imported import place
from tests.support.packages import LITE0
from tests.support.photos import photo
from tests.support.tiny_tflite import Tiny

SETTINGS = Settings(backend="litert", threads=1)


@pytest.fixture
def trials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The folders of the packages that were tried in a child, with an empty cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(trial, "_failed", {})
    monkeypatch.setattr(trial, "_passed", set())
    tried: list[str] = []
    run = child.run

    def counted(module, arguments, **options):
        tried.append(arguments[0])
        return run(module, arguments, **options)

    monkeypatch.setattr(child, "run", counted)
    return tried


def foreign(folder: Path, data: bytes) -> ModelPackage:
    """A package that nobody has tried."""
    return ModelPackage.load(harmful.package(folder, data))


def test_a_model_is_tried_once(tmp_path: Path, trials: list[str]) -> None:
    package = foreign(tmp_path / "one", Tiny(last="none").build())
    Classifier.load(package, settings=SETTINGS)  # a script's own affair
    assert not trials
    for _ in range(2):
        assert Classifier.load(package, settings=SETTINGS, guarded=True).backend == "litert"
    assert trials == [str(package.folder)]
    changed = foreign(tmp_path / "two", Tiny(last="sigmoid").build())
    Classifier.load(changed, settings=SETTINGS, guarded=True)
    assert trials == [str(package.folder), str(changed.folder)]


def test_models_of_ours_and_their_copies_are_not_tried(tmp_path: Path, trials: list[str]) -> None:
    for folder in (LITE0, Path(shutil.copytree(LITE0, tmp_path / "copy"))):
        Classifier.load(folder, settings=SETTINGS, guarded=True)
    assert not trials


def test_what_the_importer_tried_is_not_tried_again(
    tmp_path: Path, trials: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    source = place(tmp_path, Tiny().build())
    assert cli.main(["import", str(source), str(tmp_path / "package")]) == 0
    assert cli.main(["classify", "--model", str(tmp_path / "package"), str(photo("panda.webp"))]) == 0
    assert trials == ["import"]


def test_a_crash_is_one_sentence_and_not_met_twice(tmp_path: Path, trials: list[str]) -> None:
    package = foreign(tmp_path, harmful.crashing())
    for _ in range(2):
        with pytest.raises(PackageError, match=r"model\.tflite: this model cannot be used.*Segmentation fault"):
            Classifier.load(package, settings=SETTINGS, guarded=True)
    assert len(trials) == 1


def test_without_a_cache_each_process_tries_it_once(
    tmp_path: Path, trials: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    package = foreign(tmp_path / "one", Tiny().build())
    for _ in range(2):
        Classifier.load(package, settings=SETTINGS, guarded=True)
    assert len(trials) == 1
    monkeypatch.setattr(trial, "_passed", set())  # as in another process
    Classifier.load(package, settings=SETTINGS, guarded=True)
    assert len(trials) == 2


def test_only_so_many_are_remembered(tmp_path: Path, trials: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest are forgotten, those of other versions of the libraries among them."""
    monkeypatch.setattr(trial, "_MOST_REMEMBERED", 2)
    base = tmp_path / "cache/image-classifier/tried"
    (base / "old").mkdir(parents=True)
    for index, name in enumerate(("first", "second", "third")):
        (base / "old" / name).touch()
        os.utime(base / "old" / name, (index, index))
    trial._remember("new")
    assert sorted(file.name for file in base.glob("*/*")) == ["new", "third"]
    trial._remember("newer")
    assert sorted(file.name for file in base.glob("*/*")) == ["new", "newer"]
    assert not (base / "old").exists()


def test_where_memory_is_short_there_is_no_trial(
    tmp_path: Path, trials: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trial, "available_memory", lambda: 50_000_000)
    Classifier.load(foreign(tmp_path, Tiny().build()), settings=SETTINGS, guarded=True)
    assert not trials


def test_what_fails_in_an_orderly_way_is_reported_by_the_load_itself(tmp_path: Path, trials: list[str]) -> None:
    package = foreign(tmp_path, b"TFL3TFL3 not")
    with pytest.raises(PackageError, match="LiteRT cannot load it"):
        Classifier.load(package, settings=SETTINGS, guarded=True)
    assert len(trials) == 1
