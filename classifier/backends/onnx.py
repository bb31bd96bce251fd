"""The ONNX backend: an `.onnx` model on the CPU through ONNX Runtime."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from classifier import formatting
from classifier.backends.names import ONNX
from classifier.backends.onnx_errors import reason
from classifier.backends.protocol import Outputs, check_features, check_scores, cpu_device, output_names
from classifier.errors import PackageError
from classifier.formatting import printable
from classifier.machine import files
from classifier.package import MANIFEST, ModelPackage
from classifier.package.onnx_data import MODEL, data_files

_INTEGERS = ("int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64")
_TYPES: dict[str, np.dtype[Any]] = {
    "tensor(float16)": np.dtype("float16"),
    "tensor(float)": np.dtype("float32"),
    "tensor(double)": np.dtype("float64"),
    **{f"tensor({name})": np.dtype(name) for name in _INTEGERS},
}
"""ONNX Runtime's names of types, for those that NumPy has as well."""

_FATAL = 4  # severity of what it logs: everything else is in the errors that it raises
onnxruntime.set_default_logger_severity(_FATAL)


class OnnxBackend:
    """Runs a package's `onnx` weights in a session of ONNX Runtime, which many threads can use at once."""

    name = ONNX.name

    def __init__(self, package: ModelPackage, threads: int, *, trust: bool = False, callers: int = 1) -> None:
        """Loads, checks and warms up the model.

        Args:
            package: the model.
            threads: CPU threads for each caller.
            trust: ignored: an ONNX model holds no code.
            callers: number of threads that will call `run` at once.

        Raises:
            PackageError: when the weights are not an ONNX model that can be run here, or do not fit the package.
        """
        self.device = cpu_device(threads * callers)
        self._package = package
        self._threads = threads
        file = package.weights_file("onnx")
        self._session = open_session(file, threads, copied=True)
        self._input = self._only_input(file)
        self.outputs = self._chosen_outputs(file)
        """The names of the scores and, if the package names one, of the feature map."""
        shape = package.manifest.input.shape
        try:
            found = self.run(np.zeros((1, *shape), np.float32))
        except Exception as error:  # ONNX Runtime's errors have no class in common but this one
            raise PackageError(f"{file}: the model does not take input.size {shape}: {reason(error)}") from error
        check_scores(package, file, found.scores)
        check_features(package, found.features)

    def run(self, batch: NDArray[np.float32]) -> Outputs:
        """Runs a batch `(N, H, W, 3)`, one picture at a time.

        Many graphs say that they take any number of pictures and take one only, and where ranges are measured while a
        model runs, as in one that was quantised dynamically, a picture's scores would depend on its neighbours.
        """
        scores, maps = zip(*(self._run_one(batch[index : index + 1]) for index in range(len(batch))), strict=True)
        return Outputs(np.concatenate(scores), None if maps[0] is None else np.concatenate(maps))

    def for_many(self) -> OnnxBackend:
        """A backend whose session computes in its caller's thread: many callers then do not wait for each other."""
        return self if self._threads == 1 else OnnxBackend(self._package, 1, callers=self._threads)

    def _run_one(self, picture: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
        found = self._session.run(self.outputs, {self._input.name: cast(picture, self._input)})
        scores = found[0].reshape(1, -1).astype(np.float32, copy=False)
        if len(found) == 1:
            return scores, None
        features = found[1].astype(np.float32, copy=False)
        first = self._package.manifest.input.channels_first and features.ndim == 4
        return scores, features.transpose(0, 2, 3, 1) if first else features

    def _only_input(self, file: Path) -> Any:
        inputs = self._session.get_inputs()
        if len(inputs) != 1:
            raise PackageError(f"{file}: it has {len(inputs)} inputs, but a classifier has one, a picture")
        (image,) = inputs
        check_type(image, file)
        expected = (1, *self._package.manifest.input.shape)
        fits = len(image.shape) == len(expected) and all(
            allowed == wanted for allowed, wanted in zip(image.shape, expected, strict=True) if isinstance(allowed, int)
        )
        if not fits:
            raise PackageError(
                f"{file}: its input has the shape {formatting.shape(image.shape)}, "
                f"but input.size in {self._package.folder / MANIFEST} expects {expected}"
            )
        return image

    def _chosen_outputs(self, file: Path) -> list[str]:
        """The names of the scores and, if the package names one, of the feature map."""
        outputs = {
            output.name: [side if isinstance(side, int) else None for side in output.shape]
            for output in self._session.get_outputs()
        }
        scores, features = output_names(self._package, file, outputs)
        return [scores] if features is None else [scores, features]


def open_session(
    path: Path, threads: int, content: bytes | None = None, *, copied: bool = False
) -> onnxruntime.InferenceSession:
    """Loads a model into ONNX Runtime, for the CPU.

    Args:
        path: the `.onnx` file, or a folder that holds `model.onnx` and its data files.
        threads: CPU threads of one run.
        content: what is loaded in place of what is in the file; it has no data files.
        copied: whether data files are copied. Else ONNX Runtime maps them into memory: changed on the disk, they would
            be changed in what runs, too.

    Raises:
        PackageError: it is damaged, or this ONNX Runtime cannot run it.
    """
    file = path / MODEL if path.is_dir() else path
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = _FATAL
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if content is not None:
        return _loaded(file, content, options)
    data = _data_of(file) if copied else {}
    # ONNX Runtime takes addresses: it copies when it makes a session, and `data` has to live for as long.
    options.add_external_initializers_from_files_in_memory(
        list(data), list(data.values()), [len(one) for one in data.values()]
    )
    try:
        # Links are followed first: data files may lie only in the folder of the file itself, which ONNX Runtime checks.
        return _loaded(file, str(file.resolve()), options)
    except PackageError:
        if not file.is_symlink():
            raise
        return _loaded(file, str(file), options)  # with links to the data, too, as in Hugging Face's cache


def _data_of(file: Path) -> dict[str, bytes]:
    """What is in the data files of a model, by the names that it has for them.

    Raises:
        PackageError: a file cannot be read.
    """
    with files.refusing(PackageError, file):
        return {name: files.read(one) for name, one in data_files(file).items()}


def _loaded(file: Path, model: str | bytes, options: onnxruntime.SessionOptions) -> onnxruntime.InferenceSession:
    try:
        session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"], enable_fallback=0)
        for named in (*session.get_inputs(), *session.get_outputs()):
            str(named)  # raises now, not wherever it is used first, if it is no text
    except Exception as error:  # ONNX Runtime's errors have no class in common but this one
        raise PackageError(f"{file}: {reason(error)}") from error
    return session


def check_type(image: Any, file: Path) -> None:
    """Refuses an input that no picture can be given to.

    Args:
        image: the input, as a session describes it.
        file: the model, for messages.

    Raises:
        PackageError: its type is none of numbers that NumPy has.
    """
    if image.type not in _TYPES:
        raise PackageError(
            f"{file}: its input is a {printable(image.type)}, which a picture's values cannot be. "
            "Export the model with a float32 input."
        )


def cast(values: NDArray[np.float32], image: Any) -> NDArray[Any]:
    """Values in the type of a model's input; for integers rounded and clipped to the type's range.

    Args:
        values: any shape.
        image: the input, as a session describes it, checked by `check_type`.
    """
    dtype = _TYPES[image.type]
    if dtype.kind in "iu":
        bounds = np.iinfo(dtype)
        values = np.clip(np.rint(values), bounds.min, bounds.max)
    return np.ascontiguousarray(values, dtype)
