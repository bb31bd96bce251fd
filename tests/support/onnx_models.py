"""Small ONNX models as programs export them, made by onnx itself, and their scores of a photo by ONNX Runtime alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from classifier.importing.core import Imported
from classifier.importing.options import Options
from tests.support.imported import LABELS, answer, bring, pixels, write_labels

SIDE = 24
MEAN = np.array([0.485, 0.456, 0.406], np.float32)
STD = np.array([0.229, 0.224, 0.225], np.float32)
Step = tuple[Any, ...]
Values = Callable[[NDArray[np.float32]], NDArray[Any]]


def network(
    *before: Step,
    after: Sequence[Step] = (("Softmax",),),
    shape: Sequence[int | str | None] = ("N", 3, SIDE, SIDE),
    kind: str = "float32",
    gain: float = 1.0,
    metadata: Mapping[str, str] | None = None,
    opset: int = 18,
    ir: int = 10,
    producer: str = "",
) -> Any:
    """A convolution, the mean over all places, and a layer of three classes, seeded.

    Args:
        before: what is done to the picture first: an operation, then constants, then a dictionary of attributes;
            `...` among the constants is the place of the picture, if that is not the first.
        after: what is done to the logits, in the same form.
        shape: of the input.
        kind: type of the input, as NumPy names it; float16 also inside.
        gain: by what the kernel is multiplied, so that pictures of 0 to 255 can be told apart as those of 0 to 1 can.
        metadata: the file's metadata.
        opset: version of the operations.
        ir: version of the format.
        producer: the program that wrote the file.
    """
    random = np.random.default_rng(6)
    inside = np.dtype("float16" if kind == "float16" else "float32")
    kernel = random.normal(size=(8, 3 if 1 not in shape[1:] else 1, 3, 3)) * gain / 5
    middle: list[Step] = [
        ("Conv", kernel.astype(inside), {"strides": [2, 2]}),
        ("Relu",),
        ("GlobalAveragePool",),
        ("Flatten",),
        ("Gemm", random.normal(size=(8, 3)).astype(inside), random.normal(size=3).astype(inside)),
    ]
    nodes: list[Any] = []
    constants: list[Any] = []
    last = "image"
    for number, (operation, *given) in enumerate([*before, *middle, *after]):
        attributes = given.pop() if given and isinstance(given[-1], dict) else {}
        names = []
        for value in given:
            names.append(last if value is ... else f"constant_{len(constants)}")
            if value is not ...:
                constants.append(numpy_helper.from_array(np.asarray(value), names[-1]))
        names = names if last in names else [last, *names]
        last = f"{operation.lower()}_{number}"
        nodes.append(helper.make_node(operation, names, [last], **attributes))
    image = helper.make_tensor_value_info("image", helper.np_dtype_to_tensor_dtype(np.dtype(kind)), shape)
    output = helper.make_tensor_value_info(last, helper.np_dtype_to_tensor_dtype(inside), None)
    graph = helper.make_graph(nodes, "tiny", [image], [output], constants)
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=ir, producer_name=producer
    )
    helper.set_model_props(model, dict(metadata or {}))
    return model


def quantised() -> Any:
    """A model as a quantisation leaves it: the input and the kernel go through whole numbers."""
    model = network(
        ("QuantizeLinear", np.float32(1 / 255), np.uint8(0)), ("DequantizeLinear", np.float32(1 / 255), np.uint8(0))
    )
    kernel = next(tensor for tensor in model.graph.initializer if len(tensor.dims) == 4)
    whole = np.clip(np.rint(numpy_helper.to_array(kernel) * 100), -127, 127).astype(np.int8)
    model.graph.initializer.extend(
        [numpy_helper.from_array(whole, "whole"), numpy_helper.from_array(np.asarray(0.01, np.float32), "step")]
    )
    model.graph.node.insert(0, helper.make_node("DequantizeLinear", ["whole", "step"], ["kernel"]))
    convolution = next(node for node in model.graph.node if node.op_type == "Conv")
    convolution.input[1] = "kernel"
    model.graph.initializer.remove(kernel)
    return model


def save(folder: Path, model: Any, labels: Sequence[str] = LABELS, name: str = "model.onnx") -> Path:
    """The model's file, with labels beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    onnx.save(model, folder / name)
    if labels:
        write_labels(folder, tuple(labels))
    return folder / name


def first(values: NDArray[Any]) -> NDArray[Any]:
    """Channels before height and width."""
    return values.transpose(2, 0, 1)


def unit(values: NDArray[np.float32]) -> NDArray[Any]:
    """Values of 0 to 1, channels first."""
    return first(values / 255)


def imagenet(values: NDArray[np.float32]) -> NDArray[Any]:
    """Values by ImageNet's mean and deviation, channels first."""
    return first((values / 255 - MEAN) / STD)


def scores(file: Path, values: Values, size: tuple[int, int] = (SIDE, SIDE), output: int = 0) -> NDArray[np.float32]:
    """What ONNX Runtime says of the tests' picture, prepared by Pillow and NumPy."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(str(file), options)
    image = session.get_inputs()[0]
    kinds = {"tensor(float16)": np.float16, "tensor(uint8)": np.uint8, "tensor(int8)": np.int8}
    found = session.run(
        None, {image.name: np.ascontiguousarray(values(pixels(size))[None], kinds.get(image.type, np.float32))}
    )
    return np.asarray(found[output], np.float32).reshape(-1)


def softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Probabilities of logits."""
    raised = np.exp(logits - logits.max())
    return np.asarray(raised / raised.sum(), np.float32)


def check(
    file: Path,
    expected: NDArray[np.float32],
    options: Options | None = None,
    source: Path | None = None,
    within: float = 0.002,
) -> tuple[Imported, dict[str, str]]:
    """Imports a model, and holds the package's scores of the tests' picture to the true ones.

    Args:
        file: the model's file.
        expected: the true probabilities.
        options: of the import.
        source: what is imported in place of the file itself.
        within: by how much they may differ.
    """
    imported, said = bring(source or file, options)
    found = answer(imported.package.folder, "onnx")
    labels = imported.package.labels["en"]
    assert [found[label] for label in labels] == pytest.approx(list(expected), abs=within)
    assert max(expected) < 0.97, "a picture that says nothing about the values"
    return imported, said
