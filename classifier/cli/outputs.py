"""The files that a command writes beside what it prints: checked before the work, and written whole or not at all."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from classifier.cli.messages import say
from classifier.errors import ParameterError
from classifier.formatting import printable
from classifier.machine import atomic, files

STDOUT = "-"
_STDOUT = ("/dev/stdout", "/dev/fd/1", "/proc/self/fd/1")  # opened anew, they would cut off what was printed to a file


def named(outputs: Mapping[str, str | None]) -> dict[str, str]:
    """The outputs that are asked for, in which standard output is `-` whatever it is called."""
    return {option: STDOUT if file in _STDOUT else file for option, file in outputs.items() if file is not None}


def check(outputs: Mapping[str, str]) -> None:
    """Refuses outputs that are the same one, or that cannot be written: now, and not after all the work.

    Args:
        outputs: the file, or `-` for standard output, by the option that names it.

    Raises:
        ParameterError: naming the options or the file.
    """
    seen: dict[str, str] = {}
    for option, file in outputs.items():
        if file != STDOUT:
            with files.refusing(ParameterError, file, writing=True):
                files.check_writable(Path(file))
        place = STDOUT if file == STDOUT else os.path.realpath(file)
        if (other := seen.setdefault(place, option)) != option:
            where = "standard output" if file == STDOUT else printable(file)
            raise ParameterError(f"{other} and {option} both lead to {where}. Name another file for one of them.")


def spare(outputs: Mapping[str, str], inputs: Iterable[str | Path]) -> None:
    """Refuses to write over what the command reads.

    Args:
        outputs: as for `check`.
        inputs: the files that are read; some may not be there.

    Raises:
        ParameterError: naming the option and the file.
    """
    there: dict[tuple[int, int], tuple[str, str]] = {}
    for option, file in outputs.items():
        if file != STDOUT and (found := _identity(file)):
            there[found] = option, file
    if not there:
        return
    for one in inputs:
        if (found := _identity(one)) in there:
            option, file = there[found]
            raise ParameterError(
                f"{option} {printable(file)} would overwrite {printable(str(one))}, which is read. Name another file."
            )


def write(outputs: Mapping[str, str], contents: Mapping[str, Callable[[], str]]) -> bool:
    """Writes each output; one that fails is said and does not keep the others from being written.

    Args:
        outputs: as for `check`.
        contents: makes the text of each option's output. Bytes in names of files that are not UTF-8 are escaped.

    Returns:
        Whether all could be written.
    """
    well = True
    for option, file in outputs.items():
        text = contents[option]()
        if file == STDOUT:
            sys.stdout.write(text)
            continue
        try:
            atomic.write(Path(file), text.encode("utf-8", "backslashreplace"))
        except OSError as error:
            say(files.sentence(error, file, writing=True))
            well = False
    return well


def _identity(file: str | Path) -> tuple[int, int] | None:
    try:
        found = os.stat(file)
    except (OSError, ValueError):
        return None
    return found.st_dev, found.st_ino
