"""Reads ONNX models with ONNX Runtime; one that needs a change, such as a scale of its scores, is written anew."""

from __future__ import annotations

import importlib.util
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from classifier.backends.names import ONNX
from classifier.errors import BackendError, ModelFileError, PackageError
from classifier.importing import huggingface
from classifier.importing.huggingface import Beside
from classifier.importing.network import Network, Run, takes_grey
from classifier.importing.onnx.metadata import Metadata
from classifier.importing.onnx.metadata import read as read_metadata
from classifier.importing.options import SCALES, Options, Scaling
from classifier.importing.sources import Source
from classifier.importing.write import copy_or_link
from classifier.machine.cpus import cpu_count

if TYPE_CHECKING:
    from classifier.importing.onnx.model import Model

_FOLDER = "onnx"  # in a package, of a model whose weights are in files of their own


def read(source: Source, options: Options) -> Network:
    """Reads an ONNX model.

    Args:
        source: the `.onnx` file; its data files, and what Hugging Face puts beside a model, are read, too.
        options: only `link` and `output` are used.

    Raises:
        ModelFileError: the file is damaged or cannot be run, or the model does not take pictures.
        BackendError: ONNX Runtime is not installed.
    """
    file = source.file
    if not (ONNX.installed and importlib.util.find_spec("onnx")):
        raise BackendError(
            f"{file}: reading this kind of model needs ONNX Runtime and onnx, which are not installed. {ONNX.remedy}"
        )
    # Not everybody has installed what these import.
    from classifier.backends.onnx import check_type, open_session
    from classifier.importing.onnx import data
    from classifier.importing.onnx.model import read as read_model

    try:
        session = open_session(file, cpu_count())
        model = read_model(file, options.output)
        metadata = read_metadata(model.properties, str(file))
        beside = huggingface.read(file.parent)
        model.adapt()
        if model.changed:
            session = _open_changed(model)
        check_type(session.get_inputs()[0], file)
    except PackageError as error:
        data.check_readable(file)  # of which ONNX Runtime says no more than a number
        raise ModelFileError(error.message) from error
    # A package that only links to the model has no feature map: that would take a changed copy.
    features = model.add_features() if model.feature_map and (model.changed or not options.link) else None

    def open_(shape: tuple[int, ...]) -> Run:
        return _opened(file, session, shape)

    def write(folder: Path) -> str:
        return _write(model, folder, options.link)

    labels = metadata.labels or model.scores.labels or beside.labels
    return Network(
        file=file,
        description=model.description,
        form="onnx",
        shape=model.shape,
        open=open_,
        write=write,
        activation=model.activation,
        scaling=_scaling(model, metadata, beside),
        labels={"en": labels} if labels else {},
        labels_from="" if metadata.labels or model.scores.labels else beside.labels_from,
        told=metadata.told.otherwise(beside.told),
        features=features,
        tolerance=1e-3 if model.weights == "float32" else 1e-2,
        of_pytorch=_is_of_pytorch(model),
    )


def _is_of_pytorch(model: Model) -> bool:
    """Whether PyTorch wrote it, if ONNX Runtime's tools have not put their own name over that of who did."""
    producer = model.proto.producer_name.lower()
    return producer == "pytorch" or (producer == "onnx.quantize" and model.shape[1:2] == (3,))


def _open_changed(model: Model) -> Any:
    """A session of a changed model.

    Raises:
        PackageError: ONNX Runtime cannot run it.
    """
    from classifier.backends.onnx import open_session
    from classifier.importing.onnx import data

    if not data.locations(model.proto):
        return open_session(model.file, cpu_count(), model.proto.SerializeToString())
    # Links to its data, as in Hugging Face's cache, lead out of its folder, which ONNX Runtime allows to no copy.
    with tempfile.TemporaryDirectory(prefix="classifier-") as folder:
        return open_session(Path(folder, _write(model, Path(folder), link=False)), cpu_count())


def _opened(file: Path, session: Any, shape: tuple[int, ...]) -> Run:
    """The model as a function of values `(1, *shape)`.

    Raises:
        ModelFileError: the model does not take this shape.
    """
    from classifier.backends.onnx import cast
    from classifier.backends.onnx_errors import reason

    image = session.get_inputs()[0]
    scores = session.get_outputs()[0].name

    def run(values: NDArray[np.float32]) -> NDArray[np.float32]:
        (found,) = session.run([scores], {image.name: cast(values, image)})
        found = np.asarray(found, np.float32)
        # One number for each class, in whatever place: (1, classes, 1, 1) of convolutions, (classes,) of a squeeze.
        return found.reshape(1, -1) if max(found.shape, default=1) == found.size else found

    try:
        run(np.zeros((1, *shape), np.float32))
    except Exception as error:  # ONNX Runtime's errors have no class in common but this one
        raise ModelFileError(
            f"{file}: it does not take an input of the shape {(1, *shape)}: {reason(error)}"
        ) from error
    return run


def _scaling(model: Model, metadata: Metadata, beside: Beside) -> Scaling | None:
    """The scaling: by the graph's arithmetic, then by what is said in words, then by how it quantises its input."""
    pixels = SCALES["raw"].because("its input is of whole numbers, 0 to 255") if model.whole else None
    quantised = model.beginning.quantised
    found = (
        model.beginning.scaling,
        metadata.scaling,
        pixels,
        beside.scaling,
        quantised.scaling if quantised else None,
    )
    grey = takes_grey(model.shape)
    return next((one for one in found if one and not (grey and isinstance(one.mean, tuple))), None)


def _write(model: Model, folder: Path, link: bool) -> str:
    from classifier.importing.onnx import data
    from classifier.package.onnx_data import MODEL

    names = data.locations(model.proto)
    place = folder / _FOLDER if names else folder
    place.mkdir(exist_ok=True)
    link = link and not model.changed  # the data of a changed copy must be in the copy's folder
    for name in names:
        target = place / name
        target.parent.mkdir(parents=True, exist_ok=True)
        copy_or_link(data.locate(model.file, name).resolve(), target, link=link)
    if model.changed:
        (place / MODEL).write_bytes(model.proto.SerializeToString())
    else:
        copy_or_link(model.file.resolve(), place / MODEL, link=link)
    return _FOLDER if names else MODEL
