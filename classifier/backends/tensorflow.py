"""The TensorFlow backend: a Keras model or SavedModel as one traced function, on a GPU if there is one."""

from __future__ import annotations

import logging
import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Read when TensorFlow is imported: without them it prints a page about CPU features and takes all GPU memory.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")

import tensorflow as tf

from classifier.backends.loading import Loaded, load
from classifier.backends.model_files import ModelFile
from classifier.backends.names import TENSORFLOW
from classifier.backends.protocol import Outputs, check_features, check_scores, cpu_device, output_names
from classifier.errors import BackendError, PackageError
from classifier.package import ModelPackage

log = logging.getLogger(__name__)

_PROCESS = os.getpid()  # where TensorFlow was imported, and its threads are


class TensorFlowBackend:
    """Runs a package's `tensorflow` weights.

    For one picture, `keras.Model.predict` and calling the model eagerly take several times as long as a traced
    function, so there is one `tf.function` with a fixed signature, traced while loading.
    """

    name = TENSORFLOW.name

    def __init__(self, package: ModelPackage, threads: int, *, trust: bool = False) -> None:
        """Loads, traces and warms up the model.

        Args:
            package: the model.
            threads: for inference on the CPU.
            trust: whether to load weights that can run code when they are loaded.

        Raises:
            PackageError: when the weights are not a Keras model or SavedModel, or do not fit the package.
            TrustError: when the weights can run code, and `trust` is false.
            BackendError: when TensorFlow was imported before this process was forked.
        """
        if os.getpid() != _PROCESS:
            raise BackendError(
                "TensorFlow cannot be used in a process that was forked after it was imported: it would wait for ever. "
                'Start the process with multiprocessing.get_context("spawn"), and load the model there.'
            )
        configure(threads)
        file = package.weights_file("tensorflow")
        model = load(ModelFile.open(file), trust=trust)
        self._package, self._file = package, file
        shape = package.manifest.input.shape
        self._single = model.single
        self.function = trace(model, shape)
        """The traced function, see `trace`."""
        self._threads = threads
        self._ran_on = ""
        try:
            found = self.run(np.zeros((1, *shape), np.float32))
        except (ValueError, TypeError, tf.errors.InvalidArgumentError) as error:
            raise PackageError(f"{file}: the model does not take input.size {shape}: {error}") from error
        check_scores(package, file, found.scores)
        check_features(package, found.features)

    @property
    def device(self) -> str:
        """Where the last batch ran, as the tensor of its result says."""
        kind = tf.DeviceSpec.from_string(self._ran_on).device_type
        if kind == "GPU":
            gpu = tf.config.list_physical_devices("GPU")[0]
            name = tf.config.experimental.get_device_details(gpu).get("device_name", "NVIDIA")
            return f"GPU ({name})"
        return cpu_device(self._threads)

    def run(self, batch: NDArray[np.float32]) -> Outputs:
        """Runs a batch `(N, H, W, 3)` at once, or one picture at a time if the model's batch size is fixed at 1."""
        if self._single and len(batch) > 1:
            each = [self.run(batch[index : index + 1]) for index in range(len(batch))]
            maps = [outputs.features for outputs in each if outputs.features is not None]
            return Outputs(np.concatenate([outputs.scores for outputs in each]), np.concatenate(maps) if maps else None)
        result: Any = self.function(tf.constant(batch))
        features = None
        if isinstance(result, dict):
            scores, wanted = output_names(self._package, self._file, {name: one.shape for name, one in result.items()})
            features = None if wanted is None else result[wanted].numpy()
            result = result[scores]
        self._ran_on = result.device
        return Outputs(result.numpy().astype(np.float32, copy=False), features)  # some models compute in float16

    def for_many(self) -> TensorFlowBackend:
        """This backend itself: many callers can use its function at once."""
        return self


def trace(model: Loaded, shape: tuple[int, ...]) -> Any:
    """A model as one traced function.

    Args:
        model: the loaded model.
        shape: shape of one input, without the batch.

    Returns:
        A function of a batch `(N, *shape)` float32; N must be 1 if the model's batch size is fixed at 1.
    """
    signature = tf.TensorSpec((1 if model.single else None, *shape), tf.float32, name="image")
    return tf.function(lambda image: model.call(cast(image, model.dtype)), input_signature=[signature], autograph=False)


def cast(image: Any, dtype: str) -> Any:
    """Values in the type of a model's input; for integers rounded and clipped to the type's range."""
    wanted = tf.as_dtype(dtype)
    if wanted.is_integer:
        # Not tf.clip_by_value, which LiteRT lacks.
        image = tf.minimum(tf.maximum(tf.round(image), float(wanted.min)), float(wanted.max))
    return tf.cast(image, wanted)


def configure(threads: int) -> None:
    """Sets threads and GPU memory; both can be set only before TensorFlow's first use in the process."""
    try:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(1)
        for gpu in tf.config.list_physical_devices("GPU"):
            tf.config.experimental.set_memory_growth(gpu, True)
    except RuntimeError:
        log.debug("TensorFlow already runs; its threads stay as they are")
