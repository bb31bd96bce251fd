"""A small convolutional network as an ONNX model, made by onnx itself, and packages of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from classifier import ModelPackage

SIDE = 24
CLASSES = 3
SCORES, FEATURES = "scores", "features"

_MANIFEST = """\
format = 1
name = "tiny"
title = "Tiny"

[input]
size = [{side}, {side}]
channels_first = {first}
{scale}

[output]
classes = {classes}
logits = true
{features}

[labels]
en = "labels.txt"

[weights.onnx]
file = "{file}"
"""


def network(
    kind: str = "float32",
    *,
    batch: int | str | None = "N",
    first: bool = True,
    features: bool = False,
    bias: float = 0.1,
    standardised: bool = False,
    opset: int = 18,
    ir: int = 10,
) -> Any:
    """The model, seeded, with logits for three classes.

    Args:
        kind: type of its input, as NumPy names it; float16 also inside, else float32 inside.
        batch: its batch size, by name if it may be any.
        first: whether the channels come before height and width.
        features: whether the feature map is an output, too, before the scores.
        bias: what is added to the score of the first class.
        standardised: whether the values are divided by the picture's own standard deviation, as some models do; those
            of a picture in one colour become NaN.
        opset: version of its operations.
        ir: version of the format.
    """
    random = np.random.default_rng(6)
    inside = np.dtype("float16" if kind == "float16" else "float32")
    inner = helper.np_dtype_to_tensor_dtype(inside)
    weights = {
        "kernel": random.normal(size=(4, 3, 3, 3)),
        "dense": random.normal(size=(4, CLASSES)) * 2,
        "bias": np.array([bias, 0.2, -0.3]),
    }
    deviation = [
        helper.make_node("ReduceMean", ["given"], ["mean"]),
        helper.make_node("Sub", ["given", "mean"], ["centred"]),
        helper.make_node("Mul", ["centred", "centred"], ["squares"]),
        helper.make_node("ReduceMean", ["squares"], ["variance"]),
        helper.make_node("Sqrt", ["variance"], ["deviation"]),
        helper.make_node("Div", ["centred", "deviation"], ["values"]),
    ]
    nodes = [
        helper.make_node("Cast", ["image"], ["given"], to=inner),
        *(deviation if standardised else [helper.make_node("Identity", ["given"], ["values"])]),
        helper.make_node("Identity" if first else "Transpose", ["values"], ["planes"], **_order(first, 0, 3, 1, 2)),
        helper.make_node("Conv", ["planes", "kernel"], ["map"], strides=[2, 2]),
        helper.make_node("Relu", ["map"], ["positive"]),
        helper.make_node("Identity" if first else "Transpose", ["positive"], [FEATURES], **_order(first, 0, 2, 3, 1)),
        helper.make_node("GlobalAveragePool", ["positive"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["flat"]),
        helper.make_node("Gemm", ["flat", "dense", "bias"], [SCORES]),
    ]
    shape = [batch, 3, SIDE, SIDE] if first else [batch, SIDE, SIDE, 3]
    image = helper.make_tensor_value_info("image", helper.np_dtype_to_tensor_dtype(np.dtype(kind)), shape)
    outputs = [helper.make_tensor_value_info(SCORES, inner, [batch, CLASSES])]
    if features:
        outputs.insert(0, helper.make_tensor_value_info(FEATURES, inner, [batch, None, None, None]))
    initializers = [numpy_helper.from_array(value.astype(inside), name) for name, value in weights.items()]
    graph = helper.make_graph(nodes, "tiny", [image], outputs, initializers)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=ir)


def package(folder: Path, model: Any, *, first: bool = True, scale: str = "", features: bool = False) -> ModelPackage:
    """A package of a model, or of bytes that are none.

    Args:
        folder: where to make it.
        model: the model, the file's bytes, or None if `folder/onnx/model.onnx` is there already.
        first: whether its input has the channels before height and width.
        scale: lines of the manifest that say how values are scaled.
        features: whether the manifest names the feature map.
    """
    folder.mkdir(exist_ok=True)
    if model is not None:
        data = model if isinstance(model, bytes) else model.SerializeToString()
        (folder / "model.onnx").write_bytes(data)
    (folder / "labels.txt").write_text("cat\ndog\nhen\n", "utf-8")
    filled = _MANIFEST.format(
        side=SIDE,
        classes=CLASSES,
        first=str(first).lower(),
        scale=scale,
        features=f'features = "{FEATURES}"' if features else "",
        file="onnx" if model is None else "model.onnx",
    )
    (folder / "model.toml").write_text(filled, "utf-8")
    return ModelPackage.load(folder)


def external(model: Any, location: str) -> bytes:
    """A model whose kernel is in another file, and that file's name in it."""
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    (kernel,) = (tensor for tensor in changed.graph.initializer if tensor.name == "kernel")
    kernel.data_location = TensorProto.EXTERNAL
    for key, value in {"location": location, "offset": "0", "length": str(len(kernel.raw_data))}.items():
        kernel.external_data.add(key=key, value=value)
    kernel.ClearField("raw_data")
    return bytes(changed.SerializeToString())


def data_of(model: Any) -> bytes:
    """What belongs into the file that `external` names."""
    (kernel,) = (tensor for tensor in model.graph.initializer if tensor.name == "kernel")
    return bytes(kernel.raw_data)


def pictures(count: int, *, first: bool = True, raw: bool = False) -> NDArray[np.float32]:
    """Values for the model, seeded: -1 to 1, or 0 to 255 with fractions."""
    shape = (3, SIDE, SIDE) if first else (SIDE, SIDE, 3)
    values = np.random.default_rng(7).uniform(-1, 1, (count, *shape)).astype(np.float32)
    return np.asarray((values + 1) * 127.5 if raw else values, np.float32)


def _order(first: bool, *order: int) -> dict[str, Any]:
    return {} if first else {"perm": order}
