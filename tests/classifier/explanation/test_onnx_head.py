"""Heads of ONNX models are read of the file itself: what they make of the features is what ONNX Runtime gives."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from classifier import ModelPackage
from classifier.backends.choice import load_backend
from classifier.explanation import onnx_head, reading
from classifier.explanation.head import Head
from classifier.explanation.onnx_graph import Graph
from classifier.importing.options import SCALES, Options
from tests.support.imported import bring
from tests.support.onnx_models import SIDE, network, save, softmax

IMAGENET = Options(scaling=SCALES["imagenet"])
CHANNELS, HIDDEN, CLASSES = 8, 5, 3
RANDOM = np.random.default_rng(6)
FIRST, LAST = RANDOM.normal(size=(HIDDEN, CHANNELS)), RANDOM.normal(size=(CLASSES, HIDDEN))
ONLY, BIAS, INNER = RANDOM.normal(size=(CLASSES, CHANNELS)), RANDOM.normal(size=CLASSES), RANDOM.normal(size=HIDDEN)
Layer = tuple[Any, ...]
POOL: Layer = ("GlobalAveragePool",)
FLAT: Layer = ("Flatten",)
GEMM: Layer = ("Gemm", ONLY, BIAS, {"transB": 1})
TWO = [("Gemm", FIRST, INNER, {"transB": 1}), ("Gemm", LAST, BIAS, {"transB": 1})]
WHOLE = np.array([1, -1], np.int64)
# As PyTorch's exporters, the old one and the new one, Keras by tf2onnx, Caffe2 and MXNet write the ends of models.
ENDS: dict[str, Sequence[Layer]] = {
    "ResNet": [POOL, FLAT, GEMM],
    "ResNet, new exporter": [
        ("ReduceMean", np.array([-1, -2], np.int64), {"keepdims": 1}),
        ("Reshape", np.array([1, CHANNELS], np.int64)),
        GEMM,
    ],
    "MobileNetV2": [("ReduceMean", np.array([2, 3], np.int64), {"keepdims": 0}), GEMM],
    "MobileNetV3": [POOL, FLAT, TWO[0], ("HardSwish",), TWO[1]],
    "EfficientNet with dropout": [POOL, FLAT, ("Dropout",), GEMM, ("Softmax", {"axis": 1})],
    "ReLU between": [POOL, FLAT, TWO[0], ("Relu",), TWO[1]],
    "ReLU6 between": [POOL, FLAT, TWO[0], ("Clip", np.float32(0), np.float32(6)), TWO[1]],
    "nothing between": [POOL, FLAT, *TWO],
    "maximum": [("GlobalMaxPool",), FLAT, GEMM],
    "MatMul and Add": [POOL, ("Squeeze", np.array([2, 3], np.int64)), ("MatMul", ONLY.T), ("Add", BIAS)],
    "convolution": [POOL, ("Conv", ONLY[:, :, None, None], BIAS), ("Flatten",), ("Softmax",)],
    "scaled": [POOL, FLAT, GEMM, ("Div", np.array([1.0, 2.0, 3.0])), ("Sub", BIAS)],
    "factors": [POOL, FLAT, ("Gemm", ONLY, BIAS, {"transB": 1, "alpha": 0.5, "beta": 2.0}), ("Sigmoid",)],
}
OTHERS: dict[str, Sequence[Layer]] = {
    "SqueezeNet": [("Conv", ONLY[:, :, None, None], BIAS), ("Relu",), POOL, FLAT],
    "VGG": [("AveragePool", {"kernel_shape": [11, 11]}), FLAT, GEMM, ("Tanh",)],
    "three layers": [POOL, FLAT, ("Gemm", np.eye(CHANNELS)), *TWO],
    "tanh between": [POOL, FLAT, TWO[0], ("Tanh",), TWO[1]],
    "over the channels": [("ReduceMean", np.array([1, 2], np.int64), {"keepdims": 0}), ("MatMul", ONLY[0, :, None])],
    "over one side": [("ReduceMean", np.array([3], np.int64)), FLAT, ("MatMul", RANDOM.normal(size=(88, 3)))],
}


def ending(ends: Sequence[Layer], kind: str = "float32") -> Any:
    """A convolution and what comes behind it."""
    model = network(kind=kind, after=())
    graph = model.graph
    del graph.node[2:]
    constants = [graph.initializer[0]]
    last = graph.node[-1].output[0]
    for number, (operation, *given) in enumerate(ends):
        attributes: Mapping[str, Any] = given.pop() if given and isinstance(given[-1], dict) else {}
        names = [last]
        for value in given:
            names.append(f"end_{number}_{len(names)}")
            whole = np.asarray(value).dtype == np.int64
            constants.append(numpy_helper.from_array(np.asarray(value, None if whole else kind), names[-1]))
        last = f"{operation.lower()}_end_{number}"
        graph.node.append(helper.make_node(operation, names, [last], **attributes))
    del graph.initializer[:]
    graph.initializer.extend(constants)
    graph.output[0].name = last
    return model


def ran(package: ModelPackage) -> tuple[NDArray[np.float32], NDArray[np.float32] | None, Head | None]:
    """The scores and features of random values, and the head."""
    backend, _ = load_backend(package, "onnx", 1)
    shape = package.manifest.input.shape
    found = backend.run(np.random.default_rng(7).normal(size=(1, *shape)).astype(np.float32))
    return found.scores[0], None if found.features is None else found.features[0], reading.head_of(package, backend)


def holds(package: ModelPackage, within: float = 1e-4) -> Head:
    """Holds what the head makes of the features to the scores."""
    scores, features, head = ran(package)
    assert features is not None
    assert head is not None
    logits, spec = head.logits(features), package.manifest.output
    if spec.multi_label:
        logits = np.asarray(1 / (1 + np.exp(-logits)), np.float32)
    elif not spec.logits:
        logits = softmax(logits)
    assert logits == pytest.approx(scores, abs=within)
    return head


@pytest.mark.parametrize("name", ENDS)
def test_the_head_makes_the_scores_of_the_features(tmp_path: Path, name: str) -> None:
    package = bring(save(tmp_path, ending(ENDS[name])), IMAGENET)[0].package
    assert package.manifest.output.features == "features"
    head = holds(package)
    assert head.pooling == ("max" if name == "maximum" else "mean")
    between = {"MobileNetV3": "hard-swish", "ReLU between": "relu", "ReLU6 between": "relu6"}
    assert head.activation == between.get(name, "none")
    assert head.channels == CHANNELS


@pytest.mark.parametrize("name", OTHERS)
def test_where_a_graph_does_not_end_so_nothing_changes(tmp_path: Path, name: str) -> None:
    model = ending(OTHERS[name])
    file = save(tmp_path, model, [f"label {number}" for number in range(SIDE if "channels" in name else CLASSES)])
    if name == "over the channels":
        steps = onnx_head.feature_map(file.read_bytes(), file, model.graph.output[0].name)
        assert steps is None or not steps[1]  # a mean over the first two of three axes of a picture with channels last
        return
    package = bring(file, IMAGENET)[0].package
    assert package.manifest.output.features is None
    assert (package.folder / "model.onnx").read_bytes() == file.read_bytes()


@pytest.mark.parametrize("kind", ["float16", "values", "constants", "transposed", "old", "external"])
def test_weights_in_every_form_of_the_format(tmp_path: Path, kind: str) -> None:
    model = ending([POOL, FLAT, GEMM], "float16" if kind == "float16" else "float32")
    graph = model.graph
    if kind == "values":  # each number in a field, not all as bytes
        for tensor in graph.initializer:
            values = numpy_helper.to_array(tensor)
            tensor.ClearField("raw_data")
            tensor.float_data.extend(values.reshape(-1).tolist())
    if kind == "constants":
        for tensor in list(graph.initializer):
            graph.node.insert(0, helper.make_node("Constant", [], [tensor.name], value=tensor))
        del graph.initializer[:]
    if kind == "transposed":
        graph.node.insert(0, helper.make_node("Transpose", [graph.initializer[1].name], ["turned"], perm=[1, 0]))
        graph.node[-1].input[1] = "turned"
        del graph.node[-1].attribute[:]
    if kind == "old":
        pool = next(node for node in graph.node if node.op_type == "GlobalAveragePool")
        pool.CopyFrom(helper.make_node("ReduceMean", list(pool.input), list(pool.output), axes=[2, 3]))
        model.opset_import[0].version = 13
    file = save(tmp_path, model)
    if kind == "external":
        onnx.save(model, file, save_as_external_data=True, location="model.onnx.data", size_threshold=0)
        assert (tmp_path / "model.onnx.data").stat().st_size > 100
    package = bring(file, IMAGENET)[0].package
    if kind == "external":
        assert (package.folder / "onnx/model.onnx.data").read_bytes() == (tmp_path / "model.onnx.data").read_bytes()
    holds(package, within=0.02 if kind == "float16" else 1e-4)


def test_pictures_with_channels_last(tmp_path: Path) -> None:
    model = network(("Transpose", {"perm": [0, 3, 1, 2]}), shape=["N", SIDE, SIDE, 3])
    package = bring(save(tmp_path, model), IMAGENET)[0].package
    assert not package.manifest.input.channels_first
    holds(package)


def test_the_scores_are_those_of_the_file_as_it_came(tmp_path: Path) -> None:
    for number, ends in enumerate(ENDS.values()):
        file = save(tmp_path / str(number), ending(ends))
        package = bring(file, IMAGENET)[0].package
        values = np.random.default_rng(7).normal(size=(1, *package.manifest.input.shape)).astype(np.float32)
        before, after = (
            onnxruntime.InferenceSession(str(path)).run(None, {"image": values})[0]
            for path in (file, package.folder / "model.onnx")
        )
        assert np.array_equal(before, after), list(ENDS)[number]


def test_it_needs_no_onnx(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = bring(save(tmp_path, network(after=())), IMAGENET)[0].package
    monkeypatch.setitem(sys.modules, "onnx", None)
    holds(package)


def test_data_from_outside_the_folder_are_not_read(tmp_path: Path) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    onnx.save(
        ending([POOL, FLAT, GEMM]),
        tmp_path / "model.onnx",
        save_as_external_data=True,
        location="data",
        size_threshold=0,
    )
    (inside / "data").symlink_to(tmp_path / "data")
    graph = Graph((tmp_path / "model.onnx").read_bytes(), inside / "model.onnx")
    name = next(node for node in graph.nodes if node.operation == "Gemm").inputs[1]
    with pytest.raises(ValueError, match="outside its folder"):
        graph.constant(name)


@pytest.mark.parametrize("cut", [0, 1, 40, 200])
def test_a_file_that_is_cut_off_is_no_model(cut: int) -> None:
    data = network().SerializeToString()
    with pytest.raises(ValueError, match=r"cut off|no graph"):
        Graph(data[:cut], Path("model.onnx"))
