"""The kinds of model files that people bring: how each is imported, and what must come of it.

`kind_files` makes them, with the tools of those people, and computes the true scores without this project.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest

from tests.support.photos import photo

PHOTO = photo("panda.webp")
TRUST = ("--trust",)


@dataclass(frozen=True)
class Kind:
    """A kind of model file.

    Attributes:
        options: those of `classifier import` without which it is refused, or misunderstood.
        reader: what reads it.
        within: by how much a score may differ from the true one.
        refusal: what is said of it, as a regular expression, if it cannot be imported; it may be rightly so.
    """

    options: tuple[str, ...] = ()
    reader: Literal["litert", "tensorflow", "onnx"] = "litert"
    within: float = 0.01
    refusal: str = ""

    @property
    def bare(self) -> bool:
        """Whether `CLASSIFIER_MODEL` can name the file itself: trust is all that can be said there."""
        return self.options in ((), TRUST)


@dataclass(frozen=True)
class Made:
    """A model file that was made.

    Attributes:
        source: what is to be imported.
        scores: the true scores of the photo, by label.
    """

    source: Path
    scores: Mapping[str, float]


def _keras(*options: str, refusal: str = "") -> Kind:
    return Kind(options, "tensorflow", refusal=refusal)


KINDS = {
    "logits_of_integers": Kind(within=0.05),
    "saved_model_of_keras_3": _keras(),
    "saved_model_of_keras_2": _keras(),
    "preprocess_input": _keras(),
    "integers_inside": Kind(within=0.05),
    "integers_of_imagenet": Kind(within=0.05),
    "teachable_machine_grey": Kind(within=0.05),
    "features": Kind(refusal="takes features"),
    "class_indices": Kind(),
    "small_input": Kind(),
    "model_in_model_h5": _keras(*TRUST),
    "model_in_model_keras": _keras(),
    "keras_of_2020": _keras(*TRUST),
    "keras_of_2018": _keras(*TRUST),
    "keras_1": _keras(*TRUST, refusal="Keras 1.2.1 wrote it"),
    "augmented": _keras(*TRUST),
    "operations_of_tensorflow": _keras(*TRUST),
    "unknown_layer": _keras(refusal=r"the layer scaler of the class Scaler.*export"),
    "unknown_layer_exported": _keras(),
    "height_and_width": _keras(),
    "teachable_machine_tflite": Kind(),
    "teachable_machine_keras": _keras(*TRUST),
    "onnx_of_floats": Kind(("--scale", "imagenet"), "onnx"),
    "onnx_of_integers": Kind(reader="onnx", within=0.05),
    "onnx_with_data_beside": Kind(reader="onnx"),
    "onnx_too_new": Kind(reader="onnx", refusal="opset"),
}
"""By the name of the function in `kind_files` that makes it."""


def make(name: str, folder: Path) -> Made:
    """Makes a model file of a kind in an empty folder, which it fills with what belongs beside it, too."""
    from tests.support import kind_files  # takes seconds: it needs TensorFlow

    folder.mkdir(parents=True, exist_ok=True)
    made: Made = getattr(kind_files, name)(folder)
    return made


def check(name: str, made: Made, status: int, out: str, err: str) -> None:
    """Holds what `classify --json` did to what must come of a kind: the true scores, or its refusal."""
    kind, said = KINDS[name], ours(err)
    if kind.refusal:
        assert (status, out) == (2, ""), said
        assert re.search(kind.refusal, said[-1])
        assert said[-1].startswith("classifier: ")
        return
    assert status == 0, said
    assert bool(said) == kind.bare
    (result,) = json.loads(out)["results"]
    found = {one["label"]: one["score"] for one in result["predictions"]}
    assert len(found) == min(5, len(made.scores))
    assert found == pytest.approx({label: made.scores[label] for label in found}, abs=kind.within)
    best = max(made.scores.values())
    assert max(found.values()) == pytest.approx(best, abs=kind.within)
    assert best - min(made.scores.values()) > 0.1, "these would hardly change, whatever went wrong"
    assert best < 0.97, "these would hardly change, whatever went wrong"


def ours(err: str) -> list[str]:
    """The lines of standard error: all of them ours, none a library's or a frame of an error."""
    words = ("found", "input", "values", "output", "labels", "tried", "converted", "written", "classifier:")
    assert [line for line in err.splitlines() if not line.startswith(words)] == []
    return err.splitlines()
