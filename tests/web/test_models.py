"""The models of a server: which there are, that each is loaded once, and what happens when one cannot be."""

from __future__ import annotations

import os
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from classifier import Classifier, PackageError, UnknownModelError
from classifier.errors import AmbiguousModelError, BusyError, NoMemoryError
from classifier.machine.memory import MemoryPlan
from tests.support import served
from tests.support.hostile import encode, gradient
from tests.support.photos import MODELS, ROOT, photo
from web import memory
from web.errors import ModelFailedError, NotReadyError
from web.models import Models

LITE0, LITE2 = MODELS
PANDA = photo("panda.webp").read_bytes()


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the models that were loaded, in order."""
    names: list[str] = []
    load = Classifier.load

    def counted(package, **options):
        names.append(package.name)
        return load(package, **options)

    monkeypatch.setattr(Classifier, "load", counted)
    return names


def made(**settings) -> Models:
    return served.made(backend="litert", **settings)


def started(**settings) -> Models:
    models = made(**settings)
    models.start()
    return models


def test_the_default_model_is_loaded_at_the_start_and_others_when_asked_for(loads: list[str]) -> None:
    models = started()
    assert models.state == "ready"
    assert list(models.packages) == ["cifar10", LITE0, LITE2]
    assert loads == [LITE2]
    assert models.get().package.name == LITE2
    assert models.get(LITE0).package.name == LITE0
    assert models.get(LITE0) is models.get(LITE0)
    assert loads == [LITE2, LITE0]


def test_many_who_ask_at_once_load_it_once(loads: list[str]) -> None:
    models = started()
    gate = threading.Barrier(8)

    def ask(number: int) -> str:
        gate.wait(10)
        try:
            return models.classify(PANDA, client="api", model=LITE0, wait=number % 2 == 0).predictions[0].label
        except NotReadyError as error:
            return error.code

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(ask, range(8)))
    assert found[::2] == ["giant panda"] * 4
    assert set(found) <= {"giant panda", "not_ready"}
    assert loads == [LITE2, LITE0]


def test_a_model_being_loaded_holds_up_nobody_who_asks_for_another(monkeypatch: pytest.MonkeyPatch) -> None:
    models = started()
    load, loading, go_on = Classifier.load, threading.Event(), threading.Event()

    def slow(package, **options):
        loading.set()
        assert go_on.wait(60)
        return load(package, **options)

    def ask(model: str) -> str:
        try:
            return models.classify(PANDA, client="api", model=model).predictions[0].label
        except (NotReadyError, BusyError) as error:
            return error.code

    monkeypatch.setattr(Classifier, "load", slow)
    with ThreadPoolExecutor(50) as pool:
        first = pool.submit(ask, LITE0)
        assert loading.wait(60)
        if models.queue.bound - models.settings.queue > 1:  # one CPU is busy with the loading
            others = [pool.submit(ask, LITE0) for _ in range(30)]
            answers = [ask(LITE2) for _ in range(3)]
            assert answers == ["giant panda"] * 3
            assert [one.result(60) for one in others] == ["not_ready"] * 30
        go_on.set()
        assert first.result(60) == "giant panda"
    assert ask(LITE0) == "giant panda"


def test_whoever_waits_for_a_model_that_cannot_be_loaded_hears_why(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    shutil.copytree(ROOT / "model" / LITE0, tmp_path / LITE0)
    shutil.copytree(ROOT / "model" / LITE2, tmp_path / LITE2)
    models = started(models=tmp_path)
    (tmp_path / LITE0 / "model.tflite").write_bytes(b"no model")
    with ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(models.classify, PANDA, client="page", model=LITE0, wait=True) for _ in range(4)]
        for one in asked:
            with pytest.raises(PackageError, match="sha256"):
                one.result(60)


def test_a_picture_that_comes_while_the_model_loads_does_not_fix_how_memory_is_shared(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    free = [230_000_000]
    monkeypatch.setattr(memory, "available_memory", lambda: free[0])
    models, load, loading, go_on = (
        made(model=LITE0),
        Classifier.load,
        threading.Event(),
        threading.Event(),
    )

    def slow(package, **options):
        loading.set()
        assert go_on.wait(60)
        return load(package, **options)

    monkeypatch.setattr(Classifier, "load", slow)
    with ThreadPoolExecutor(2) as pool:
        starting = pool.submit(models.start)
        assert loading.wait(60)
        with pytest.raises(NotReadyError):
            models.classify(PANDA, client="api")
        early = pool.submit(models.thumbnail, PANDA, 100)  # as the page does
        free[0] = 90_000_000  # what the model leaves
        go_on.set()
        starting.result(60)
        assert early.result(60).startswith(b"\xff\xd8")
    assert (models.decoder.count, models.decoder.bounds.memory) == (1, 45_000_000)
    assert models.plan.decoder == 45_000_000
    free[0] = 10**12
    assert models.plan.decoder == 45_000_000  # made once


def test_all_models_share_one_queue() -> None:
    models = started()
    assert models.get(LITE0).queue is models.get(LITE2).queue is models.queue


def test_a_model_elsewhere_can_be_the_default(tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    shutil.copytree(ROOT / "model" / LITE0, mine)
    manifest = mine / "model.toml"
    manifest.write_text(manifest.read_text("utf-8").replace(f'name = "{LITE0}"', 'name = "mine"'), "utf-8")
    models = started(model=str(mine))
    assert models.default == "mine"
    assert list(models.packages) == ["cifar10", LITE0, LITE2, "mine"]


def test_a_path_is_no_name_for_visitors() -> None:
    models = started()
    for name in (str(ROOT / "model" / LITE0), f"../model/{LITE0}", "", " "):
        if name:
            with pytest.raises(UnknownModelError, match="Choose from"):
                models.get(name)


def test_a_broken_package_is_left_out_and_the_others_stand(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "model" / LITE0, tmp_path / LITE0)
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "model.toml").write_text("format = 1\nname = 3\n")
    models = started(models=tmp_path, model=LITE0)
    assert models.state == "ready"
    assert list(models.packages) == [LITE0]


@pytest.mark.parametrize("model", ["nothing", "/nowhere/at/all"])
def test_a_default_model_that_cannot_be_loaded_is_said_and_does_not_raise(model: str) -> None:
    models = started(model=model)
    assert models.state == "failed"
    assert models.error is not None
    with pytest.raises(ModelFailedError, match="could not be loaded"):
        models.get()


def test_before_the_start_nothing_is_ready_but_waiting_helps() -> None:
    models = made(model=LITE0)
    with pytest.raises(NotReadyError, match="still loading"):
        models.get()
    assert models.classify(PANDA, client="page", wait=True).model == LITE0


def test_when_memory_is_short_the_least_used_model_goes_and_the_default_last(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, loads: list[str]
) -> None:
    for name in (LITE0, LITE2, "third"):
        shutil.copytree(ROOT / "model" / (name if name in MODELS else LITE0), tmp_path / name)
    manifest = tmp_path / "third" / "model.toml"
    manifest.write_text(manifest.read_text("utf-8").replace(f'name = "{LITE0}"', 'name = "third"'), "utf-8")
    models = started(models=tmp_path)
    roomy, tight = models.plan, MemoryPlan.share(100_000_000, max_bytes=1, decoders=1, decoder=100_000_000)
    assert tight.models == 0
    models.get(LITE0)
    models.plan = replace(tight, models=40_000_000)  # for one more
    models.get("third")
    models.get(LITE2)
    assert loads == [LITE2, LITE0, "third"]
    models.plan = tight
    models.get(LITE0)
    models.get(LITE2)
    assert loads == [LITE2, LITE0, "third", LITE0, LITE2]
    models.plan = roomy
    models.get(LITE0)
    models.get("third")
    models.get(LITE2)
    assert loads[5:] == [LITE0, "third"]


def test_limits_come_down_with_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "available_memory", lambda: 90_000_000)
    models = started(model=LITE0)
    assert models.limits.max_bytes == 8_000_000
    assert 6_000_000 < models.limits.max_pixels < 8_000_000
    small, large = (encode(gradient().resize((size, size)), "PNG", compress_level=1) for size in (2000, 4000))
    assert models.classify(small, client="api").predictions
    with pytest.raises(NoMemoryError, match=r"4000 x 4000 pixels\) takes more memory .* limit is 7.* million"):
        models.classify(large, client="api")
    progressive = encode(gradient().resize((4000, 4000)), "JPEG", progressive=True)
    with pytest.raises(NoMemoryError, match="Scale it down"):
        models.classify(progressive, client="api")
    assert models.classify(encode(gradient().resize((7000, 7000)), "JPEG"), client="api").width == 7000


def test_with_memory_to_spare_models_stay(monkeypatch: pytest.MonkeyPatch, loads: list[str]) -> None:
    monkeypatch.setattr(memory, "available_memory", lambda: 10**12)
    models = started()
    for name in (LITE0, LITE2, LITE0):
        models.get(name)
    assert loads == [LITE2, LITE0]


def test_copies_for_many_callers_are_loaded_where_memory_is_left_over() -> None:
    models = started(models=ROOT / "model", threads=2)
    package = models.packages[models.default]
    once = models._loaded.memory(package)
    others = MemoryPlan.share(100_000_000, max_bytes=1, decoders=1, decoder=100_000_000)
    for left, copied in ((once // 2, False), (once * 2, True)):
        models.plan = replace(others, models=left)
        assert models._loaded.has_room_for_copies(package) is copied
    models.get()._backend.for_many()
    assert models._loaded.held()[models.default] == 2 * once
    # What the copies hold is not there for another model: it takes their place, and that of the default one.
    models.plan = replace(others, models=once // 2)
    models.get(LITE0)
    assert set(models._loaded.held()) == {LITE0}


def test_packages_of_the_same_name_are_all_there_by_the_names_of_their_folders(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folders = [f"copy-{number:02}" for number in range(50)]
    models = started(models=copies(tmp_path, *folders), model=folders[7])
    assert list(models.packages) == folders
    assert models.default == folders[7]
    assert models.classify(PANDA, client="api", model=folders[3]).model == folders[3]
    assert models.classify(PANDA, client="api").model == folders[7]
    with pytest.raises(AmbiguousModelError, match=f"named '{LITE0}'.*{folders[0]}, {folders[1]}"):
        models.resolve(LITE0)
    assert f"would all be named {LITE0}" in caplog.text


def test_a_package_is_found_by_the_name_of_its_folder_too(tmp_path: Path) -> None:
    models = started(models=copies(tmp_path, "mine"))
    assert list(models.packages) == [LITE0]
    assert models.resolve("mine") == models.resolve(LITE0) == models.default == LITE0


def test_a_default_model_from_elsewhere_keeps_its_name_and_says_whose_it_took(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    there, elsewhere = copies(tmp_path / "there", LITE0, "other"), copies(tmp_path / "elsewhere", "mine")
    models = started(models=there, model=str(elsewhere / "mine"))
    assert models.default == models.resolve("mine") == LITE0
    assert models.packages[LITE0].folder == elsewhere / "mine"
    assert models.packages["other"].folder == there / "other"
    assert f"the model in {there / LITE0} was left out" in caplog.text
    caplog.clear()
    models = started(models=copies(tmp_path / "two", "other"), model=str(elsewhere / "mine"))
    assert list(models.packages) == ["other", LITE0]
    assert "is named other, since the default model has its own name" in caplog.text


def copies(models: Path, *folders: str) -> Path:
    """A folder of packages that all have the same name."""
    for folder in folders:
        shutil.copytree(ROOT / "model" / LITE0, models / folder, copy_function=os.symlink)
    return models
