"""Operations of TensorFlow in a Keras 2 functional model, such as `inputs / 255.0`, as operations of Keras 3.

Keras 2.4 and later make a layer `TFOpLambda` or `SlicingOpLambda` of each, with the function's name and arguments.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Converted = tuple[str, str, dict[str, Any], list[Any]]
"""Module and class of the operation in Keras 3, its options, and the arguments of its call."""
_Make = Callable[[Any, dict[str, Any]], Converted | None]

NUMPY, NN = "keras.src.ops.numpy", "keras.src.ops.nn"
_PAIRS = {
    "math.add": "Add",
    "__operators__.add": "Add",
    "math.subtract": "Subtract",
    "math.multiply": "Multiply",
    "math.truediv": "TrueDivide",
    "math.divide": "TrueDivide",
    "math.pow": "Power",
    "math.maximum": "Maximum",
    "math.minimum": "Minimum",
}
_SINGLE = {
    "math.negative": (NUMPY, "Negative"),
    "math.abs": (NUMPY, "Absolute"),
    "math.square": (NUMPY, "Square"),
    "math.sqrt": (NUMPY, "Sqrt"),
    "math.rsqrt": ("keras.src.ops.math", "Rsqrt"),
    "math.exp": (NUMPY, "Exp"),
    "math.tanh": (NUMPY, "Tanh"),
    "nn.tanh": (NUMPY, "Tanh"),
    "nn.relu": (NN, "Relu"),
    "nn.relu6": (NN, "Relu6"),
    "math.sigmoid": (NN, "Sigmoid"),
    "nn.sigmoid": (NN, "Sigmoid"),
}
_REDUCTIONS = {"mean": "Mean", "max": "Max", "min": "Min", "sum": "Sum"}


def convert(layer: dict[str, Any], value: Any, keywords: dict[str, Any]) -> Converted | None:
    """The operation in Keras 3; None if it is another layer, or an operation that is not known here.

    Args:
        layer: the layer that Keras 2 made of the operation.
        value: the first argument of its call: a reference to a tensor, a constant, or a list of them.
        keywords: the others.
    """
    name = layer["config"].get("function")
    given = {key: item for key, item in keywords.items() if key != "name" and item is not None}
    if layer["class_name"] == "SlicingOpLambda" and name == "__operators__.getitem":
        return _slice(value, given)
    if layer["class_name"] != "TFOpLambda" or not isinstance(name, str):
        return None
    if name in _PAIRS and set(given) == {"y"}:
        return NUMPY, _PAIRS[name], {}, [constant(value), constant(given["y"])]
    if name in _SINGLE and not given:
        return (*_SINGLE[name], {}, [value])
    make = _OTHERS.get(name)
    return make(value, given) if make else None


def constant(value: Any) -> Any:
    """An argument: an array of numbers in the form that Keras 3 writes, anything else as it is."""
    if not isinstance(value, list) or not value or not _numbers(value):
        return value
    return {"class_name": "__numpy__", "config": {"value": value, "dtype": "float32"}}


def slices(spec: list[Any]) -> list[Any] | None:
    """The parts of a slice as Keras 3 writes them; None if one of them is not fixed."""
    parts: list[Any] = []
    for part in spec:
        if isinstance(part, dict) and part.get("class_name") == "__ellipsis__":
            parts.append({"class_name": "__ellipsis__", "config": {}})
        elif isinstance(part, dict) and set(part) == {"start", "stop", "step"}:
            if not all(end is None or isinstance(end, int) for end in part.values()):
                return None
            parts.append({"class_name": "__slice__", "config": part})
        elif part is None or isinstance(part, int):
            parts.append(part)
        else:
            return None
    return parts


def _numbers(value: Any) -> bool:
    if isinstance(value, list):
        return all(_numbers(item) for item in value)
    return isinstance(value, int | float) and not isinstance(value, bool)


def _slice(value: Any, given: dict[str, Any]) -> Converted | None:
    spec = given.get("slice_spec")
    parts = slices(spec if isinstance(spec, list) else [spec])
    return None if parts is None else (NUMPY, "GetItem", {}, [value, parts])


def _bias(value: Any, given: dict[str, Any]) -> Converted | None:
    if given.pop("data_format", "NHWC") != "NHWC" or set(given) != {"bias"}:
        return None
    return NUMPY, "Add", {}, [value, constant(given["bias"])]


def _with(module: str, kind: str, **names: str) -> _Make:
    """A maker of an operation whose options are those of the function, under the names `option=keyword`."""

    def make(value: Any, given: dict[str, Any]) -> Converted | None:
        if not set(given) <= set(names.values()):
            return None
        options = {option: given[keyword] for option, keyword in names.items() if keyword in given}
        return module, kind, options, [value]

    return make


def _transpose(value: Any, given: dict[str, Any]) -> Converted | None:
    if given.pop("conjugate", False) or set(given) != {"perm"}:
        return None
    return NUMPY, "Transpose", {"axes": given["perm"]}, [value]


def _softmax(value: Any, given: dict[str, Any]) -> Converted | None:
    return (NN, "Softmax", {"axis": given.get("axis", -1)}, [value]) if set(given) <= {"axis"} else None


def _silu(value: Any, given: dict[str, Any]) -> Converted | None:
    return (NN, "Silu", {}, [value]) if given.pop("beta", 1.0) == 1.0 and not given else None


def _gelu(value: Any, given: dict[str, Any]) -> Converted | None:
    return (NN, "Gelu", {"approximate": given.pop("approximate", False)}, [value]) if not given else None


def _leaky(value: Any, given: dict[str, Any]) -> Converted | None:
    return NN, "LeakyRelu", {"negative_slope": given.get("alpha", 0.2)}, [value]


def _concat(value: Any, given: dict[str, Any]) -> Converted | None:
    return (NUMPY, "Concatenate", {"axis": given["axis"]}, [value]) if set(given) == {"axis"} else None


def _grey_to_colour(value: Any, given: dict[str, Any]) -> Converted | None:
    return None if given else (NUMPY, "Concatenate", {"axis": -1}, [[value, value, value]])


def _resize(value: Any, given: dict[str, Any]) -> Converted | None:
    options = {"interpolation": given.pop("method", "bilinear"), "antialias": given.pop("antialias", False)}
    size = given.pop("size", None)
    if given.pop("preserve_aspect_ratio", False) or given or not (isinstance(size, list) and _numbers(size)):
        return None
    return "keras.src.ops.image", "Resize", {"size": size, "data_format": "channels_last", **options}, [value]


_OTHERS: dict[str, _Make] = {
    "nn.bias_add": _bias,
    "nn.softmax": _softmax,
    "nn.silu": _silu,
    "nn.swish": _silu,
    "nn.gelu": _gelu,
    "nn.leaky_relu": _leaky,
    "concat": _concat,
    "image.grayscale_to_rgb": _grey_to_colour,
    "image.resize": _resize,
    "cast": _with("keras.src.ops.core", "Cast", dtype="dtype"),
    "clip_by_value": _with(NUMPY, "Clip", x_min="clip_value_min", x_max="clip_value_max"),
    "expand_dims": _with(NUMPY, "ExpandDims", axis="axis"),
    "squeeze": _with(NUMPY, "Squeeze", axis="axis"),
    "compat.v1.squeeze": _with(NUMPY, "Squeeze", axis="axis"),
    "reshape": _with(NUMPY, "Reshape", newshape="shape"),
    "transpose": _transpose,
    "compat.v1.transpose": _transpose,
    **{
        f"math.reduce_{name}": _with(NUMPY, kind, axis="axis", keepdims="keepdims")
        for name, kind in _REDUCTIONS.items()
    },
}
