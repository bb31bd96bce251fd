"""The TensorFlow backend: a Keras model or SavedModel as one traced function, on a GPU where there is one."""

from __future__ import annotations

import logging
import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Read when TensorFlow is imported: without them it prints a page about CPU features and takes all GPU memory.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")

import keras
import tensorflow as tf

from classifier.backends import Outputs, check_scores, cpu_device
from classifier.errors import PackageError
from classifier.package import Form, ModelPackage

log = logging.getLogger(__name__)


class TensorFlowBackend:
    """Runs a package's `tensorflow` weights.

    `keras.Model.predict` and calling the model eagerly cost several times what the traced function does on one
    picture, so there is one `tf.function` with a fixed signature, traced while loading.
    """

    name: Form = "tensorflow"

    def __init__(self, package: ModelPackage, threads: int) -> None:
        """Loads, traces and warms up the model.

        Raises:
            PackageError: when the weights are no Keras model or do not fit the package.
        """
        _configure(threads)
        file = package.weights_file("tensorflow")
        try:
            model = keras.saving.load_model(file, compile=False, safe_mode=True)
        except Exception as error:  # Keras raises whatever a broken file leads it to
            raise PackageError(f"{file}: Keras cannot load it: {error}") from error
        self._features = package.manifest.output.features
        shape = (*package.manifest.input.size, 3)
        signature = tf.TensorSpec((None, *shape), tf.float32, name="image")
        self._function = tf.function(
            lambda image: model(image, training=False), input_signature=[signature], autograph=False
        )
        self._threads = threads
        self._ran_on = ""
        try:
            found = self.run(np.zeros((1, *shape), np.float32)).scores.shape
        except ValueError as error:
            raise PackageError(f"{file}: the model does not take input.size {shape}: {error}") from error
        check_scores(package, file, found)

    @property
    def device(self) -> str:
        """Where the last batch ran, as the result's own tensor says."""
        kind = tf.DeviceSpec.from_string(self._ran_on).device_type
        if kind == "GPU":
            gpu = tf.config.list_physical_devices("GPU")[0]
            name = tf.config.experimental.get_device_details(gpu).get("device_name", "NVIDIA")
            return f"GPU ({name})"
        return cpu_device(self._threads)

    def run(self, batch: NDArray[np.float32]) -> Outputs:
        """Runs a batch `(N, H, W, 3)` at once."""
        result: Any = self._function(tf.constant(batch))
        features = None
        if self._features is not None:
            outputs = dict(result)
            features = outputs.pop(self._features).numpy()
            (result,) = outputs.values()
        self._ran_on = result.device
        return Outputs(result.numpy(), features)

    def for_many(self) -> TensorFlowBackend:
        """This one: its function takes many callers."""
        return self


def _configure(threads: int) -> None:
    """Threads and GPU memory; both can be set only before TensorFlow's first use in the process."""
    try:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(1)
        for gpu in tf.config.list_physical_devices("GPU"):
            tf.config.experimental.set_memory_growth(gpu, True)
    except RuntimeError:
        log.debug("TensorFlow already runs; its threads stay as they are")
