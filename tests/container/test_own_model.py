"""A model of one's own in a container: the commands of docs/own-model.md, in the images, run as SECURITY.md says."""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path

import pytest

from classifier import ModelPackage
from tests.support.docker import HARDENED, Container, docker, get, ready
from tests.support.imported import LABELS, teachable_zip
from tests.support.onnx_models import network, save
from tests.support.photos import ROOT, photo

PANDA = photo("panda.webp").read_bytes()


def documented(folder: Path) -> list[list[str]]:
    """What follows `docker run` in the guide, one list for each command, with a folder in the place of `$PWD`."""
    text = (ROOT / "docs/own-model.md").read_text("utf-8").replace("\\\n", " ")
    user = f"{os.getuid()}:{os.getgid()}"
    lines = re.findall(r"^docker run (.*)$", text.replace('"$(id -u):$(id -g)"', user), re.M)
    return [[word.replace("$PWD", str(folder)) for word in shlex.split(line)] for line in lines]


def options_of(command: list[str]) -> list[str]:
    """The options of a command that serves; containers here have addresses of their own."""
    assert command.pop() == "image-classifier"
    place = command.index("-p")
    assert command[place + 1].startswith("127.0.0.1:")
    return [word for word in command[:place] + command[place + 2 :] if word != "--rm"]


def check(container: Container, name: str) -> None:
    assert get(container.address, "/api/v1/info").json["model"] == name
    predictions = container.classify(PANDA).json["results"][0]["predictions"]
    assert {one["label"] for one in predictions} == set(LABELS)
    assert sum(one["score"] for one in predictions) == pytest.approx(1, abs=1e-3)
    assert not any(word in container.logs() for word in ("Traceback", "Error"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with Teachable Machine's zip in it."""
    return teachable_zip(tmp_path).parent


def test_teachable_machines_zip_becomes_a_package_that_is_served_as_the_zip_is(edge: str, folder: Path) -> None:
    package, bare, importing, _ = documented(folder)
    docker("run", *[edge if word == "image-classifier" else word for word in importing])
    assert ModelPackage.load(folder / "my-model").labels == {"en": LABELS}
    for command, name in ((package, "my-model"), (bare, "converted-tflite")):
        with ready(edge, *HARDENED, *options_of(command)) as container:
            check(container, name)


def test_the_usual_image_serves_an_exported_onnx_model(cpu: str, folder: Path) -> None:
    save(folder / "export", network())
    *_, exported = documented(folder)
    with ready(cpu, *HARDENED, *options_of(exported)) as container:
        check(container, "export")
        assert get(container.address, "/api/v1/info").json["backend"] == "onnx"


def test_the_usual_image_converts_a_keras_file(cpu: str, folder: Path) -> None:
    import tf_keras

    from tests.support import makers

    makers.small(tf_keras).save(folder / "keras_model.h5")
    file = teachable_zip(folder, keras=(folder / "keras_model.h5").read_bytes())
    options = ("--volume", f"{file}:/models/{file.name}:ro", "--env", f"CLASSIFIER_MODEL=/models/{file.name}")
    with ready(cpu, *HARDENED, *options, "--env", "CLASSIFIER_TRUST=1") as container:
        check(container, "converted-keras")
        assert get(container.address, "/api/v1/info").json["backend"] == "litert"
        assert "float16 weights" in container.logs()
