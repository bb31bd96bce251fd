"""The files with which Pillow tests itself, many of them made to break decoders."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

VERSION = "13.0.0"
SHA256 = "cdcd1ba258178f7356d74170c9a81ba4eab6a5d55748bc402a5a2a6fe6be3510"


def pillow_images() -> Path:
    """The folder `Tests/images` of Pillow's source distribution, kept for the next run."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "image-classifier"
    folder = cache / f"pillow-{VERSION}-images"
    if not folder.exists():
        scratch = cache / f"scratch-{os.getpid()}"
        try:
            _unpack(_download(scratch), scratch / "images")
            try:
                (scratch / "images").rename(folder)
            except OSError:
                if not folder.exists():  # by another process, which was faster
                    raise
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    return folder


def _download(folder: Path) -> Path:
    # Only Pillow itself from source: what its build asks for comes as wheels.
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", "pillow"]
    subprocess.run([*command, "--dest", str(folder), f"pillow=={VERSION}"], check=True, timeout=300)
    file = folder / f"pillow-{VERSION}.tar.gz"
    assert hashlib.sha256(file.read_bytes()).hexdigest() == SHA256
    return file


def _unpack(file: Path, folder: Path) -> None:
    prefix = f"pillow-{VERSION}/Tests/images/"
    with tarfile.open(file) as archive:
        for member in archive:
            if member.isfile() and member.name.startswith(prefix):
                member.name = member.name.removeprefix(prefix)
                archive.extract(member, folder, filter="data")
