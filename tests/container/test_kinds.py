"""Model files of every kind in the images, run as SECURITY.md says: imported, classified with, or refused by name."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest

from tests.support import kinds
from tests.support.docker import HARDENED, docker
from tests.support.kinds import KINDS, PHOTO, Made

_FOLDER = Path("/models")
_PROGRAM = """
import json, os, subprocess, sys

ends = {}
for name, (variables, commands) in json.load(sys.stdin).items():
    for command in commands:
        environment = {**os.environ, **variables}
        end = subprocess.run(["classifier", *command], env=environment, capture_output=True, text=True)
        if end.returncode:
            break
    ends[name] = end.returncode, end.stdout, end.stderr
print(json.dumps(ends))
"""
_LIMITS = ("--memory", "1g", "--memory-swap", "1g", "--cpus", "2", "--network", "none")
Ends = dict[str, tuple[int, str, str]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the files are, for any user to read."""
    folder = tmp_path_factory.mktemp("kinds")
    shutil.copy(PHOTO, folder)
    return folder


@pytest.fixture(scope="module")
def made(folder: Path) -> Mapping[str, Made]:
    """A file of each kind."""
    made = {name: kinds.make(name, folder / name) for name in KINDS}
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    return made


def classified(image: str, folder: Path, made: Mapping[str, Made], names: Iterable[str]) -> Ends:
    """Exit status, standard output and error of `classify` for each kind, all in one container.

    The model is the file itself where that is enough, else a package that is made of it first.
    """
    plan = {}
    for name in names:
        kind, model = KINDS[name], str(_FOLDER / made[name].source.relative_to(folder))
        commands = [["classify", "--json", str(_FOLDER / PHOTO.name)]]
        if not kind.bare:
            package = f"/tmp/{name}"
            commands.insert(0, ["import", model, package, *kind.options])
            model = package
        trust = str(int("--trust" in kind.options))
        plan[name] = {"CLASSIFIER_MODEL": model, "CLASSIFIER_TRUST": trust}, commands
    options = ("--rm", "--interactive", *HARDENED, *_LIMITS, "--volume", f"{folder}:{_FOLDER}:ro")
    command = ("run", *options, "--entrypoint", "python", image, "-c", _PROGRAM)
    ends: Ends = json.loads(docker(*command, data=json.dumps(plan).encode()))
    return ends


def test_the_usual_image_imports_them_all(
    cpu: str, folder: Path, made: Mapping[str, Made], subtests: pytest.Subtests
) -> None:
    for name, end in classified(cpu, folder, made, KINDS).items():
        with subtests.test(name):
            kinds.check(name, made[name], *end)


def test_the_small_image_imports_what_needs_litert_alone(
    edge: str, folder: Path, made: Mapping[str, Made], subtests: pytest.Subtests
) -> None:
    others = {
        "saved_model_of_keras_3": "needs TensorFlow",
        "preprocess_input": "needs TensorFlow",
        "keras_of_2018": "needs TensorFlow",
        "onnx_with_data_beside": "needs ONNX Runtime",
    }
    own = [name for name, kind in KINDS.items() if kind.reader == "litert"]
    for name, (status, out, err) in classified(edge, folder, made, [*own, *others]).items():
        with subtests.test(name):
            if name in own:
                kinds.check(name, made[name], status, out, err)
            else:
                *_, said = kinds.ours(err)
                assert (status, out) == (2, "")
                assert said.startswith(f"classifier: {_FOLDER / made[name].source.relative_to(folder)}: ")
                assert others[name] in said
                assert "the cpu image has it" in said
