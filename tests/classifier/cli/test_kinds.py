"""Model files of every kind through the command: imported, classified with, or refused in a sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import kinds
from tests.support.command import ENVIRONMENT, run
from tests.support.kinds import KINDS, PHOTO

pytestmark = pytest.mark.slow

_LEFT_TO_THE_CONTAINERS = {
    "saved_model_of_keras_2",
    "saved_model_of_keras_3",
    "preprocess_input",
    "teachable_machine_keras",
    "model_in_model_keras",
    "keras_of_2020",
    "keras_1",
    "augmented",
    "operations_of_tensorflow",
    "unknown_layer_exported",
    "onnx_of_integers",
    "class_indices",
    "height_and_width",
    "integers_inside",
    "logits_of_integers",
    "model_in_model_h5",
    "onnx_with_data_beside",
    "teachable_machine_grey",
}
"""Each takes seconds and has its like here; `tests/container/test_kinds.py` tries all."""


def command(*arguments: str | Path, model: Path, trust: bool) -> tuple[int, str, str]:
    """Exit status, standard output and error, with nothing set but the model and whether it is trusted."""
    ours = {"CLASSIFIER_MODEL": str(model), "CLASSIFIER_TRUST": str(int(trust)), "TF_CPP_MIN_LOG_LEVEL": "0"}
    rest = {name: value for name, value in ENVIRONMENT.items() if name != "CLASSIFIER_BACKEND"}
    ended = run(*arguments, env={**rest, **ours})
    return ended.returncode, ended.stdout.decode(), ended.stderr.decode()


@pytest.mark.parametrize("name", sorted(KINDS.keys() - _LEFT_TO_THE_CONTAINERS))
def test_each_kind_is_imported_or_refused_by_name(tmp_path: Path, name: str) -> None:
    """By `CLASSIFIER_MODEL` where that is enough."""
    kind, made = KINDS[name], kinds.make(name, tmp_path)
    source = made.source
    if not kind.bare:
        status, _, err = command("import", source, tmp_path / "package", *kind.options, model=tmp_path, trust=False)
        assert (status, err) == (0, "")
        source = tmp_path / "package"
    end = command("classify", "--json", PHOTO, model=source, trust="--trust" in kind.options)
    kinds.check(name, made, *end)
    assert not kind.refusal or f"classifier: {source}: " in end[2]


def test_what_needs_trust_is_refused_without(tmp_path: Path) -> None:
    made = kinds.make("keras_of_2018", tmp_path)
    for arguments in (("classify", PHOTO), ("import", made.source, tmp_path / "package")):
        status, _, err = command(*arguments, model=made.source, trust=False)
        (said,) = kinds.ours(err)
        assert status == 2
        assert "--trust" in said
        assert "CLASSIFIER_TRUST=1" in said
    assert not (tmp_path / "package").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["labels.txt", "model.h5"]
