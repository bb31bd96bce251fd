"""A bare model file in place of a package: imported once, at the start, into a folder that ends with the process.

The import runs in a process of its own, so that a server that runs LiteRT does not keep TensorFlow's memory.
"""

from __future__ import annotations

import atexit
import itertools
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from classifier.errors import ModelFileError
from classifier.importing.naming import named
from classifier.package import find_packages, is_bare, locate
from classifier.settings import PREFIX, ROOT, Settings

_PREFIX = "classifier-import-"


def package_folder(settings: Settings) -> Path:
    """The folder of the default model's package; one made of a bare file lasts as long as this process.

    Raises:
        UnknownModelError: there is no such model.
        ModelFileError: as `import_bare` does.
    """
    folder = locate(settings.model, settings.models)
    if is_bare(folder):
        folder = import_bare(settings)
        atexit.register(forget, folder)
    return folder


def import_bare(settings: Settings) -> Path:
    """Makes a package of the default model, which `package.is_bare`, and gives its folder.

    Raises:
        ModelFileError: the file cannot become a package; the message says why.
    """
    folder = locate(settings.model, settings.models)
    name = _free(named(folder.with_name(folder.stem)), settings)
    # By the process that it belongs to: a launcher makes it and then becomes the server, which removes it.
    place = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-"))
    try:
        _import(folder, place / name, settings)
    except BaseException:
        shutil.rmtree(place, ignore_errors=True)
        raise
    return place / name


def forget(folder: Path) -> None:
    """Removes a package that `import_bare` made for this process, and no other folder."""
    place = folder.parent
    if place.name.startswith(f"{_PREFIX}{os.getpid()}-") and place.parent == Path(tempfile.gettempdir()):
        shutil.rmtree(place, ignore_errors=True)


def _free(name: str, settings: Settings) -> str:
    """The name, or one like it that no package has."""
    taken = find_packages(settings.models)
    names = itertools.chain([name], (f"{name}-{number}" for number in itertools.count(2)))
    return next(one for one in names if one not in taken)


def _import(source: Path, target: Path, settings: Settings) -> None:
    command = [sys.executable, "-P", "-m", "classifier", "import", "--link", str(source.absolute()), str(target)]
    paths = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    trust = {f"{PREFIX}TRUST": "1" if settings.trust else "0"}
    # What it says goes to standard error: standard output may be somebody's JSON.
    ended = subprocess.run(
        command,
        env={**os.environ, "PYTHONPATH": paths, **trust},
        stdin=subprocess.DEVNULL,
        stdout=2,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
    )
    if ended.returncode:
        said = [line for line in ended.stderr.splitlines() if line.startswith("classifier: ")]
        raise ModelFileError(
            said[-1].removeprefix("classifier: ") if said else f"{source}: importing it ended with {ended.returncode}."
        )
    sys.stderr.write(ended.stderr)
