"""Changes one value in a package's `model.toml` and leaves every other character of it as it is."""

from __future__ import annotations

import os
import re
import tempfile
import tomllib
from pathlib import Path

from classifier.errors import PackageError
from classifier.package import MANIFEST, ModelPackage

_VALUE = re.compile(r"""(?P<head>[ \t]*(?:temperature|"temperature"|'temperature')[ \t]*=[ \t]*)(?P<value>[^\s#]+)""")
_TABLE = re.compile(r"[ \t]*\[")
_OUTPUT = re.compile(r"""[ \t]*\[[ \t]*(?:output|"output"|'output')[ \t]*\][ \t]*(?:#.*)?$""")
_LOGITS = re.compile(r"[ \t]*logits[ \t]*=")


def set_temperature(folder: Path, temperature: float) -> None:
    """Writes `output.temperature` into a package; the file is whole at every moment.

    Args:
        folder: of the package.
        temperature: above 0.

    Raises:
        PackageError: when the file is laid out so that the line cannot be found, or put, safely.
        OSError: when it cannot be written.
    """
    # A link stays one: the file behind it is replaced.
    file = (folder / MANIFEST).resolve()
    text = file.read_bytes().decode("utf-8")
    changed = _changed(text, temperature)
    expected = _parsed(text)
    expected.setdefault("output", {})["temperature"] = temperature
    try:
        same = _parsed(changed) == expected
    except tomllib.TOMLDecodeError:
        same = False
    if not same:
        raise PackageError(
            f"{folder / MANIFEST}: its layout is unusual, so it was left as it is. "
            f"Write `temperature = {temperature}` under [output] yourself."
        )
    with tempfile.NamedTemporaryFile("wb", dir=file.parent, prefix=f".{MANIFEST}.", delete=False) as new:
        try:
            new.write(changed.encode("utf-8"))
            new.flush()
            os.fsync(new.fileno())
            os.chmod(new.name, file.stat().st_mode & 0o7777)
            os.replace(new.name, file)
        except BaseException:
            os.unlink(new.name)
            raise
    ModelPackage.load(folder)


def _parsed(text: str) -> dict[str, dict[str, object]]:
    return tomllib.loads(text.removeprefix("\N{ZERO WIDTH NO-BREAK SPACE}"))


def _changed(text: str, temperature: float) -> str:
    """The text with the value in the table `[output]`, in place of the old one or on a line of its own."""
    lines = text.splitlines(keepends=True)
    start = next((at for at, line in enumerate(lines) if _OUTPUT.match(line.rstrip("\r\n"))), len(lines))
    end = next((at for at in range(start + 1, len(lines)) if _TABLE.match(lines[at])), len(lines))
    for at in range(start + 1, end):
        if old := _VALUE.match(lines[at]):
            rest = lines[at][old.end() :]
            value = str(temperature)
            if rest.startswith(" "):  # a comment behind it stays in its column where there is room
                gap = len(rest) - len(rest.lstrip(" "))
                room = gap + len(old["value"]) - len(value)
                rest = " " * max(1, room) + rest.lstrip(" ")
            lines[at] = old["head"] + value + rest
            return "".join(lines)
    at = next((at for at in range(start + 1, end) if _LOGITS.match(lines[at])), start)
    if at < len(lines):
        ending = "\r\n" if lines[at].endswith("\r\n") else "\n"
        if not lines[at].endswith("\n"):
            lines[at] += ending
        lines.insert(at + 1, f"temperature = {temperature}{ending}")
    return "".join(lines)
