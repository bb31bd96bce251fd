"""The models of a server: which there are, that each is loaded once, and what happens when one cannot be."""

from __future__ import annotations

import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from classifier import Classifier, Settings, UnknownModelError
from classifier.errors import NoMemoryError, NotReadyError
from tests.support.hostile import encode, gradient
from tests.support.photos import MODELS, ROOT
from web import models as module
from web.models import Models

LITE0, LITE2 = MODELS


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


def started(**settings) -> Models:
    models = Models(Settings(backend="litert", **settings))
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

    def ask(_: int) -> Classifier:
        gate.wait(10)
        return models.get(LITE0)

    with ThreadPoolExecutor(8) as pool:
        found = set(map(id, pool.map(ask, range(8))))
    assert len(found) == 1
    assert loads == [LITE2, LITE0]


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
    with pytest.raises(NotReadyError, match="could not be loaded"):
        models.get()


def test_before_the_start_nothing_is_ready_but_waiting_helps() -> None:
    models = Models(Settings(backend="litert", model=LITE0))
    with pytest.raises(NotReadyError, match="still loading"):
        models.get()
    assert models.get(wait=True).package.name == LITE0


def test_when_memory_is_short_the_least_used_model_goes_and_the_default_last(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, loads: list[str]
) -> None:
    for name in (LITE0, LITE2, "third"):
        shutil.copytree(ROOT / "model" / (name if name in MODELS else LITE0), tmp_path / name)
    manifest = tmp_path / "third" / "model.toml"
    manifest.write_text(manifest.read_text("utf-8").replace(f'name = "{LITE0}"', 'name = "third"'), "utf-8")
    models = started(models=tmp_path)
    models.get(LITE0)
    left = iter([1_000_000, 10**12])  # enough once one has gone
    monkeypatch.setattr(module, "available_memory", lambda: next(left))
    models.get("third")
    models.get(LITE2)
    assert loads == [LITE2, LITE0, "third"]
    monkeypatch.setattr(module, "available_memory", lambda: 1_000_000)
    models.get(LITE0)
    models.get(LITE2)
    assert loads == [LITE2, LITE0, "third", LITE0, LITE2]


def test_limits_come_down_with_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "available_memory", lambda: 160_000_000)
    monkeypatch.setattr("classifier.picture.sandbox.pool.free_memory", lambda _: 60_000_000)
    models = started(model=LITE0)
    assert models.settings.max_bytes == 10_000_000
    assert 6_000_000 < models.settings.max_pixels < 8_000_000
    small, large = (encode(gradient().resize((size, size)), "PNG", compress_level=1) for size in (2000, 4000))
    assert models.classify(small, client="api").predictions
    with pytest.raises(NoMemoryError, match=r"4000 x 4000 pixels\) takes more memory .* limit is 7.* million"):
        models.classify(large, client="api")
    progressive = encode(gradient().resize((4000, 4000)), "JPEG", progressive=True)
    with pytest.raises(NoMemoryError, match="Scale it down"):
        models.classify(progressive, client="api")
    assert models.classify(encode(gradient().resize((7000, 7000)), "JPEG"), client="api").width == 7000
    models.decoder.close()


def test_with_memory_to_spare_models_stay(monkeypatch: pytest.MonkeyPatch, loads: list[str]) -> None:
    monkeypatch.setattr(module, "available_memory", lambda: 10**12)
    models = started()
    for name in (LITE0, LITE2, LITE0):
        models.get(name)
    assert loads == [LITE2, LITE0]
