"""Writes a file in one step: whoever reads it finds the old content or the new one, never a part."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path


def write(file: Path, data: bytes) -> None:
    """Puts new content in the place of a file, which keeps its mode; where there is none, a file is made.

    Where `file` is a symbolic link, the file behind it is replaced and the link stays. A device or a pipe is written
    to, and so is a file in a folder where no other file can be made.

    Raises:
        OSError: it cannot be written; unless it had to be written directly, what was there is unchanged.
    """
    try:
        mode = os.stat(file).st_mode
    except FileNotFoundError:
        mode = None
    real = Path(os.path.realpath(file))
    handed_over = str(file).startswith(("/dev/", "/proc/"))  # what a shell has opened, such as /dev/stdout
    if mode is not None and (handed_over or not stat.S_ISREG(mode) or not os.access(real.parent, os.W_OK | os.X_OK)):
        Path(file).write_bytes(data)
        return
    try:
        _replace(real, data, stat.S_IMODE(mode) if mode is not None else 0o666 & ~_umask())
    except OSError as error:  # it names the new file, which is gone
        raise OSError(error.errno, error.strerror, str(file)) from error


def _replace(file: Path, data: bytes, mode: int) -> None:
    with tempfile.NamedTemporaryFile("wb", dir=file.parent, prefix=f".{file.name[:100]}.", delete=False) as new:
        try:
            new.write(data)
            new.flush()
            os.fsync(new.fileno())
            os.chmod(new.name, mode)
            os.replace(new.name, file)
        except BaseException:
            os.unlink(new.name)
            raise


def _umask() -> int:
    """The permissions that new files lack; it can be read only by setting it."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
