"""Makes the last feature map of a `.tflite` model an output, if the model ends in pooling and one or two layers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

from classifier.backends.litert import named_outputs, quantise, resizable
from classifier.explanation import litert_head, trace
from classifier.importing.litert import edit
from classifier.importing.litert.graph import parse
from classifier.importing.network import FEATURES


def added(data: bytes, scores: str | None, values: Iterable[NDArray[np.float32]]) -> bytes | None:
    """A model with its last feature map as another output, called `FEATURES`.

    Args:
        data: the whole file, which LiteRT has loaded, so that it is not checked for damage again.
        scores: the name of the output with the scores; None if it is the only one.
        values: inputs `(1, H, W, C)` with which both models are tried.

    Returns:
        The new file; None if the model has no such map, or would not give the very same scores.
    """
    model = parse(data)
    plain = _Run(data)
    scored = plain.outputs[scores or next(iter(plain.outputs))]
    tensor = _feature_map(model, scored) if len(model.subgraphs) == 1 else None
    if tensor is None or FEATURES in plain.outputs or tensor in plain.outputs.values():
        return None
    try:
        changed = edit.with_output(data, tensor, FEATURES)
        both = _Run(changed)
        same = all(np.array_equal(plain(one, scored), both(one, scored)) for one in values)
    except (ValueError, RuntimeError):  # LiteRT does not load it, or cannot run it
        return None
    return changed if same and both.outputs == {**plain.outputs, FEATURES: tensor} else None


class _Run:
    """A model as a function from values to one of its tensors as it is."""

    def __init__(self, data: bytes) -> None:
        self._interpreter = Interpreter(model_content=data, num_threads=1)
        self._interpreter.allocate_tensors()
        self.outputs = {name: int(detail["index"]) for name, detail in named_outputs(self._interpreter).items()}

    def __call__(self, values: NDArray[np.float32], tensor: int) -> NDArray[Any]:
        (image,) = self._interpreter.get_input_details()
        if resizable(image, values.shape):
            self._interpreter.resize_tensor_input(image["index"], values.shape)
            self._interpreter.allocate_tensors()
        self._interpreter.set_tensor(image["index"], quantise(values, image))
        self._interpreter.invoke()
        found: NDArray[Any] = self._interpreter.get_tensor(tensor)
        return found


def _feature_map(model: Any, scores: int) -> int | None:
    """The tensor that is pooled for the scores, `(1, h, w, channels)`; an input of the model is none."""
    found = trace.pooled(scores, litert_head.Reader(model).step)
    made = {int(output) for operation in model.subgraphs[0].operators for output in operation.outputs}
    return found if found in made else None
