"""Writes a temperature into a package's `model.toml`, and leaves every other character of it as it is."""

from __future__ import annotations

import os
import tempfile
import tomllib
from pathlib import Path

import tomlkit
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import Table

from classifier.errors import PackageError
from classifier.machine import files
from classifier.package import MANIFEST, ModelPackage
from classifier.package.toml import set_value

_BYTE_ORDER_MARK = "\N{ZERO WIDTH NO-BREAK SPACE}"


def check_writable(folder: Path) -> None:
    """Refuses a package whose `model.toml` cannot be replaced.

    Raises:
        OSError: as replacing it would.
    """
    files.check_writable((folder / MANIFEST).resolve(), replace=True)


def set_temperature(folder: Path, temperature: float) -> None:
    """Writes `output.temperature` into a package; readers find the old file or the new one, never a half-written one.

    Args:
        folder: the package's folder.
        temperature: above 0.

    Raises:
        PackageError: the change would alter more than the temperature, so the file was left alone.
        OSError: the file cannot be written.
    """
    # Where model.toml is a symbolic link, the file behind it is replaced and the link stays.
    file = (folder / MANIFEST).resolve()
    text = file.read_bytes().decode("utf-8")
    content = text.removeprefix(_BYTE_ORDER_MARK)
    try:
        changed = _changed(content, temperature)
        expected = tomllib.loads(content)
        expected["output"]["temperature"] = temperature
        same = tomllib.loads(changed) == expected
    except (TOMLKitError, tomllib.TOMLDecodeError, KeyError):
        same = False
    if not same:
        raise PackageError(
            f"{folder / MANIFEST}: the temperature could not be added safely, so the file was left as it is. "
            f"Write `temperature = {temperature}` under [output] yourself."
        )
    try:
        _replace(file, text.removesuffix(content) + changed)
    except OSError as error:  # it names the new file, which is gone
        error = OSError(error.errno, error.strerror, str(file))
        raise OSError(files.sentence(error, writing=True)) from error
    ModelPackage.load(folder, weights=False)


def _changed(content: str, temperature: float) -> str:
    """The document with the temperature in place of the old one, or on a line of its own after `logits`."""
    document = tomlkit.parse(content)
    output = document["output"]
    if not isinstance(output, Table):  # an inline table or dotted keys
        output["temperature"] = temperature
    elif "temperature" in output:
        set_value(output, "temperature", temperature)
    else:
        # `append` would put it behind the comments above the next table, so it is inserted into the body's list of
        # items. The body's index of keys is not updated: after this only the document's text is used.
        body = output.value.body
        at = {key.key: at for at, (key, _) in enumerate(body) if key is not None}["logits"]
        logits, item = body[at][1], tomlkit.item(temperature)
        logits.trivia.trail = logits.trivia.trail or "\n"
        item.trivia.indent, item.trivia.trail = logits.trivia.indent, logits.trivia.trail
        body.insert(at + 1, (tomlkit.key("temperature"), item))
    return tomlkit.dumps(document)


def _replace(file: Path, text: str) -> None:
    """Puts a new file, with the mode of the old one, in its place in one step."""
    with tempfile.NamedTemporaryFile("wb", dir=file.parent, prefix=f".{MANIFEST}.", delete=False) as new:
        try:
            new.write(text.encode("utf-8"))
            new.flush()
            os.fsync(new.fileno())
            os.chmod(new.name, file.stat().st_mode & 0o7777)
            os.replace(new.name, file)
        except BaseException:
            os.unlink(new.name)
            raise
