"""Writes a package: `model.toml`, labels and weights, in a folder beside the target that is renamed at the end."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import tomlkit
from tomlkit.items import Item, Table

from classifier.errors import ModelFileError
from classifier.machine import files
from classifier.machine.import_process import unfinished
from classifier.package import MANIFEST, Form, InputSpec, OutputSpec, PerChannel


@dataclass(frozen=True, slots=True)
class Draft:
    """The content of a package's `model.toml`, apart from its weights.

    Attributes:
        name: name of the package.
        title: name for people.
        input: how a picture becomes the model's input.
        output: what its scores mean.
        labels: by language.
        command: the command that writes it.
        about: further texts by key, such as `description`.
        tables: further tables by name.
    """

    name: str
    title: str
    input: InputSpec
    output: OutputSpec
    labels: Mapping[str, tuple[str, ...]]
    command: str = "import"
    about: Mapping[str, str] = field(default_factory=dict)
    tables: Mapping[str, Item] = field(default_factory=dict)


@contextmanager
def beside(target: Path) -> Iterator[Path]:
    """A folder that becomes `target` if all goes well, and is removed if not.

    Raises:
        ModelFileError: the target exists, or nothing can be written there.
    """
    folder = unfinished(target)
    with files.refusing(ModelFileError, target, writing=True):
        if os.path.lexists(target):
            raise ModelFileError(f"{target}: this exists already. Name a folder that does not, or remove it first.")
        target.parent.mkdir(parents=True, exist_ok=True)
        if folder.exists():
            raise ModelFileError(
                f"{folder}: another command is making this package, or was cut off. If it was, remove this folder."
            )
        folder.mkdir()
    try:
        yield folder
        with files.refusing(ModelFileError, target, writing=True):
            folder.rename(target)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def write(draft: Draft, weights: Mapping[Form, str], folder: Path) -> None:
    """Writes `model.toml` and the labels.

    Args:
        draft: the content of `model.toml`.
        weights: by form, the name of the file or folder in `folder`.
        folder: the package's folder, which holds its weights already.
    """
    for language, lines in draft.labels.items():
        (folder / _labels_file(language)).write_text("".join(f"{line}\n" for line in lines), "utf-8")
    (folder / MANIFEST).write_text(_manifest(draft, weights, folder), "utf-8")


def copy_or_link(source: Path, target: Path, *, link: bool) -> None:
    """Copies a model's file or folder, without labels files in it, into a package, or links to it symbolically."""
    if link:
        target.symlink_to(source.absolute())
    elif source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("labels*.txt", ".*"))
    else:
        shutil.copyfile(source, target)


def _labels_file(language: str) -> str:
    """File name of a package's labels in a language."""
    return f"labels.{language}.txt"


def _manifest(draft: Draft, weights: Mapping[Form, str], folder: Path) -> str:
    document = tomlkit.document()
    document.add(tomlkit.comment(f"Written by `classifier {draft.command}`; yours to change."))
    document.update({"format": 1, "name": draft.name, "title": draft.title, **draft.about})
    document["input"] = _input(draft.input)
    document["output"] = _output(draft.output)
    document["labels"] = {language: _labels_file(language) for language in draft.labels}
    document["weights"] = forms = tomlkit.table(is_super_table=True)
    for form, name in sorted(weights.items()):
        forms[form] = _weights(folder / name)
    document.update(draft.tables)
    return tomlkit.dumps(document)


def _input(spec: InputSpec) -> Table:
    table = tomlkit.table()
    table["size"] = _explained(list(spec.size), "height, width in pixels")
    table["crop"] = _explained(spec.crop, "share that the centre crop keeps")
    table["resample"] = spec.resample
    table["mean"] = _explained(_floats(spec.mean), "value = (pixel - mean) / std, pixel 0 to 255")
    table["std"] = _floats(spec.std)
    if spec.channels == 1:
        table["channels"] = _explained(1, "grey")
    if spec.colours == "bgr":
        table["colours"] = _explained("bgr", "blue comes first in the model's input; mean and std are of R, G, B")
    if spec.channels_first:
        table["channels_first"] = True
    if not spec.channel_axis:
        table["channel_axis"] = _explained(False, "a picture is (height, width)")
    return table


def _output(spec: OutputSpec) -> Table:
    table = tomlkit.table()
    table["classes"] = spec.classes
    table["logits"] = spec.logits
    if spec.multi_label:
        table["multi_label"] = _explained(True, "several labels can hold at once")
    if spec.temperature != 1:
        table["temperature"] = _explained(spec.temperature, "logits are divided by it before the softmax")
    if spec.unsure_below:
        table["unsure_below"] = _explained(spec.unsure_below, "an answer with a lower best score is unsure")
    if spec.binary:
        table["binary"] = _explained(True, "one score, that of the second class")
    if spec.name:
        table["name"] = _explained(spec.name, "output with the scores")
    if spec.features:
        table["features"] = _explained(spec.features, "output with the last feature map")
    return table


def _weights(file: Path) -> dict[str, str]:
    if not file.is_file():  # a SavedModel's folder
        return {"file": file.name}
    with file.open("rb") as stream:
        return {"file": file.name, "sha256": hashlib.file_digest(stream, "sha256").hexdigest()}


def _explained(value: object, comment: str) -> Item:
    item = tomlkit.item(value).comment(comment)
    item.trivia.comment_ws = "  "
    return item


def _floats(value: PerChannel) -> float | list[float]:
    return float(value) if isinstance(value, float | int) else [float(one) for one in value]
