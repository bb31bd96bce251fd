"""Opens the model that an operator names: a package by its name or folder, a model file, or a folder or zip with one.

A model that is not a package yet is imported first, into a temporary folder that lasts as long as this process. The
import runs in a child process, so that a server that runs LiteRT does not keep the memory that TensorFlow took, and
so that a file that crashes or hangs does so there.
"""

from __future__ import annotations

import atexit
import itertools
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from classifier.errors import ModelFileError
from classifier.machine import files
from classifier.machine.import_process import REFUSAL, run_import
from classifier.package.catalog import Catalog
from classifier.package.locate import is_bare, locate
from classifier.package.naming import named
from classifier.package.package import ModelPackage

if TYPE_CHECKING:
    from classifier.settings import Settings

_PREFIX = "classifier-import-"


def opened_package(settings: Settings, *, sealed: bool = False) -> ModelPackage:
    """The default model's package, read and checked.

    Args:
        settings: `model` names it, `models` is the folder of packages, `trust` is for an import.
        sealed: as for `ModelPackage.load`.

    Raises:
        UnknownModelError, AmbiguousModelError: there is no such model, or several of that name.
        ParameterError: nothing names a model, and there is not just one.
        PackageError: the package is incomplete or wrong, or cannot be read.
        ModelFileError: the file cannot become a package; the message says why.
    """
    folder = locate(settings.model, settings.models, chosen=settings.model_is_chosen)
    if is_bare(folder):
        folder = _imported(folder, settings)
    if is_temporary(folder):
        atexit.register(forget, folder)
    package = ModelPackage.load(folder, weights=settings.engine is None, sealed=sealed)
    catalog = Catalog.read(settings.models)
    key = catalog.key(folder)
    return package.called(catalog.name_of(key)) if key else package


def forget(folder: Path) -> None:
    """Removes a package that was imported for this process only; leaves any other folder alone.

    At a normal exit Python calls this by itself; call it in a process that ends without Python's exit handlers.
    """
    if is_temporary(folder):
        shutil.rmtree(folder.parent, ignore_errors=True)


def is_temporary(folder: Path) -> bool:
    """Whether a package was imported for this process, by this process or by the launcher that became it."""
    place = folder.parent
    return place.name.startswith(f"{_PREFIX}{os.getpid()}-") and place.parent == Path(tempfile.gettempdir())


def _imported(source: Path, settings: Settings) -> Path:
    """The folder of a package made of a model file, a folder or a zip."""
    name = _free(named(source.with_name(source.stem)), settings.models)
    with files.refusing(ModelFileError, source):
        # The process id stays the same when the launcher becomes the server, which then removes the folder.
        place = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-"))
        try:
            _import(source, place / name, trust=settings.trust)
        except BaseException:
            shutil.rmtree(place, ignore_errors=True)
            raise
    return place / name


def _free(name: str, models: Path) -> str:
    """The name, with a number behind it if a package has that name already."""
    catalog = Catalog.read(models)
    taken = {*catalog.folders, *catalog.named}
    names = itertools.chain([name], (f"{name}-{number}" for number in itertools.count(2)))
    return next(free for free in names if free not in taken)


def _import(source: Path, target: Path, *, trust: bool) -> None:
    said: list[str] = []
    status = run_import(
        ["import", "--link", str(source.absolute()), str(target)],
        str(source),
        target,
        out=_pass_on,
        err=said.append,
        variables={"CLASSIFIER_TRUST": "1" if trust else "0"},
    )
    if status:
        ours = [line for line in said if line.startswith(REFUSAL)]
        raise ModelFileError(
            ours[-1].removeprefix(REFUSAL).rstrip("\n") if ours else f"{source}: importing it ended with {status}."
        )
    for line in said:
        _to_standard_error(line)


def _pass_on(line: str) -> None:
    """Shows what the import says; our standard output may be for JSON only, and the folder is nobody's business."""
    if not line.startswith("written "):
        _to_standard_error(line)


def _to_standard_error(line: str) -> None:
    if sys.stderr:
        sys.stderr.write(line)
        sys.stderr.flush()
