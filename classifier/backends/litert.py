"""The LiteRT backend: a `.tflite` model on the CPU through XNNPACK. Starts in a fraction of a second."""

from __future__ import annotations

import base64
import functools
import threading
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

from classifier.backends.names import LITERT
from classifier.backends.protocol import Outputs, check_features, check_scores, cpu_device, output_names
from classifier.errors import PackageError
from classifier.machine import stderr
from classifier.package import MANIFEST, ModelPackage

_first = threading.Lock()
# A model of one operation, a sigmoid of one number.
_SMALLEST = base64.b64decode(
    "GAAAAFRGTDMAAA4AFAAQAAwACAAAAAQADgAAABAAAAAcAAAA0AAAAAMAAAABAAAACAAAAAQABAAEAAAAAQAAABAAAAAM"
    "ABQAEAAMAAgABAAMAAAAEAAAADwAAABAAAAARAAAAAEAAAAQAAAAAAAKAAwAAAAIAAQACgAAAAgAAAAMAAAAAQAAAAEA"
    "AAABAAAAAAAAAAEAAAABAAAAAQAAAAAAAAACAAAAMAAAAAQAAADk////CAAAAAwAAAAAAAAAAAAAAAEAAAABAAAADAAM"
    "AAgAAAAAAAQADAAAAAgAAAAMAAAAAAAAAAAAAAABAAAAAQAAAAEAAAAQAAAADAAMAAsAAAAAAAQADAAAAA4AAAAAAAAO"
)


@functools.cache
def _say_nothing() -> None:
    """Lets LiteRT write its notice, which it does once in a process, while nobody reads standard error.

    Its Python API cannot set the log level. What it says of a real model, before it ends the process, must not be lost.
    """
    with stderr.held() as (kept, lasting):
        Interpreter(model_content=_SMALLEST, num_threads=1).allocate_tensors()
        stderr.copy(kept, lasting, lambda line: not line.startswith(b"INFO: Created TensorFlow Lite"))


class LiteRTBackend:
    """Runs a package's `litert` weights on interpreters, each used by one thread at a time."""

    name = LITERT.name

    def __init__(
        self, package: ModelPackage, threads: int, *, trust: bool = False, count: int = 1, content: bytes = b""
    ) -> None:
        """Loads, checks and warms up the model.

        Args:
            package: the model.
            threads: CPU threads of each interpreter.
            trust: ignored: a LiteRT model holds no code.
            count: number of interpreters, each with a copy of the weights.
            content: of the weights' file; read now if empty. All interpreters use this one.

        Raises:
            PackageError: when the weights are not a LiteRT model or do not fit the package.
        """
        self.device = cpu_device(threads * count)
        self._package = package
        self._threads = threads
        self._free: SimpleQueue[_Interpreter] = SimpleQueue()
        self._content = content or package.weights_content("litert")
        for _ in range(count):
            self._free.put(_Interpreter(package, threads, self._content))

    def run(self, batch: NDArray[np.float32]) -> Outputs:
        """Runs a batch `(N, H, W, 3)`, one picture at a time: the model's batch size is fixed at 1."""
        interpreter = self._free.get()
        try:
            scores, features = zip(*map(interpreter.run, batch), strict=True)
        finally:
            self._free.put(interpreter)
        return Outputs(np.concatenate(scores), None if features[0] is None else np.concatenate(features))

    def for_many(self) -> LiteRTBackend:
        """A backend with one interpreter per thread: each picture takes longer, but many together take less time."""
        if self._threads == 1:
            return self
        return LiteRTBackend(self._package, 1, count=self._threads, content=self._content)


class _Interpreter:
    """LiteRT's interpreter, and its input and output tensors."""

    def __init__(self, package: ModelPackage, threads: int, content: bytes) -> None:
        file = package.folder / package.manifest.weights["litert"].file
        with _first:
            _say_nothing()
        try:
            # Not from the file, which LiteRT maps into memory: changed there, it would be changed in what runs, too.
            self._interpreter = Interpreter(model_content=content, num_threads=threads)
            self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise PackageError(f"{file}: LiteRT cannot load it: {error}") from error
        (image,) = self._interpreter.get_input_details()
        expected = (1, *package.manifest.input.shape)
        if resizable(image, expected):
            self._interpreter.resize_tensor_input(image["index"], expected)
            self._interpreter.allocate_tensors()
        elif tuple(image["shape"]) != expected:
            raise PackageError(
                f"{file}: its input has the shape {tuple(image['shape'])}, "
                f"but input.size in {package.folder / MANIFEST} expects {expected}"
            )
        self._input = image
        self._scores, self._features = self._outputs(package, file)
        scores, features = self.run(np.zeros(expected[1:], np.float32))
        check_scores(package, file, scores)
        check_features(package, features)

    def run(self, picture: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
        """Scores `(1, classes)` and features of one picture `(H, W, 3)`."""
        self._interpreter.set_tensor(self._input["index"], quantise(picture[None], self._input))
        self._interpreter.invoke()
        scores = self._values(self._scores).reshape(1, -1)
        return scores, None if self._features is None else self._values(self._features)

    def _values(self, tensor: dict[str, Any]) -> NDArray[np.float32]:
        return dequantise(self._interpreter.get_tensor(tensor["index"]), tensor)

    def _outputs(self, package: ModelPackage, file: Path) -> tuple[dict[str, Any], dict[str, Any] | None]:
        """The tensors of the scores and of the features."""
        outputs = named_outputs(self._interpreter)
        shapes = {name: tuple(detail["shape"]) for name, detail in outputs.items()}
        scores, features = output_names(package, file, shapes)
        return outputs[scores], None if features is None else outputs[features]


def named_outputs(interpreter: Interpreter) -> dict[str, dict[str, Any]]:
    """The outputs by name: that in the model's signature, or if it has none, that of the tensor."""
    signatures = interpreter.get_signature_list()
    details = interpreter.get_output_details()
    if not signatures:
        return {detail["name"]: detail for detail in details}
    runner = interpreter.get_signature_runner(next(iter(signatures)))
    by_index = {detail["index"]: detail for detail in details}
    named = {name: by_index.get(detail["index"]) for name, detail in runner.get_output_details().items()}
    known = {name: detail for name, detail in named.items() if detail is not None}
    return known if len(known) == len(details) else {detail["name"]: detail for detail in details}


def resizable(tensor: dict[str, Any], shape: tuple[int, ...]) -> bool:
    """Whether an input tensor of another shape can be resized to this one: its signature is -1 (any size) as needed."""
    present, signature = tuple(tensor["shape"]), tuple(tensor["shape_signature"])
    if present == shape or len(signature) != len(shape):
        return False
    return all(allowed in (-1, wanted) for allowed, wanted in zip(signature, shape, strict=True))


def quantise(values: NDArray[np.float32], tensor: dict[str, Any]) -> NDArray[Any]:
    """Values in a tensor's own type: for integers `q = value / scale + zero point`, rounded and clipped."""
    dtype = np.dtype(tensor["dtype"])
    if dtype.kind not in "iu":
        return values.astype(dtype, copy=False)
    scale, zero_point = tensor["quantization"]
    bounds = np.iinfo(dtype)
    quantised = np.rint(values / np.float32(scale) + zero_point if scale else values)
    return np.clip(quantised, bounds.min, bounds.max).astype(dtype)


def dequantise(values: NDArray[Any], tensor: dict[str, Any]) -> NDArray[np.float32]:
    """The values of a tensor as float32: for integers `(q - zero point) * scale`."""
    if values.dtype.kind not in "iu":
        return values.astype(np.float32, copy=False)
    scale, zero_point = tensor["quantization"]
    return (values.astype(np.float32) - np.float32(zero_point)) * np.float32(scale or 1)
