"""Models with several outputs: the scores are told from what they are computed of, or have to be named."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from classifier import Classifier, ModelPackage, Settings
from classifier.errors import ModelFileError, PackageError, ParameterError
from classifier.importing.options import Options
from classifier.importing.outputs import Output, choose
from tests.support.imported import LABELS, answer, bring, pixels, place, write_labels
from tests.support.photos import ROOT, photo
from tests.support.tiny_tflite import Tiny, packed

CIFAR10 = ROOT / "model/cifar10"
FILE = Path("model.onnx")
MAP, POOLED = Output("map", (1, 7, 7, 64)), Output("pooled", (1, 64), sources={"map"})
LOGITS = Output("logits", (1, 10), sources={"map", "pooled"})
SCORES = Output("scores", (1, 10), sources={"map", "pooled", "logits"})
BEST = Output("best", (1,), whole=True, sources={"scores"})
HEAT = Output("heat", (1, 7, 7, 10), sources={"map"})


@pytest.mark.parametrize(
    ("outputs", "expected"),
    [
        ([MAP, SCORES], ("scores", "map", None)),
        ([SCORES, POOLED], ("scores", "pooled", None)),
        ([LOGITS, SCORES], ("scores", None, "scores")),
        ([BEST, LOGITS, MAP], ("logits", "map", "logits")),
        ([HEAT, SCORES, POOLED, MAP], ("scores", "pooled", "scores")),
        ([SCORES, HEAT], ("scores", None, "scores")),
    ],
)
def test_what_is_computed_of_what_tells(outputs: list[Output], expected: tuple[str, str | None, str | None]) -> None:
    for order in (outputs, outputs[::-1]):
        found = choose(FILE, order, None)
        assert (found.scores, found.features, found.name) == expected


@pytest.mark.parametrize(
    ("outputs", "said"),
    [
        ([Output("age", (1, 10)), Output("kind", (1, 7)), MAP], r"3 outputs.*by --output NAME: age \(1, 10\), kind"),
        ([Output("a", ()), Output("b", (1, 3))], r"by --output NAME: a, b \(1, 3\)\."),
        ([Output("a", (1, None)), Output("b", (None, 3))], r"by --output NAME: a \(1, any\), b \(any, 3\)\."),
        (
            [Output("boxes", (1, 90, 4)), Output("kinds", (1, 90, 80))],
            r"None of these is a list of scores: boxes \(1, 90",
        ),
        (
            [Output("code", (1, 64)), Output("picture", (1, 8, 8, 3), sources={"code"})],
            "None of these is a list of sco",
        ),
    ],
)
def test_nothing_is_guessed(outputs: list[Output], said: str) -> None:
    with pytest.raises(ModelFileError, match=said):
        choose(FILE, outputs, None)
    with pytest.raises(ParameterError, match=r"--output zero: its outputs are "):
        choose(FILE, outputs, "zero")
    assert choose(FILE, outputs, outputs[0].name).scores == outputs[0].name


def test_the_ten_class_model_is_taken_with_its_features(tmp_path: Path) -> None:
    shutil.copy(CIFAR10 / "model.tflite", tmp_path)
    shutil.copy(CIFAR10 / "labels.en.txt", tmp_path / "labels.txt")
    imported, _ = bring(tmp_path / "model.tflite", Options(resample="bicubic"))
    output = imported.package.manifest.output
    assert (output.classes, output.features, output.name, output.logits) == (10, "features", None, False)
    settings = Settings(backend="litert")
    original = Classifier(ModelPackage.load(CIFAR10), settings)
    sources = [photo(name) for name in ("panda.webp", "cat.webp")]
    for own, other in zip(original.scores_many(sources), _read(imported.package, sources), strict=True):
        assert not isinstance(own, Exception)
        assert not isinstance(other, Exception)
        assert other.features is not None
        assert other.features.shape == (1280,)
        assert other.log_scores.argmax() == own.log_scores.argmax()


def _read(package: ModelPackage, sources: list[Path]) -> Any:
    return Classifier(package, Settings(backend="litert")).scores_many(sources, features=True)


def with_ends(data: bytes, *codes: int) -> bytes:
    """A LiteRT model that gives what its operations of these kinds compute."""
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(data, 0))
    (graph,) = model.subgraphs
    kinds = [model.operatorCodes[one.opcodeIndex].builtinCode for one in graph.operators]
    graph.outputs = [int(graph.operators[kinds.index(code)].outputs[0]) for code in codes]
    return packed(model)


MEAN, DENSE, SOFTMAX = (getattr(schema.BuiltinOperator, name) for name in ("MEAN", "FULLY_CONNECTED", "SOFTMAX"))


@pytest.mark.parametrize("codes", [(DENSE, SOFTMAX), (SOFTMAX, DENSE)])
def test_logits_beside_scores_are_left_out_in_any_order(tmp_path: Path, codes: tuple[int, ...]) -> None:
    plain, _ = bring(place(tmp_path, Tiny().build()))
    expected = answer(plain.package.folder)
    (tmp_path / "both").mkdir()
    imported, _ = bring(place(tmp_path / "both", with_ends(Tiny().build(), *codes)))
    assert answer(imported.package.folder) == expected
    assert imported.package.manifest.output.name
    assert not imported.package.manifest.output.logits


def test_one_of_two_heads_is_taken_by_its_name(tmp_path: Path) -> None:
    source = place(tmp_path, Tiny(outputs=2).build())
    with pytest.raises(ModelFileError, match=r"1 input and 2 outputs.*--output NAME: (\w+) \(1, 3\), (\w+)") as error:
        bring(source)
    *_, second = str(error.value).removesuffix(" (1, 3).").split()
    imported, _ = bring(source, Options(output=second))
    assert imported.package.manifest.output.name == second
    assert set(answer(imported.package.folder)) == set(LABELS)
    manifest = imported.package.folder / "model.toml"
    manifest.write_text(manifest.read_text("utf-8").replace(f'name = "{second}"', "", 1), "utf-8")
    with pytest.raises(PackageError, match=r"its outputs are .*; output\.name in .*model\.toml must say which"):
        answer(imported.package.folder)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["list", "dictionary", "saved"])
def test_keras_models_with_features(make: Any, tmp_path: Path, kind: str) -> None:
    write_labels(tmp_path)
    keras, small = make.keras, make.small(last="softmax")
    features = next(layer for layer in small.layers[::-1] if isinstance(layer, keras.layers.GlobalAveragePooling2D))
    both = {"a": features.output, "z": small.outputs[0]} if kind != "list" else [features.output, small.outputs[0]]
    model, file = keras.Model(small.inputs, both), tmp_path / ("saved" if kind == "saved" else "model.keras")
    model.export(file, verbose=False) if kind == "saved" else model.save(file)
    imported, _ = bring(file)
    expected = dict(zip(LABELS, np.asarray(make.predict(small, pixels((24, 24)) / 255)).tolist(), strict=True))
    for backend in ("litert", "tensorflow"):
        assert answer(imported.package.folder, backend) == pytest.approx(expected, abs=2e-3), backend


@pytest.mark.slow
def test_keras_models_with_two_heads_have_to_be_told(make: Any, tmp_path: Path) -> None:
    write_labels(tmp_path)
    keras, small = make.keras, make.small(last="softmax")
    pooled = small.layers[-1].input
    model = keras.Model(small.inputs, {"kind": small.outputs[0], "age": keras.layers.Dense(5)(pooled)})
    model.save(tmp_path / "model.keras")
    with pytest.raises(ModelFileError, match=r"1 input and 2 outputs.*--output NAME: age \(1, 5\), kind \(1, 3\)\."):
        bring(tmp_path / "model.keras")
    imported, _ = bring(tmp_path / "model.keras", Options(output="kind"))
    expected = dict(zip(LABELS, np.asarray(make.predict(small, pixels((24, 24)) / 255)).tolist(), strict=True))
    for backend in ("litert", "tensorflow"):
        assert answer(imported.package.folder, backend) == pytest.approx(expected, abs=2e-3), backend
