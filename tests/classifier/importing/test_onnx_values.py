"""Which values an ONNX model takes: by its arithmetic, its quantisation, its metadata, and the files beside it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_dynamic, quantize_static

from classifier.formatting import listed
from classifier.importing.options import SCALES, Options
from tests.support.imported import LABELS, bring, pixels
from tests.support.onnx_models import MEAN, SIDE, STD, check, first, imagenet, network, save, scores, softmax, unit

F = np.float32
COLUMN = (1, 3, 1, 1)
CAST = ("Cast", {"to": TensorProto.FLOAT})
NHWC = ("Transpose", {"perm": [0, 3, 1, 2]})
TOLD: dict[str, tuple[str, list[tuple[Any, ...]]]] = {
    "x / 255": ("raw", [("Div", F(255))]),
    "x * (1 / 255)": ("raw", [("Mul", F(1 / 255))]),
    "PyTorch's, of 0 to 1": ("unit", [("Sub", MEAN.reshape(COLUMN)), ("Div", STD.reshape(COLUMN))]),
    "PyTorch's, of 0 to 255": (
        "raw",
        [("Div", F(255)), ("Sub", MEAN.reshape(COLUMN)), ("Div", STD.reshape(COLUMN))],
    ),
    "in one step": (
        "raw",
        [("Mul", (1 / STD / 255).reshape(3, 1, 1)), ("Add", (-MEAN / STD).reshape(3, 1, 1))],
    ),
    "2 x - 1": ("unit", [("Mul", np.array([2], F)), ("Sub", np.array([1], F))]),
    "x / 127.5 - 1": ("raw", [("Div", F(127.5)), ("Add", F(-1))]),
    "Inception's, of ImageNet's": (
        "imagenet",
        [("Mul", (STD / 0.5).reshape(COLUMN)), ("Add", ((MEAN - 0.5) / 0.5).reshape(COLUMN))],
    ),
    "a mean picture": ("raw", [("Sub", np.random.default_rng(6).normal(120, 3, (1, 3, SIDE, SIDE)).astype(F))]),
    "BatchNormalization": (
        "raw",
        [("BatchNormalization", np.ones(3, F), np.zeros(3, F), MEAN * 255, (STD * 255) ** 2)],
    ),
    "a convolution of single pixels": (
        "raw",
        [("Conv", np.full((3, 1, 1, 1), 1 / 127.5, F), np.full(3, -1, F), {"group": 3})],
    ),
    "clipped and resized": (
        "raw",
        [
            ("Clip", F(0), F(255)),
            ("Resize", np.array([], F), np.array([1, 1, 1, 1], F)),
            ("Mul", F(1 / 255)),
        ],
    ),
    "1 - x": ("raw", [("Sub", F(255), ...), ("Div", F(255))]),
}


@pytest.mark.parametrize("name", TOLD)
def test_arithmetic_at_the_beginning(tmp_path: Path, name: str) -> None:
    scale, before = TOLD[name]
    file = save(tmp_path, network(*before, gain=1 / 60 if name == "a mean picture" else 1))
    given = {"raw": first, "unit": unit, "imagenet": imagenet}[scale]
    _, said = check(file, scores(file, given))
    assert said["values"] == f"{SCALES[scale]}: the model scales them itself"


@pytest.mark.parametrize("before", [[], [("Mul", F(2))], [("Add", F(1))], [("Identity",)]])
def test_what_tells_nothing_stays_a_guess(tmp_path: Path, before: Any) -> None:
    _, said = bring(save(tmp_path, network(*before)))
    assert "a guess" in said["values"]


@pytest.mark.parametrize(
    ("producer", "scale"), [("pytorch", "imagenet"), ("onnx.quantize", "imagenet"), ("tf2onnx", "unit")]
)
def test_the_guess_is_the_habit_of_those_who_use_the_program(tmp_path: Path, producer: str, scale: str) -> None:
    file = save(tmp_path, network(producer=producer))
    _, said = check(file, scores(file, imagenet if scale == "imagenet" else unit))
    assert said["values"].startswith(f"{SCALES[scale]}: a guess, as ")
    assert said["tried"].startswith(f"taken: {scale}, a guess")
    assert ("PyTorch's models usually take it" in said["values"]) == (scale == "imagenet")
    assert said["values"].endswith(f"with: {listed(other for other in SCALES if other != scale)}")


def test_what_pytorch_wrote_for_grey_is_guessed_as_any_other(tmp_path: Path) -> None:
    _, said = bring(save(tmp_path, network(producer="pytorch", shape=["N", 1, SIDE, SIDE])))
    assert said["values"].startswith("0 to 1: a guess, as the file does not say")
    assert said["values"].endswith("with: signed or raw")


def test_pixels_with_height_and_width_first(tmp_path: Path) -> None:
    """As PyTorch's users export a model with its preparation."""
    file = save(
        tmp_path,
        network(NHWC, CAST, ("Div", F(255)), ("Sub", MEAN.reshape(COLUMN)), kind="uint8", shape=[1, SIDE, SIDE, 3]),
    )
    check(file, scores(file, lambda values: values))


@pytest.mark.parametrize("how", ["Caffe's mean", "ImageNet's mean", "swapped in the graph", "height and width first"])
def test_blue_green_red(tmp_path: Path, how: str) -> None:
    mean = np.array([103.939, 116.779, 123.68], F)
    ways: dict[str, list[Any]] = {
        "Caffe's mean": [("Sub", mean.reshape(COLUMN))],
        "ImageNet's mean": [
            ("Div", F(255)),
            ("Sub", MEAN[::-1].reshape(COLUMN)),
            ("Div", STD[::-1].reshape(COLUMN)),
        ],
        "swapped in the graph": [("Gather", np.array([2, 1, 0]), {"axis": 1}), ("Sub", mean.reshape(COLUMN))],
        "height and width first": [("Sub", mean), NHWC],
    }
    last = how == "height and width first"
    file = save(
        tmp_path,
        network(
            *ways[how],
            gain=1 if "ImageNet" in how else 1 / 60,
            shape=["N", SIDE, SIDE, 3] if last else ["N", 3, SIDE, SIDE],
        ),
    )
    swapped = "swapped" in how
    found = scores(
        file, lambda values: (values if swapped else values[..., ::-1]).transpose((0, 1, 2) if last else (2, 0, 1))
    )
    _, said = check(file, found)
    assert "0 to 255" in said["values"]
    assert ("BGR" in said["input"]) == (not swapped)


class Examples(CalibrationDataReader):  # type: ignore[misc]
    """The tests' picture, the darkest and the brightest."""

    def __init__(self, values: Any) -> None:
        pictures = [pixels((SIDE, SIDE)), np.zeros((SIDE, SIDE, 3), F), np.full((SIDE, SIDE, 3), 255, F)]
        self._left = [{"image": np.ascontiguousarray(values(picture)[None], F)} for picture in pictures]

    def get_next(self) -> Any:
        return self._left.pop(0) if self._left else None


def quantised(folder: Path, values: Any, **options: Any) -> Path:
    """A model quantised by ONNX Runtime."""
    save(folder / "floats", network(gain=1 / 120 if values is first else 1))
    quantize_static(folder / "floats" / "model.onnx", folder / "model.onnx", Examples(values), **options)
    (folder / "floats" / "labels.txt").rename(folder / "labels.txt")
    return folder / "model.onnx"


U8: dict[str, Any] = {"activation_type": QuantType.QUInt8, "weight_type": QuantType.QInt8}
S8: dict[str, Any] = {"activation_type": QuantType.QInt8, "weight_type": QuantType.QInt8}
QUANTISED: dict[str, tuple[Any, dict[str, Any], str]] = {
    "0 to 1": (unit, U8, "unit"),
    "-1 to 1, for each channel": (lambda values: first(values / 127.5 - 1), {**U8, "per_channel": True}, "signed"),
    "0 to 255, signed": (first, S8, "raw"),
    "ImageNet's": (imagenet, S8, "imagenet"),
    "ImageNet's, symmetric": (imagenet, {**S8, "extra_options": {"ActivationSymmetric": True}}, "imagenet"),
    "operations on integers": (imagenet, {**U8, "quant_format": QuantFormat.QOperator}, "imagenet"),
}


@pytest.mark.parametrize("name", QUANTISED)
def test_quantised(tmp_path: Path, name: str) -> None:
    values, options, scale = QUANTISED[name]
    file = quantised(tmp_path, values, **options)
    _, said = check(file, scores(file, values), within=0.05)
    assert said["values"].startswith(f"{SCALES[scale]}: the range of the quantised input")


def test_quantised_while_it_runs(tmp_path: Path) -> None:
    save(tmp_path / "floats", network(after=()))
    quantize_dynamic(tmp_path / "floats" / "model.onnx", tmp_path / "model.onnx")
    (tmp_path / "floats" / "labels.txt").rename(tmp_path / "labels.txt")
    file = tmp_path / "model.onnx"
    imported, _ = check(file, softmax(scores(file, imagenet)), Options(scaling=SCALES["imagenet"]), within=0.05)
    assert imported.package.manifest.output.logits


@pytest.mark.parametrize("kind", ["uint8", "int8"])
def test_whole_numbers_at_both_ends(tmp_path: Path, kind: str) -> None:
    """What is left where QuantizeLinear and DequantizeLinear are cut off at the ends."""
    file = quantised(tmp_path, imagenet, **(U8 if kind == "uint8" else S8))
    expected = scores(file, imagenet)
    model = onnx.load(file)
    graph = model.graph
    (begin,) = (node for node in graph.node if node.op_type == "QuantizeLinear" and node.input[0] == "image")
    (end,) = (node for node in graph.node if node.output[0] == graph.output[0].name)
    assert end.op_type == "DequantizeLinear"
    number = helper.np_dtype_to_tensor_dtype(np.dtype(kind))
    graph.input[0].name, graph.input[0].type.tensor_type.elem_type = begin.output[0], number
    graph.output[0].name, graph.output[0].type.tensor_type.elem_type = end.input[0], number
    graph.node.remove(begin)
    graph.node.remove(end)
    onnx.save(model, file)
    check(file, expected, within=0.05)


def test_scores_of_whole_numbers_without_a_scale(tmp_path: Path) -> None:
    model = network(after=[("Softmax",), ("Mul", F(255)), ("Cast", {"to": TensorProto.UINT8})])
    model.graph.output[0].type.tensor_type.elem_type = TensorProto.UINT8
    with pytest.raises(Exception, match=r"its scores are whole numbers, and nothing says what they stand for\. Export"):
        bring(save(tmp_path, model))


def test_ultralytics(tmp_path: Path) -> None:
    told = {
        "description": "Ultralytics YOLO11n-cls model ",
        "author": "Ultralytics",
        "task": "classify",
        "imgsz": "[24, 24]",
        "names": "{0: 'cat', 1: \"dog's\", 2: 'a, b'}",
    }
    model = network(shape=["batch", 3, "height", "width"], metadata=told)
    file = save(tmp_path, model, labels=("wrong", "labels", "here"))
    imported, said = check(file, scores(file, unit))
    assert imported.package.labels == {"en": ("cat", "dog's", "a, b")}
    assert said["values"] == "0 to 1: as Ultralytics' classifiers take them"
    assert imported.package.manifest.input.size == (SIDE, SIDE)
    (tmp_path / "detect").mkdir()
    helper.set_model_props(model, {**told, "task": "detect"})
    with pytest.raises(Exception, match=r"its task is 'detect', not 'classify'\. Export"):
        bring(save(tmp_path / "detect", model))


def azure(labels: tuple[str, ...], order: str) -> Any:
    """As Azure's Custom Vision exports: the best class, and a map from labels to scores; blue, green, red."""
    model = network(
        ("Sub", F(120)),
        gain=1 / 60,
        metadata={"Image.BitmapPixelFormat": order, "Image.NominalPixelRange": "NominalRange_0_255"},
    )
    graph, (scored,) = model.graph, [one.name for one in model.graph.output]
    names = numpy_helper.from_array(np.array(labels, object), "names")
    graph.initializer.append(names)
    graph.node.extend(
        [
            helper.make_node("ArgMax", [scored], ["best"], axis=1, keepdims=0),
            helper.make_node("ArrayFeatureExtractor", ["names", "best"], ["classLabel"], domain="ai.onnx.ml"),
            helper.make_node("ZipMap", [scored], ["loss"], domain="ai.onnx.ml", classlabels_strings=labels),
        ]
    )
    del graph.output[:]
    number = helper.make_tensor_type_proto(TensorProto.FLOAT, [])
    mapped = helper.make_sequence_type_proto(helper.make_map_type_proto(TensorProto.STRING, number))
    graph.output.extend(
        [
            helper.make_tensor_value_info("classLabel", TensorProto.STRING, [1, 1]),
            helper.make_value_info("loss", mapped),
        ]
    )
    model.opset_import.append(helper.make_opsetid("ai.onnx.ml", 1))
    return model


@pytest.mark.parametrize("order", ["Bgr8", "Rgb8"])
def test_azure_custom_vision(tmp_path: Path, order: str) -> None:
    file = save(tmp_path, azure(LABELS, order), labels=())
    plain = network(("Sub", F(120)), gain=1 / 60)
    given = first if order == "Rgb8" else lambda values: first(values[..., ::-1])
    imported, said = check(file, scores(save(tmp_path / "plain", plain), given))
    assert imported.package.labels == {"en": LABELS}
    assert ("BGR" in said["input"]) == (order == "Bgr8")


def beside(folder: Path, **files: Any) -> None:
    for name, content in files.items():
        (folder / f"{name}.json").write_text(json.dumps(content), "utf-8")


def test_huggingface(tmp_path: Path) -> None:
    place = tmp_path / "exported"
    file = save(place / "onnx", network(shape=[None, 3, None, None], after=()), labels=())
    names = {"0": "cat", "1": "dog", "2": "bird"}
    prepared = {
        "do_normalize": True,
        "image_mean": [0.485, 0.456, 0.406],
        "image_std": [0.229, 0.224, 0.225],
        "rescale_factor": 0.00392156862745098,
        "size": {"shortest_edge": 32},
        "crop_size": {"height": SIDE, "width": SIDE},
        "do_center_crop": True,
        "resample": 3,
    }
    beside(place, config={"id2label": names}, preprocessor_config=prepared)
    imported, said = bring(place)
    spec = imported.package.manifest.input
    assert (spec.size, spec.crop, spec.resample) == ((SIDE, SIDE), 0.75, "bicubic")
    assert (spec.mean, spec.std) == (SCALES["imagenet"].mean, SCALES["imagenet"].std)
    assert said["values"] == "by ImageNet's mean and standard deviation: preprocessor_config.json says so"
    assert said["labels"] == "from config.json: cat, dog, bird"
    assert imported.package.labels == {"en": LABELS}
    beside(place, config={"id2label": {"0": "LABEL_0", "1": "LABEL_1", "2": "LABEL_2"}})
    with pytest.raises(Exception, match="nothing says what they are called"):
        bring(file)


@pytest.mark.parametrize(
    ("prepared", "values"),
    [
        ({"do_normalize": False}, "0 to 1"),
        ({"do_normalize": False, "rescale_factor": 1 / 127.5, "rescale_offset": True}, "-1 to 1"),
        ({"image_mean": [0.5] * 3, "image_std": [0.5] * 3}, "-1 to 1"),
        ({"do_rescale": False, "image_mean": [127.5] * 3, "image_std": [127.5] * 3}, "-1 to 1"),
        ({"image_mean": [0.48145466, 0.4578275, 0.40821073], "image_std": [0.2686, 0.2613, 0.2757]}, "(pixel - [122."),
    ],
)
def test_what_a_preprocessor_says(tmp_path: Path, prepared: dict[str, Any], values: str) -> None:
    beside(tmp_path, preprocessor_config=prepared)
    _, said = bring(save(tmp_path, network()))
    assert said["values"].startswith(values)
    assert "BGR" not in said["input"]


def test_a_preprocessor_that_exchanges_colours(tmp_path: Path) -> None:
    beside(tmp_path, preprocessor_config={"do_normalize": False, "do_flip_channel_order": True})
    file = save(tmp_path, network())
    _, said = check(file, scores(file, lambda values: unit(values[..., ::-1])))
    assert "BGR" in said["input"]


def test_timm(tmp_path: Path) -> None:
    config = {
        "architecture": "resnet18",
        "label_names": ["n01", "n02", "n03"],
        "label_descriptions": {"n01": "cat", "n02": "dog", "n03": "bird"},
        "pretrained_cfg": {
            "mean": [0.5, 0.5, 0.5],
            "std": [0.5, 0.5, 0.5],
            "input_size": [3, SIDE, SIDE],
            "crop_pct": 0.9,
            "interpolation": "bicubic",
        },
    }
    beside(tmp_path, config=config)
    imported, said = bring(save(tmp_path, network(shape=["N", 3, "h", "w"]), labels=()))
    spec = imported.package.manifest.input
    assert (spec.size, spec.crop, spec.resample, spec.mean) == ((SIDE, SIDE), 0.9, "bicubic", 127.5)
    assert said["values"] == "-1 to 1: config.json says so"
    assert imported.package.labels == {"en": LABELS}


@pytest.mark.parametrize(
    ("key", "text"),
    [("classes", '["cat", "dog", "bird"]'), ("labels", "cat,dog,bird"), ("class_names", "cat\ndog\nbird\n")],
)
def test_labels_and_values_under_other_names(tmp_path: Path, key: str, text: str) -> None:
    told = {key: text, "mean": "0.485, 0.456, 0.406", "std": "[0.229, 0.224, 0.225]"}
    imported, said = bring(save(tmp_path, network(metadata=told), labels=()))
    assert imported.package.labels == {"en": LABELS}
    assert said["values"] == "by ImageNet's mean and standard deviation: the file's metadata says so"


def test_the_graph_counts_more_than_what_lies_beside(tmp_path: Path) -> None:
    """Some write down the preparation that they then put into the model."""
    beside(tmp_path, preprocessor_config={"image_mean": list(map(float, MEAN)), "image_std": list(map(float, STD))})
    file = save(tmp_path, network(*TOLD["PyTorch's, of 0 to 255"][1]))
    _, said = check(file, scores(file, first))
    assert said["values"].startswith("0 to 255")
