"""LiteRT files of every kind become packages that say what a plain program would compute, without TensorFlow."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

from classifier.errors import ModelFileError, ParameterError
from classifier.importing.core import import_model
from classifier.importing.options import SCALES, Options, Scaling
from tests.support.imported import LABELS, answer, bring, pixels, place, scaled
from tests.support.photos import ROOT
from tests.support.tiny_tflite import Tiny, packed, weights

FILES = ROOT / "tests/files"


def expected(values: NDArray[Any], last: str = "softmax", kernel: NDArray[Any] | None = None) -> dict[str, float]:
    """What the tiny model says of values `(H, W, C)`, computed by hand."""
    logits = (weights(len(LABELS)) if kernel is None else kernel) @ values.mean(axis=(0, 1))
    scores = 1 / (1 + np.exp(-logits)) if last == "sigmoid" else np.exp(logits) / np.exp(logits).sum()
    return dict(zip(LABELS, scores.tolist(), strict=True))


@pytest.mark.parametrize("name", SCALES)
def test_values_are_scaled_as_told(tmp_path: Path, name: str) -> None:
    source = place(tmp_path, Tiny().build())
    imported, said = bring(source, Options(scaling=SCALES[name]))
    spec = imported.package.manifest.input
    values = scaled(spec)
    assert answer(imported.package.folder) == pytest.approx(expected(values), abs=1e-4)
    assert said["values"].endswith("as you say")
    low = {"unit": 0, "signed": -1, "raw": 0, "imagenet": -2.12, "caffe": -123.68}[name]
    assert np.min(-np.asarray(spec.mean) / np.asarray(spec.std)) == pytest.approx(low, abs=0.01)


def test_without_a_word_values_are_0_to_1_and_that_is_said_aloud(tmp_path: Path) -> None:
    imported, said = bring(place(tmp_path, Tiny().build()))
    assert answer(imported.package.folder) == pytest.approx(expected(pixels((8, 6)) / 255), abs=1e-4)
    assert said["values"].startswith("0 to 1: a guess")
    assert "--scale" in said["values"]


def test_teachable_machines_name_alone_is_a_likely_guess(tmp_path: Path) -> None:
    """Its labels are not beside it, or no longer numbered."""
    imported, said = bring(place(tmp_path, Tiny(size=(224, 224)).build(), "model_unquant.tflite"))
    assert imported.package.manifest.input.mean == SCALES["signed"].mean
    assert said["values"].startswith("-1 to 1: a guess, as Teachable Machine's models")


@pytest.mark.parametrize(
    ("before", "scale"),
    [
        ([("*", 1 / 255)], "raw"),
        ([("/", 127.5), ("-", 1.0)], "raw"),
        ([("-", 127.0), ("*", 1 / 128)], "raw"),
        ([("*", 255.0)], "unit"),
        ([("+", 1.0), ("*", 127.5)], "signed"),
        ([("-", 0.5), ("*", 2.0)], "unit"),
    ],
)
def test_a_model_that_scales_its_values_itself_is_found_out(
    tmp_path: Path, before: list[tuple[str, float]], scale: str
) -> None:
    imported, said = bring(place(tmp_path, Tiny(before=before).build()))
    spec = imported.package.manifest.input
    assert (spec.mean, spec.std) == (SCALES[scale].mean, SCALES[scale].std)
    assert "the model scales them itself" in said["values"]


@pytest.mark.parametrize(
    ("last", "logits", "several"), [("softmax", False, False), ("sigmoid", False, True), ("", True, False)]
)
def test_the_softmax_is_detected(tmp_path: Path, last: str, logits: bool, several: bool) -> None:
    imported, _ = bring(place(tmp_path, Tiny(last=last).build()))
    output = imported.package.manifest.output
    assert (output.logits, output.multi_label) == (logits, several)
    assert answer(imported.package.folder) == pytest.approx(expected(pixels((8, 6)) / 255, last), abs=1e-4)


@pytest.mark.parametrize("last", ["sigmoid", ""])
def test_one_score_and_two_labels_are_two_classes(tmp_path: Path, last: str) -> None:
    imported, said = bring(place(tmp_path, Tiny(classes=1, last=last).build(), labels=("cat", "dog")))
    output = imported.package.manifest.output
    assert (output.classes, output.binary, output.logits) == (2, True, last == "")
    assert "the second of two classes" in said["output"]
    dog = 1 / (1 + np.exp(-(weights(1) @ (pixels((8, 6)) / 255).mean(axis=(0, 1)))[0]))
    assert answer(imported.package.folder) == pytest.approx({"dog": dog, "cat": 1 - dog}, abs=1e-4)


def test_one_score_and_one_label_stand_for_themselves(tmp_path: Path) -> None:
    imported, _ = bring(place(tmp_path, Tiny(classes=1, last="").build(), labels=("cat",)))
    cat = 1 / (1 + np.exp(-(weights(1) @ (pixels((8, 6)) / 255).mean(axis=(0, 1)))[0]))
    assert answer(imported.package.folder) == pytest.approx({"cat": cat}, abs=1e-4)


@pytest.mark.parametrize(
    ("dtype", "quantisation", "scale"),
    [
        ("uint8", ((1.0, 0), (1 / 256, 0)), "raw"),
        ("uint8", ((1 / 255, 0), (1 / 256, 0)), "unit"),
        ("int8", ((1 / 255, -128), (1 / 256, -128)), "unit"),
        ("int8", ((1 / 127.5, -1), (1 / 256, -128)), "signed"),
    ],
)
def test_integers_are_scaled_at_input_and_output(
    tmp_path: Path, dtype: str, quantisation: tuple[tuple[float, int], tuple[float, int]], scale: str
) -> None:
    imported, said = bring(place(tmp_path, Tiny(dtype=dtype, quantisation=quantisation).build()))
    assert said["values"].endswith("the range of the quantised input")
    spec = imported.package.manifest.input
    assert (spec.mean, spec.std) == (SCALES[scale].mean, SCALES[scale].std)
    values = scaled(spec)
    assert answer(imported.package.folder) == pytest.approx(expected(values), abs=0.01)


@pytest.mark.parametrize("name", ["metadata.tflite", "metadata_uint8.tflite"])
def test_tflite_metadata_tells_labels_and_values(tmp_path: Path, name: str) -> None:
    """Files that the tool made, tflite-support 0.4.4, of two of the tiny models."""
    source = place(tmp_path, (FILES / name).read_bytes(), labels=())
    imported, said = bring(source)
    spec = imported.package.manifest.input
    assert (spec.mean, spec.std) == (SCALES["imagenet"].mean, SCALES["imagenet"].std)
    assert imported.package.labels == {"en": LABELS}
    assert "metadata" in said["values"]
    assert "metadata" in said["labels"]


def test_what_is_told_wins_over_the_metadata(tmp_path: Path) -> None:
    source = place(tmp_path, (FILES / "metadata.tflite").read_bytes(), labels=())
    (tmp_path / "mine.txt").write_text("a\nb\nc\n", "utf-8")
    (tmp_path / "zh.txt").write_text("甲\n乙\n丙\n", "utf-8")
    told = Options(labels=(("en", tmp_path / "mine.txt"), ("zh", tmp_path / "zh.txt")), scaling=Scaling(1.0, 2.0))
    imported, _ = bring(source, told)
    assert imported.package.labels == {"en": ("a", "b", "c"), "zh": ("甲", "乙", "丙")}
    assert (imported.package.manifest.input.mean, imported.package.manifest.input.std) == (1.0, 2.0)


def test_damaged_metadata_is_said(tmp_path: Path) -> None:
    source = place(tmp_path, Tiny(metadata=b"\xff\xff\xff\x7f damaged").build())
    with pytest.raises(ModelFileError, match="TFLite Metadata is damaged"):
        bring(source)


def test_metadata_whose_labels_are_gone_is_said(tmp_path: Path) -> None:
    whole = (FILES / "metadata.tflite").read_bytes()
    source = place(tmp_path, whole[: whole.rindex(b"PK\x03\x04")])
    with pytest.raises(ModelFileError, match=r"names a labels file that is missing.*--labels FILE"):
        bring(source)


def test_any_size_needs_one_to_be_told(tmp_path: Path) -> None:
    source = place(tmp_path, Tiny(any_size=True).build())
    with pytest.raises(ModelFileError, match=r"any size.*--size 224"):
        bring(source)
    imported, _ = bring(source, Options(size=(16, 24)))
    assert imported.package.manifest.input.size == (16, 24)
    assert answer(imported.package.folder) == pytest.approx(expected(pixels((16, 24)) / 255), abs=1e-4)


def test_a_size_that_the_model_does_not_take(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match=r"takes 8 x 6 pixels .* and no others"):
        bring(place(tmp_path, Tiny().build()), Options(size=(224, 224)))


def test_channels_first(tmp_path: Path) -> None:
    imported, said = bring(place(tmp_path, Tiny(channels_first=True).build()))
    assert imported.package.manifest.input.shape == (3, 8, 6)
    assert "channels first" in said["input"]
    assert answer(imported.package.folder) == pytest.approx(expected(pixels((8, 6)) / 255), abs=1e-4)


def test_grey(tmp_path: Path) -> None:
    imported, _ = bring(place(tmp_path, Tiny(channels=1).build()))
    assert imported.package.manifest.input.shape == (8, 6, 1)
    grey = pixels((8, 6)) @ np.array([[0.299], [0.587], [0.114]]) / 255
    assert answer(imported.package.folder) == pytest.approx(expected(grey, kernel=weights(3, 1)), abs=1e-4)


def test_grey_has_no_mean_for_each_colour(tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match="one mean and one std"):
        bring(place(tmp_path, Tiny(channels=1).build()), Options(scaling=SCALES["imagenet"]))


@pytest.mark.parametrize(
    ("tiny", "problem"),
    [
        (Tiny(channels=5), "5 channels"),
        (Tiny(rank=3), r"\(1, 8, 6\): sequences of 8 steps with 6 values.*--size 8x6"),
        (Tiny(batch=4), "4 pictures at a time"),
        (Tiny(inputs=2), "2 inputs and 1 output"),
        (Tiny(outputs=2), "1 input and 2 outputs"),
    ],
)
def test_what_is_no_classifier_of_pictures_is_refused(tmp_path: Path, tiny: Tiny, problem: str) -> None:
    with pytest.raises(ModelFileError, match=problem):
        bring(place(tmp_path, tiny.build()))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["labels.txt", "model.tflite"]


@pytest.mark.parametrize(
    "shape",
    [(1, 1, 1, 1024), (1, 1, 224, 3), (1, 1, 1, 3), (1, 224, 1, 3), (1, 3, 1, 64), (1, 3, 1, 1), (1, 1, 7, 960)],
)
def test_features_are_no_pictures(tmp_path: Path, shape: tuple[int, ...]) -> None:
    tiny = Tiny(size=(shape[1], shape[2]), channels=shape[3])
    with pytest.raises(ModelFileError, match=r"takes features .*, not pictures\. Export the two as one model"):
        bring(place(tmp_path, tiny.build()))


def test_a_model_whose_weights_the_converter_lost_is_refused(tmp_path: Path) -> None:
    """LiteRT runs it, with zeros or whatever lies in the memory: NaN, or the same scores for every picture."""
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(Tiny().build(), 0))
    graph = model.subgraphs[0]
    kernel = next(int(one.inputs[1]) for one in graph.operators if len(one.inputs) == 3)
    graph.tensors[kernel].buffer = 0
    handle = schema.TensorT()
    handle.name, handle.shape, handle.type, handle.buffer = b"handle", [], schema.TensorType.RESOURCE, 0
    graph.tensors.append(handle)
    first = []
    resource = len(graph.tensors) - 1
    for name, inputs, output in (("VarHandle", [], resource), ("ReadVariable", [resource], kernel)):
        code = schema.OperatorCodeT()
        code.builtinCode = schema.BuiltinOperator.READ_VARIABLE if inputs else schema.BuiltinOperator.VAR_HANDLE
        code.deprecatedBuiltinCode, code.version = 127, 1
        model.operatorCodes.append(code)
        operator = schema.OperatorT()
        operator.opcodeIndex, operator.inputs, operator.outputs = len(model.operatorCodes) - 1, inputs, [output]
        operator.builtinOptionsType = getattr(schema.BuiltinOptions, f"{name}Options")
        operator.builtinOptions = getattr(schema, f"{name}OptionsT")()
        first.append(operator)
    graph.operators = [*first, *graph.operators]
    with pytest.raises(ModelFileError, match=r"its weights are not in it.*model\.export"):
        bring(place(tmp_path, packed(model)))


def test_what_an_edge_tpu_alone_runs_is_said(tmp_path: Path) -> None:
    """Its compiler makes one custom operation of a model; here an ordinary one gets that name."""
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(Tiny().build(), 0))
    code = model.operatorCodes[0]
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.CUSTOM
    code.customCode = b"edgetpu-custom-op"
    compiled = packed(model)
    for name in ("model_edgetpu.tflite", "model.tflite"):
        source = place(tmp_path / name, compiled, name)
        for path in (source, source.parent):
            with pytest.raises(ModelFileError, match=r"compiled for Coral's Edge TPU.*the \.tflite file that it was"):
                import_model(path, tmp_path / "package")
    place(tmp_path / "both", compiled, "model_edgetpu.tflite")
    place(tmp_path / "both", Tiny().build())
    imported = import_model(tmp_path / "both", tmp_path / "package")
    assert answer(imported.package.folder) == pytest.approx(expected(pixels((8, 6)) / 255), abs=1e-4)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("class_indices.json", '{"cat": 0, "dog": 1, "bird": 2}'),
        ("labels.json", '{"2": "bird", "0": "cat", "1": "dog"}'),
        ("labels.txt", '["cat", "dog", "bird"]'),
    ],
)
def test_labels_in_json_beside_the_model(tmp_path: Path, name: str, text: str) -> None:
    source = place(tmp_path, Tiny().build(), labels=())
    (tmp_path / name).write_text(text, "utf-8")
    imported, said = bring(source)
    assert imported.package.labels == {"en": LABELS}
    assert said["labels"].startswith(f"from {name}: cat, dog, bird")
    assert answer(imported.package.folder) == pytest.approx(expected(pixels((8, 6)) / 255), abs=1e-4)


def test_a_wrong_number_of_labels_names_both(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match=r"has 3 classes, but there are 2 labels in labels\.txt"):
        bring(place(tmp_path, Tiny().build(), labels=("cat", "dog")))
    assert not (tmp_path / "package").exists()


def test_without_labels_the_option_and_the_number_are_named(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match=r"has 3 classes.*each of 3 lines.*--labels FILE"):
        bring(place(tmp_path, Tiny().build(), labels=()))
    with pytest.raises(ModelFileError, match=r"has 1 class.*two labels.*of a low score first.*--labels FILE"):
        bring(place(tmp_path, Tiny(classes=1).build(), labels=()))


@pytest.mark.parametrize(
    ("least", "most", "scale"),
    [(-0.85, 1.0, "signed"), (0.0, 201.0, "raw"), (-1.9, 2.2, "imagenet"), (-110.0, 90.0, "caffe"), (0.0, 0.8, "unit")],
)
def test_a_range_that_only_resembles_a_usual_one_is_a_likely_guess(
    tmp_path: Path, least: float, most: float, scale: str
) -> None:
    """The converter's examples held neither the darkest nor the brightest pixel."""
    step = (most - least) / 255
    ends = ((step, round(-least / step)), (1 / 256, 0))
    imported, said = bring(place(tmp_path, Tiny(dtype="uint8", quantisation=ends).build()))
    taken = SCALES[scale]
    assert (imported.package.manifest.input.mean, imported.package.manifest.input.std) == (taken.mean, taken.std)
    assert "a guess" in said["values"]


def test_a_truncated_file_is_refused(tmp_path: Path) -> None:
    """In a process of its own: LiteRT must not end it."""
    whole = Tiny().build()
    place(tmp_path, whole)
    code = (
        "import sys; from pathlib import Path; from classifier.errors import ModelFileError;"
        "from classifier.importing.core import import_model\n"
        f"source = Path({str(tmp_path / 'model.tflite')!r}); whole = source.read_bytes()\n"
        "for kept in (0, 3, 8, 20, 400, len(whole) - 1):\n"
        "    source.write_bytes(whole[:kept])\n"
        "    try: import_model(source, source.parent / 'package')\n"
        "    except ModelFileError as error: print(error)\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert len(ended.stdout.splitlines()) == 6
    assert all("cut off" in line for line in ended.stdout.splitlines())
    assert not (tmp_path / "package").exists()


def test_it_needs_no_tensorflow(tmp_path: Path) -> None:
    source = place(tmp_path, Tiny().build())
    code = (
        "import sys; from pathlib import Path; from classifier.importing.core import import_model;"
        f"import_model(Path({str(source)!r}), Path({str(tmp_path / 'package')!r}));"
        "heavy = {'tensorflow', 'keras', 'h5py', 'streamlit'} & set(sys.modules); assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
