"""Writes what was calibrated into a package's `model.toml`, and leaves every other character of it as it is."""

from __future__ import annotations

import tomllib
from pathlib import Path

import tomlkit
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import Table

from classifier.errors import PackageError
from classifier.machine import atomic, files
from classifier.package import MANIFEST, ModelPackage
from classifier.package.manifest import CalibratedOn, Conformal, FittedTo
from classifier.package.toml import set_value

_BYTE_ORDER_MARK = "\N{ZERO WIDTH NO-BREAK SPACE}"


def check_writable(folder: Path) -> None:
    """Refuses a package whose `model.toml` cannot be replaced.

    Raises:
        OSError: as replacing it would.
    """
    files.check_writable((folder / MANIFEST).resolve(), replace=True)


def set_temperature(
    folder: Path,
    temperature: float,
    comment: str | None = None,
    record: CalibratedOn | None = None,
    conformal: Conformal | None = None,
) -> None:
    """Writes `output.temperature` into a package; readers find the old file or the new one, never a half-written one.

    Args:
        folder: the package's folder.
        temperature: above 0.
        comment: takes the place of the comment behind the old one, which stays if this is None.
        record: takes the place of the table `[calibration]`, which stays if this is None.
        conformal: takes the place of the table `[conformal]`, which stays if this is None.

    Raises:
        PackageError: the change would alter more than the temperature, so the file was left alone.
        OSError: the file cannot be written.
    """
    # Where model.toml is a symbolic link, the file behind it is replaced and the link stays.
    file = (folder / MANIFEST).resolve()
    text = file.read_bytes().decode("utf-8")
    content = text.removeprefix(_BYTE_ORDER_MARK)
    try:
        changed = _changed(content, temperature, comment, record, conformal)
        expected = tomllib.loads(content)
        expected["output"]["temperature"] = temperature
        if record:
            expected["calibration"] = record.model_dump()
        if conformal:
            expected["conformal"] = {**conformal.model_dump(), "weights": list(conformal.weights)}
        same = tomllib.loads(changed) == expected
    except (TOMLKitError, tomllib.TOMLDecodeError, KeyError):
        same = False
    if not same:
        raise PackageError(
            f"{folder / MANIFEST}: the temperature could not be added safely, so the file was left as it is. "
            f"Write `temperature = {temperature}` under [output] yourself."
        )
    try:
        atomic.write(file, (text.removesuffix(content) + changed).encode("utf-8"))
    except OSError as error:
        raise OSError(files.sentence(error, writing=True)) from error
    ModelPackage.load(folder, weights=False)


def _changed(
    content: str,
    temperature: float,
    comment: str | None,
    record: CalibratedOn | None,
    conformal: Conformal | None,
) -> str:
    """The document with the temperature in place of the old one, or on a line of its own after `logits`."""
    document = tomlkit.parse(content)
    if record:
        document.pop("calibration", None)
    if conformal:
        document.pop("conformal", None)
    output = document["output"]
    if not isinstance(output, Table):  # an inline table or dotted keys
        output["temperature"] = temperature
    elif "temperature" in output:
        set_value(output, "temperature", temperature)
        if comment is not None:
            trivia = output["temperature"].trivia
            trivia.comment_ws, trivia.comment = trivia.comment_ws or "  ", f"# {comment}"
    else:
        # `append` would put it behind the comments above the next table, so it is inserted into the body's list of
        # items. The body's index of keys is not updated: after this only the document's text is used.
        body = output.value.body
        at = {key.key: at for at, (key, _) in enumerate(body) if key is not None}["logits"]
        logits, item = body[at][1], tomlkit.item(temperature)
        logits.trivia.trail = logits.trivia.trail or "\n"
        item.trivia.indent, item.trivia.trail = logits.trivia.indent, logits.trivia.trail
        if comment is not None:
            item.trivia.comment_ws, item.trivia.comment = "  ", f"# {comment}"
        body.insert(at + 1, (tomlkit.key("temperature"), item))
    changed = tomlkit.dumps(document)
    tables = [*([_calibration(record)] if record else []), *([_conformal(conformal)] if conformal else [])]
    return "\n\n".join([changed.rstrip(), *map(str.rstrip, tables)]) + "\n" if tables else changed


def _calibration(record: CalibratedOn) -> str:
    """The table `[calibration]` as text."""
    head = "[calibration]            # what output.temperature was fitted to: evaluate says when it measures the same\n"
    return head + _fitted_to(record)


def _conformal(found: Conformal) -> str:
    """The table `[conformal]` as text."""
    rows = (
        ("coverage", found.coverage, "share of pictures whose set holds the right class"),
        ("threshold", found.threshold, "classes of at least this probability are in the set"),
        ("temperature", found.temperature, "of these probabilities, whatever output.temperature is"),
        ("view", found.view, "what the model saw"),
    )
    lines = [f"{f'{key} = {tomlkit.item(value).as_string()}':24} # {comment}\n" for key, value, comment in rows]
    weights = tomlkit.item(list(found.weights)).as_string()
    head = "[conformal]              # sets of classes, as classifier calibrate --coverage fitted them\n"
    return f"{head}{''.join(lines)}weights = {weights}\n{_fitted_to(found)}"


def _fitted_to(record: FittedTo) -> str:
    return (
        f"dataset = {tomlkit.item(record.dataset).as_string()}\ndate = {record.date.isoformat()}\n"
        f'pictures = {record.pictures}\nhashes = """\n{record.hashes}"""\n'
    )
