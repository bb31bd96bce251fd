"""The commands of docs/train.md for Docker: photos become a model in the container, which is served and trained on."""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path

import pytest

from classifier import ModelPackage
from tests.support.docker import HARDENED, docker, get, ready
from tests.support.photos import ROOT, photo
from tests.support.trained import THINGS, shots

COUNTS = {"animal": 5, "gate": 5, "hammer": 5}


def documented(folder: Path) -> list[list[str]]:
    """What follows `docker run` in the guide, one list for each command, with a folder in the place of `$PWD`."""
    text = (ROOT / "docs/train.md").read_text("utf-8").replace("\\\n", " ")
    user = f"{os.getuid()}:{os.getgid()}"
    lines = re.findall(r"^docker run (.*)$", text.replace("$(id -u):$(id -g)", user), re.M)
    return [[word.replace("$PWD", str(folder)) for word in shlex.split(line)] for line in lines]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with photos in it, and an empty one for the model, as the guide has them."""
    shots(tmp_path / "photos", COUNTS)
    (tmp_path / "out").mkdir()
    return tmp_path


def test_photos_become_a_model_that_is_served_and_to_which_photos_are_added(edge: str, folder: Path) -> None:
    training, serving = documented(folder)
    command = [edge if word == "image-classifier" else word for word in training]
    docker("run", "--network", "none", "--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL", *command)
    package = ModelPackage.load(folder / "out/tools")
    assert package.labels == {"en": tuple(COUNTS)}
    assert (folder / "out/tools/model.toml").stat().st_uid == os.getuid()
    assert [one.name for one in (folder / "out").iterdir()] == ["tools"]

    assert serving.pop() == "image-classifier"
    place = serving.index("-p")
    options = [word for word in serving[:place] + serving[place + 2 :] if word != "--rm"]
    with ready(edge, *HARDENED, *options) as container:
        assert get(container.address, "/api/v1/info").json["model"] == "tools"
        for label, names in THINGS.items():
            predictions = container.classify(photo(names[0]).read_bytes()).json["results"][0]["predictions"]
            assert predictions[0]["label"] == label
        assert "Traceback" not in container.logs()

    shots(folder / "photos", {"animal": 1, "gate": 1, "hammer": 1}, seed=1)
    docker("run", *command, "--add")
    record = ModelPackage.load(folder / "out/tools").manifest.training
    assert record
    assert record.pictures == sum(COUNTS.values()) + len(COUNTS)
