"""The first load of a model that others made: in a child process, since a file can crash or hang the library.

What has been tried is remembered by its content and by the library's version, in a cache folder: only the first load
takes longer. Models that come with the project are not tried, nor one for which two copies do not fit into the memory.
`python -m classifier.backends.trial` is the child.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import sys
from contextlib import suppress
from importlib import metadata
from pathlib import Path

from classifier.backends.names import BackendInfo
from classifier.checkout import ROOT
from classifier.errors import ClassifierError, PackageError
from classifier.machine import child
from classifier.machine.import_process import crashed
from classifier.machine.memory import available_memory
from classifier.package import Form, ModelPackage, content, find_packages

log = logging.getLogger(__name__)

_MODELS = ROOT / "model"
_LIBRARIES = ("ai-edge-litert", "onnxruntime", "tensorflow", "tensorflow-cpu")
_PICTURES = 3
_MOST_REMEMBERED = 1000  # models tried, with all versions of the libraries together
_BASE = 100_000_000  # bytes that the child takes before it loads a model
_BASE_GPU = 600_000_000  # the same with TensorFlow

_failed: dict[str, str] = {}
"""What was wrong with the models that failed in this process's lifetime: nobody waits for the same hang twice."""
_passed: set[str] = set()
"""Those that did not, for where nothing can be written."""


def try_out(package: ModelPackage, backend: BackendInfo, threads: int, *, trust: bool) -> None:
    """Loads and runs a model in a child process if that has not been done before.

    What goes wrong there in an orderly way is not reported: it goes wrong again, with its own error, when the model is
    loaded in this process.

    Args:
        package: the model.
        backend: what is to run it.
        threads: CPU threads for inference.
        trust: whether to load weights that can run code.

    Raises:
        PackageError: the model crashes, hangs or takes all memory.
    """
    if package.folder.resolve().parent == _MODELS or backend.form is None:
        return
    try:
        key = _key(package, backend.form)
    except OSError:
        return  # loading it says what is wrong
    if key in _failed:
        raise PackageError(_failed[key])
    if key in _passed or _is_known(key) or key in _own_keys(backend.form) or not _fits(package, backend):
        return
    log.info("%s: its first load, tried in a process of its own", package.name)
    try:
        end = child.run(
            __name__,
            [str(package.folder.absolute()), backend.name, str(threads), "1" if trust else "0"],
            out=_discard,
            err=_discard,
        )
    except OSError as error:  # no process, or no folder for temporary files: that is not the model's fault
        log.warning("%s: its first load cannot be tried in a process of its own: %s", package.name, error)
        return
    if end.status is None:
        _failed[key] = crashed(str(package.weights_file(backend.form)), end)
        raise PackageError(_failed[key])
    if end.status == 0:
        _passed.add(key)
        _remember(key)


def remember(package: ModelPackage, form: Form) -> None:
    """Notes that a package's weights of some form have been loaded and run on this machine."""
    with suppress(OSError):
        _remember(_key(package, form))


def _discard(line: str) -> None:
    log.debug("%s", line.rstrip())


def _key(package: ModelPackage, form: Form) -> str:
    """What tells one thing to try from another: the content of the weights, and what is asked of them.

    Raises:
        OSError: the weights cannot be read.
    """
    manifest = package.manifest
    weights = manifest.weights[form]
    hashed = content.digest(package.folder / weights.file, form) if form == "onnx" else weights.sha256
    hashed = hashed or content.digest(package.folder / weights.file)
    asked = [form, hashed, manifest.input.shape, manifest.output.scores, manifest.output.features]
    return hashlib.sha256(json.dumps(asked).encode()).hexdigest()


def _own_keys(form: Form) -> set[str]:
    """The keys of the models that come with the project, for copies of them elsewhere."""
    keys = set()
    for folder in find_packages(_MODELS).values():
        with suppress(ClassifierError, OSError):
            package = ModelPackage.load(folder)
            if form in package.manifest.weights:
                keys.add(_key(package, form))
    return keys


def _fits(package: ModelPackage, backend: BackendInfo) -> bool:
    """Whether there is memory for a child with the model: where there is little, a server needs it for the model."""
    room = available_memory()
    needed = (_BASE_GPU if backend.gpu else _BASE) + package.weights_size(backend.form) * backend.memory
    return room is None or needed <= room


def _tried() -> Path | None:
    """The folder with an empty file for each key that was tried with the present libraries; None if there is none."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    if not os.path.isabs(base):
        base = os.path.expanduser("~/.cache")
    if not os.path.isabs(base):  # the system knows no home of this user
        return None
    versions = [f"{name} {one.version}" for name in _LIBRARIES for one in metadata.distributions(name=name)]
    return Path(base, "image-classifier", "tried", hashlib.sha256("\n".join(versions).encode()).hexdigest()[:16])


def _is_known(key: str) -> bool:
    folder = _tried()
    return folder is not None and os.path.exists(folder / key)


def _remember(key: str) -> None:
    if folder := _tried():
        with suppress(OSError):  # a container's file system may be read-only: it is tried again at each start
            folder.mkdir(parents=True, exist_ok=True)
            (folder / key).touch()
            _forget(folder.parent)


def _forget(base: Path) -> None:
    """Forgets the models that were tried longest ago, beyond so many, and versions of the libraries without any.

    Raises:
        OSError: another process did the same at the same time.
    """
    stamps = sorted(base.glob("*/*"), key=lambda stamp: stamp.stat().st_mtime)
    for stamp in stamps[:-_MOST_REMEMBERED]:
        stamp.unlink()
    for versions in {stamp.parent for stamp in stamps[:-_MOST_REMEMBERED]}:
        with suppress(OSError):  # it is not empty
            versions.rmdir()


def _main() -> None:
    import numpy as np

    from classifier.backends.choice import load_backend
    from classifier.machine import progress
    from classifier.preprocessing import normalise

    folder, name, threads, trust = sys.argv[1:]
    package = ModelPackage.load(folder)
    progress.sign(progress.LONG_STEP if name == "tensorflow" else progress.STEP)
    backend, _ = load_backend(package, name, int(threads), trust=trust == "1")
    random = np.random.default_rng(6)
    for _ in range(_PICTURES):
        progress.sign()
        pixels = random.integers(0, 256, (*package.manifest.input.size, 3), np.uint8)
        backend.run(normalise(pixels, package.manifest.input))


if __name__ == "__main__":
    try:
        _main()
    except Exception:  # loading it in the process that wants it says what is wrong
        sys.exit(2)
