"""The LiteRT backend: a `.tflite` model on the CPU through XNNPACK. Starts in a fraction of a second."""

from __future__ import annotations

import threading

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

from classifier.backends import Outputs, check_scores, cpu_device
from classifier.errors import PackageError
from classifier.package import MANIFEST, Form, ModelPackage


class LiteRTBackend:
    """Runs a package's `litert` weights; one interpreter, used by one thread at a time."""

    name: Form = "litert"

    def __init__(self, package: ModelPackage, threads: int) -> None:
        """Loads, checks and warms up the model.

        Raises:
            PackageError: when the weights are no LiteRT model or do not fit the package.
        """
        file = package.weights_file("litert")
        try:
            self._interpreter = Interpreter(model_path=str(file), num_threads=threads)
            self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise PackageError(f"{file}: LiteRT cannot load it: {error}") from error
        self.device = cpu_device(threads)
        self._lock = threading.Lock()
        (image,) = self._interpreter.get_input_details()
        expected = (1, *package.manifest.input.size, 3)
        if tuple(image["shape"]) != expected:
            raise PackageError(
                f"{file}: its input has the shape {tuple(image['shape'])}, "
                f"but input.size in {package.folder / MANIFEST} expects {expected}"
            )
        self._input = image["index"]
        self._scores, self._features = self._outputs(package.manifest.output.features)
        check_scores(package, file, self.run(np.zeros(expected, np.float32)).scores.shape)

    def run(self, batch: NDArray[np.float32]) -> Outputs:
        """Runs a batch `(N, H, W, 3)`, one picture after the other: the model has a fixed batch of 1."""
        scores, features = [], []
        for picture in batch:
            with self._lock:
                self._interpreter.set_tensor(self._input, picture[None])
                self._interpreter.invoke()
                scores.append(self._interpreter.get_tensor(self._scores))
                if self._features is not None:
                    features.append(self._interpreter.get_tensor(self._features))
        return Outputs(np.concatenate(scores), np.concatenate(features) if features else None)

    def _outputs(self, features: str | None) -> tuple[int, int | None]:
        """Tensor indices of the scores and of the features, by the names in the model's signature."""
        signatures = self._interpreter.get_signature_list()
        if features is None or not signatures:
            return self._interpreter.get_output_details()[0]["index"], None
        runner = self._interpreter.get_signature_runner(next(iter(signatures)))
        details = dict(runner.get_output_details())
        feature_map = details.pop(features)["index"]
        (scores,) = details.values()
        return scores["index"], feature_map
