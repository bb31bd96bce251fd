"""Packages that change while a server runs: what is taken, what is not, and what is said of it."""

from __future__ import annotations

import os
import shutil
import threading
import weakref
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from classifier import Classifier, UnknownModelError
from classifier.errors import AmbiguousModelError
from classifier.machine.memory import MemoryPlan
from classifier.running import Runner
from tests.support.changing import swap, update_volume, write
from tests.support.hostile import encode, gradient
from tests.support.photos import ROOT
from tests.support.served import look, made
from web.models import Models

PICTURE = encode(gradient(), "PNG")


@pytest.fixture(autouse=True)
def _all_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "models"


def started(folder: Path, **settings) -> Models:
    models = made(models=folder, backend="litert", **settings)
    models.start()
    assert models.state == "ready", models.error
    return models


def scores(models: Models, name: str | None = None) -> list[float]:
    return [one.score for one in models.classify(PICTURE, client="api", model=name).predictions]


def states(models: Models) -> dict[str, str]:
    return {name: models.library.state(name) for name in models.packages}


def test_a_changed_package_takes_the_place_of_the_old_one(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    write(folder / "mine", 1)
    models = started(folder, model="mine")
    before, version, old = scores(models), models.package().version, weakref.ref(models.get())
    look(models)
    assert scores(models) == before
    write(folder / "mine", 2)
    look(models)
    assert scores(models) != before
    assert models.package().version != version
    assert models.package().manifest.title == "Edition 2"
    assert old() is None, "the old model stays in memory"
    assert f"the model mine is now version {models.package().version}, in the place of {version}" in caplog.text
    write(folder / "mine", 1)
    look(models)
    assert (scores(models), models.package().version) == (before, version)


@pytest.mark.parametrize("file", ["labels.en.txt", "model.toml", "model.tflite"])
def test_a_change_of_any_file_is_a_new_version(folder: Path, file: str) -> None:
    write(folder / "mine", 1, recorded=False)
    models = started(folder, model="mine")
    before, version = scores(models), models.package().version
    other = write(folder.parent / "other", 2, name="mine", recorded=False)
    text = {"labels.en.txt": b"a\nb\nc\n", "model.toml": b"temperature = 2"}
    content = (folder / "mine" / file).read_bytes()
    changed = {
        "labels.en.txt": b"a\nb\nc\n",
        "model.toml": content.replace(b"temperature = 1", text["model.toml"]),
        "model.tflite": (other / file).read_bytes(),
    }[file]
    assert changed != content
    (folder / "mine" / file).write_bytes(changed)
    look(models)
    assert models.package().version != version
    assert states(models) == {"mine": "loaded"}
    if file == "labels.en.txt":
        assert models.classify(PICTURE, client="api").predictions[0].label in "abc"
    else:
        assert scores(models) != before


def test_files_that_are_only_touched_change_nothing(folder: Path) -> None:
    write(folder / "mine", 1)
    models = started(folder, model="mine")
    loaded = models.get()
    for file in (folder / "mine").iterdir():
        os.utime(file, (1, 1))
    look(models)
    assert models.get() is loaded
    assert states(models) == {"mine": "loaded"}


def test_new_packages_are_offered_and_loaded_and_removed_ones_go(folder: Path) -> None:
    write(folder / "mine", 1)
    models = started(folder, model="mine")
    write(folder / "more", 2)
    look(models)
    assert states(models) == {"mine": "loaded", "more": "loaded"}
    assert scores(models, "more") != scores(models)
    shutil.rmtree(folder / "more")
    look(models)
    assert list(models.packages) == ["mine"]
    with pytest.raises(UnknownModelError, match="no model named 'more'"):
        models.classify(PICTURE, client="api", model="more")
    assert models.library.loaded.find("more") is None


@pytest.mark.parametrize(
    ("break_it", "said"),
    [
        (lambda mine: (mine / "model.tflite").write_bytes(b"no model"), "sha256"),
        (lambda mine: (mine / "model.tflite").unlink(), "model.tflite"),
        (lambda mine: (mine / "model.toml").write_text("format = "), "TOML"),
        (lambda mine: (mine / "model.toml").unlink(), "has gone"),
        (lambda mine: (mine / "labels.en.txt").write_text("one"), "expected 3 labels"),
        (lambda mine: (write(mine, 2, classes=4) / "labels.en.txt").write_text("one"), "expected 4 labels"),
        (shutil.rmtree, "has gone"),
    ],
    ids=["weights", "no weights", "toml", "no toml", "labels", "half of a new one", "all"],
)
def test_what_is_broken_is_reported_and_the_old_one_goes_on(
    folder: Path, caplog: pytest.LogCaptureFixture, break_it: Callable[[Path], object], said: str
) -> None:
    write(folder / "mine", 1)
    models = started(folder, model="mine")
    before, version, loaded = scores(models), models.package().version, models.get()
    break_it(folder / "mine")
    for _ in range(3):
        look(models)
    assert scores(models) == before
    assert models.get() is loaded
    assert models.package().version == version
    assert states(models) == {"mine": "outdated"}
    assert {key: error.code for key, error in models.library.offer.left_out.items()} == {"mine": "bad_package"}
    assert caplog.text.count("a change of the model mine was not taken, it goes on as it was") == 1
    assert said in caplog.text
    write(folder / "mine", 3)
    look(models)
    assert states(models) == {"mine": "loaded"}
    assert models.library.offer.left_out == {}
    assert scores(models) != before


def test_a_broken_new_package_is_left_out_until_it_is_mended(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    write(folder / "mine", 1)
    models = started(folder, model="mine")
    write(folder / "more", 1)
    (folder / "more" / "model.tflite").write_bytes(b"no model")
    look(models)
    assert list(models.packages) == ["mine"]
    assert list(models.library.offer.left_out) == ["more"]
    assert "a model package was left out" in caplog.text
    write(folder / "more", 1)
    look(models)
    assert states(models) == {"mine": "loaded", "more": "loaded"}
    assert models.library.offer.left_out == {}


def test_weights_that_cannot_be_loaded_are_reported_though_nothing_records_their_hash(folder: Path) -> None:
    write(folder / "mine", 1, recorded=False)
    models = started(folder, model="mine")
    before = scores(models)
    data = (folder / "mine" / "model.tflite").read_bytes()
    (folder / "mine" / "model.tflite").write_bytes(data[: len(data) // 2])
    look(models)
    assert (scores(models), states(models)) == (before, {"mine": "outdated"})


def test_a_package_that_is_still_being_written_is_not_taken(folder: Path) -> None:
    write(folder / "mine", 1, recorded=False)
    models = started(folder, model="mine")
    version = models.package().version
    for part in range(1, 6):
        write(folder / "mine", 2, recorded=False, classes=4)
        with (folder / "mine" / "model.tflite").open("r+b") as file:
            file.truncate(100 * part)
        assert models.reloading.look(), "it was taken though it had changed since the last look"
        assert models.package().version == version
        assert not models.library.offer.left_out
    write(folder / "mine", 2, recorded=False, classes=4)
    look(models)
    assert models.package().manifest.output.classes == 4


def test_hidden_folders_are_no_packages(folder: Path) -> None:
    write(folder / "mine", 1)
    models = started(folder)
    write(folder / ".more.part", 2, name="more")
    write(folder / "..2026_11_26", 2, name="more")
    look(models)
    assert list(models.packages) == ["mine"]
    (folder / ".more.part").rename(folder / "more")
    look(models)
    assert list(models.packages) == ["mine", "more"]


def test_a_package_that_changes_while_it_is_loaded_is_loaded_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(folder / "mine", 1)
    models = started(folder, model="mine")
    before = scores(models)
    load, changes = Classifier.load, iter([3])

    def slow(package, **options):
        made = load(package, **options)
        for edition in changes:
            write(folder / "mine", edition)
        return made

    monkeypatch.setattr(Classifier, "load", slow)
    write(folder / "mine", 2)
    models.reloading.look()
    assert models.reloading.look(), "it is said to be at rest"
    assert scores(models) == before
    look(models)
    assert models.package().manifest.title == "Edition 3"
    assert scores(models) != before


@pytest.mark.parametrize("recorded", [True, False])
def test_links_are_followed_to_what_they_lead_to_now(folder: Path, recorded: bool) -> None:
    folder.mkdir()
    swap(folder / "mine", 1, recorded=recorded)
    models = started(folder, model="mine")
    seen = [scores(models)]
    for edition in (2, 3):
        swap(folder / "mine", edition, recorded=recorded)
        look(models)
        seen.append(scores(models))
        assert models.package().manifest.title == f"Edition {edition}"
    assert seen[0] != seen[1] != seen[2]


def test_a_volume_of_kubernetes_is_followed(tmp_path: Path) -> None:
    volume = tmp_path / "volume"
    update_volume(volume, 1)
    for models in (started(tmp_path / "none", model=str(volume)), started(volume), started(tmp_path)):
        before, edition = scores(models), int(models.package().manifest.title.split()[-1])
        update_volume(volume, edition + 1)
        look(models)
        assert models.package().manifest.title == f"Edition {edition + 1}"
        assert scores(models) != before


def test_the_default_model_is_another_one_where_a_start_would_choose_that(folder: Path) -> None:
    write(folder / "mine", 1)
    models = started(folder)
    before = scores(models)
    shutil.rmtree(folder / "mine")
    look(models)
    assert (models.default, scores(models)) == ("mine", before)
    write(folder / "other", 2)
    look(models)
    assert models.default == "other"
    assert list(models.packages) == ["other"]
    assert models.library.offer.left_out == {}
    assert scores(models) != before


def test_a_name_that_a_new_package_has_too_is_nobodys(folder: Path) -> None:
    write(folder / "one", 1, name="mine")
    models = started(folder, model="one")
    assert (models.default, list(models.packages)) == ("mine", ["mine"])
    write(folder / "two", 2, name="mine")
    look(models)
    assert (models.default, list(models.packages)) == ("one", ["one", "two"])
    with pytest.raises(AmbiguousModelError):
        models.resolve("mine")
    shutil.rmtree(folder / "two")
    look(models)
    assert (models.default, list(models.packages)) == ("mine", ["mine"])
    assert models.classify(PICTURE, client="api").model == "mine"


def test_a_folder_that_cannot_be_listed_changes_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    write(folder / "mine", 1)
    write(folder / "more", 1)
    models = started(folder, model="mine")
    listed = os.listdir

    def stale(path="."):
        if Path(path) == folder:
            raise OSError(116, os.strerror(116), str(path))
        return listed(path)

    with monkeypatch.context() as patch:
        patch.setattr(os, "listdir", stale)
        for _ in range(3):
            look(models)
    assert list(models.packages) == ["mine", "more"]
    assert caplog.text.count("the models go on as they are") == 1
    look(models)
    assert list(models.packages) == ["mine", "more"]


def test_a_server_that_could_not_start_does_so_once_its_model_is_there(folder: Path) -> None:
    folder.mkdir()
    models = made(models=folder, backend="litert", model="mine")
    models.start()
    look(models)
    assert models.error is not None
    write(folder / "mine", 1)
    look(models)
    assert models.error is None
    assert scores(models)


def test_what_does_not_fit_beside_the_old_model_is_said(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    write(folder / "mine", 1)
    models = started(folder, model="mine")
    before, size = scores(models), models.library.loaded.memory(models.package())
    models.plan = replace(MemoryPlan.share(100_000_000, max_bytes=1, decoders=1, decoder=1), models=0)
    write(folder / "mine", 2)
    with monkeypatch.context() as patch:
        patch.setattr(models.decoder, "bounds", replace(models.decoder.bounds, memory=size // 2))
        for _ in range(3):
            look(models)
    assert (scores(models), states(models)) == (before, {"mine": "outdated"})
    assert caplog.text.count("MB. Raise the memory limit, or start the server again.") == 1
    assert models.library.offer.left_out["mine"].code == "no_room"
    look(models)  # a decoder that rests meanwhile leaves room enough
    assert states(models) == {"mine": "loaded"}
    assert scores(models) != before


def test_where_memory_is_short_new_models_wait_until_they_are_asked_for(folder: Path) -> None:
    write(folder / "mine", 1)
    models = started(folder, model="mine")
    models.plan = replace(MemoryPlan.share(100_000_000, max_bytes=1, decoders=1, decoder=1), models=0)
    write(folder / "more", 2)
    look(models)
    assert states(models) == {"mine": "loaded", "more": "unloaded"}
    assert scores(models, "more")
    assert states(models) == {"mine": "unloaded", "more": "loaded"}
    # A model that is not loaded is not answered for by the files of another version.
    write(folder / "mine", 3)
    look(models)
    assert scores(models)
    assert models.get().package.manifest.title == "Edition 3"


def test_who_is_being_answered_keeps_the_old_model_and_nobody_else(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(folder / "mine", 1)
    models = started(folder, model="mine")
    before, began, go_on = scores(models), threading.Event(), threading.Event()
    run = Runner.infer

    def slow(self, *given, **options):
        if threading.current_thread().name == "asks before":
            began.set()
            assert go_on.wait(60)
        return run(self, *given, **options)

    monkeypatch.setattr(Runner, "infer", slow)
    found: list[list[float]] = []
    asks = threading.Thread(target=lambda: found.append(scores(models)), name="asks before")
    asks.start()
    assert began.wait(60)
    old = weakref.ref(models.get())
    write(folder / "mine", 2)
    look(models)
    assert scores(models) != before
    assert old() is not None
    go_on.set()
    asks.join(60)
    assert found == [before]
    assert old() is None


def test_the_models_that_come_with_the_project_are_as_they_were_after_a_signal() -> None:
    models = started(ROOT / "model", model="cifar10")
    before = models.get()
    look(models, every=True)
    assert models.get() is before
    assert models.library.offer.left_out == {}
