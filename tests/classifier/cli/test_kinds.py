"""Model files of every kind through the command: imported, classified with, or refused in a sentence."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from tests.support import kinds
from tests.support.command import ENVIRONMENT, run
from tests.support.kinds import KINDS, PHOTO, Made

pytestmark = pytest.mark.slow

_LEFT_TO_THE_CONTAINERS = {
    "saved_model_of_keras_2",
    "model_in_model_keras",
    "keras_of_2020",
    "keras_1",
    "augmented",
    "operations_of_tensorflow",
    "unknown_layer_exported",
    "onnx_of_integers",
}
"""Each takes seconds, has its like here, and a test of its own in `tests/classifier/importing`."""


def command(*arguments: str | Path, model: Path, trust: bool) -> subprocess.CompletedProcess[bytes]:
    """The command as its user runs it, with nothing set but the model and whether it is trusted."""
    ours = {"CLASSIFIER_MODEL": str(model), "CLASSIFIER_TRUST": str(int(trust)), "TF_CPP_MIN_LOG_LEVEL": "0"}
    rest = {name: value for name, value in ENVIRONMENT.items() if name != "CLASSIFIER_BACKEND"}
    return run(*arguments, env={**rest, **ours})


def lines(stderr: bytes) -> list[str]:
    """What was said, all of it ours: neither a library's lines nor the frames of an error."""
    said = stderr.decode().splitlines()
    ours = ("found", "input", "values", "output", "labels", "tried", "converted", "written", "classifier:")
    assert [line for line in said if not line.startswith(ours)] == []
    return said


def classified(name: str, made: Made, folder: Path) -> None:
    """Imports it, by `CLASSIFIER_MODEL` where that is enough, and holds the scores to the true ones."""
    kind = KINDS[name]
    trust = "--trust" in kind.options
    source = made.source
    if not kind.bare:
        imported = command("import", source, folder / "package", *kind.options, model=folder, trust=False)
        assert (imported.returncode, lines(imported.stderr)) == (0, [])
        source = folder / "package"
    answered = command("classify", "--json", PHOTO, model=source, trust=trust)
    said = lines(answered.stderr)
    assert answered.returncode == 0, said
    assert bool(said) == kind.bare
    kinds.check(name, made, json.loads(answered.stdout))


@pytest.mark.parametrize("name", sorted(KINDS.keys() - _LEFT_TO_THE_CONTAINERS))
def test_each_kind_is_imported_or_refused_by_name(tmp_path: Path, name: str) -> None:
    made = kinds.make(name, tmp_path)
    if not KINDS[name].refusal:
        return classified(name, made, tmp_path)
    refused = command("classify", "--json", PHOTO, model=made.source, trust="--trust" in KINDS[name].options)
    *_, said = lines(refused.stderr)
    assert (refused.returncode, refused.stdout) == (2, b"")
    assert re.search(KINDS[name].refusal, said)
    assert said.startswith(f"classifier: {made.source}: ")


def test_what_needs_trust_is_refused_without(tmp_path: Path) -> None:
    made = kinds.make("keras_of_2018", tmp_path)
    for arguments in (("classify", PHOTO), ("import", made.source, tmp_path / "package")):
        refused = command(*arguments, model=made.source, trust=False)
        (said,) = lines(refused.stderr)
        assert refused.returncode == 2
        assert "--trust" in said
        assert "CLASSIFIER_TRUST=1" in said
    assert not (tmp_path / "package").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["labels.txt", "model.h5"]
