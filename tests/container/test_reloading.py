"""Models that change in a folder that a container may only read."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.changing import update_volume, write
from tests.support.docker import HARDENED, Container, docker, get, ready
from tests.support.hostile import encode, gradient
from tests.support.waiting import until

PICTURE = encode(gradient(), "PNG")


def listed(container: Container) -> dict[str, Any]:
    return dict(get(container.address, "/api/v1/models").json)


def titles(container: Container) -> dict[str, str]:
    """Each model's title, which tells its edition."""
    return {one["name"]: one["title"] for one in listed(container)["models"]}


def scores(container: Container) -> list[float]:
    answer = container.classify(PICTURE)
    assert answer.status == 200, answer.body
    return [one["score"] for one in answer.json["results"][0]["predictions"]]


def renamed(folder: Path, edition: int) -> None:
    """Changes all files of a package at once, as docs/own-model.md says."""
    write(folder.parent / f".{folder.name}.new", edition, name=folder.name)
    folder.rename(folder.parent / f".{folder.name}.old")
    (folder.parent / f".{folder.name}.new").rename(folder)
    shutil.rmtree(folder.parent / f".{folder.name}.old")


@pytest.mark.parametrize("change", [write, renamed, update_volume])
def test_a_mount_that_may_only_be_read_is_followed(
    edge: str, tmp_path: Path, change: Callable[[Path, int], object]
) -> None:
    models = tmp_path / "models"
    (update_volume if change is update_volume else write)(models / "mine", 1)
    options = ("--volume", f"{models}:/models:ro", "--env", "CLASSIFIER_MODELS=/models", "--env", "CLASSIFIER_RELOAD=1")
    with ready(edge, *HARDENED, *options, "--env", "CLASSIFIER_MODEL=mine") as container:
        before = scores(container)
        change(models / "mine", 2)
        write(models / "more", 7)
        until(lambda: titles(container) == {"mine": "Edition 2", "more": "Edition 7"}, 60)
        after = scores(container)
        assert after != before
        (models / "more/model.tflite").write_bytes(b"no model")
        until(lambda: [one["folder"] for one in listed(container)["left_out"]] == ["more"], 60)
        assert scores(container) == after
        assert "Traceback" not in container.logs()


def test_the_signal_of_the_docs_has_changes_read(edge: str, tmp_path: Path) -> None:
    write(tmp_path / "models/mine", 1)
    options = ("--volume", f"{tmp_path}/models:/models:ro", "--env", "CLASSIFIER_MODELS=/models")
    with ready(edge, *HARDENED, *options, "--env", "CLASSIFIER_RELOAD=0") as container:
        write(tmp_path / "models/mine", 2)
        docker("kill", "-s", "HUP", container.id)
        until(lambda: titles(container) == {"mine": "Edition 2"}, 60)
