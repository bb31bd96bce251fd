"""Writing a package: `model.toml`, labels and weights in a folder beside the target, which it becomes at the end."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from classifier.errors import ModelFileError
from classifier.package import MANIFEST, Form, InputSpec, OutputSpec, PerChannel


@dataclass(frozen=True, slots=True)
class Draft:
    """What a package's `model.toml` is to say.

    Attributes:
        name: of the package.
        title: for people.
        input: how a picture becomes the model's input.
        output: what its numbers mean.
        labels: by language.
    """

    name: str
    title: str
    input: InputSpec
    output: OutputSpec
    labels: Mapping[str, tuple[str, ...]]


@contextmanager
def beside(target: Path) -> Iterator[Path]:
    """A folder that becomes `target` if all goes well, and is removed if not.

    Raises:
        ModelFileError: the target exists, or nothing can be written there.
    """
    if target.exists() or target.is_symlink():
        raise ModelFileError(f"{target}: this exists already. Name a folder that does not, or remove it first.")
    folder = target.with_name(f".{target.name}.importing")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if folder.exists():
            raise ModelFileError(f"{folder}: another import is at work here, or was cut off. Remove it if so.")
        folder.mkdir()
    except OSError as error:
        raise ModelFileError(f"{target}: it cannot be written: {error.strerror}.") from error
    try:
        yield folder
        folder.rename(target)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def write(draft: Draft, weights: Mapping[Form, str], folder: Path) -> None:
    """Writes `model.toml` and the labels.

    Args:
        draft: what it says.
        weights: by form, the name of the file or folder in `folder`.
        folder: of the package, with its weights.
    """
    for language, lines in draft.labels.items():
        (folder / f"labels.{language}.txt").write_text("".join(f"{line}\n" for line in lines), "utf-8")
    (folder / MANIFEST).write_text(_manifest(draft, weights, folder), "utf-8")


def _manifest(draft: Draft, weights: Mapping[Form, str], folder: Path) -> str:
    spec = draft.input
    height, width = spec.size
    lines = [
        "# Written by `classifier import`; yours to change.",
        "format = 1",
        f"name = {_text(draft.name)}",
        f"title = {_text(draft.title)}",
        "",
        "[input]",
        f"size = [{height}, {width}]  # height, width in pixels",
        f"crop = {spec.crop}  # share that the centre crop keeps",
        f"resample = {_text(spec.resample)}",
        f"mean = {_numbers(spec.mean)}  # value = (pixel - mean) / std, pixel 0 to 255",
        f"std = {_numbers(spec.std)}",
        *(["channels = 1  # grey"] if spec.channels == 1 else []),
        *(["channels_first = true"] if spec.channels_first else []),
        "",
        "[output]",
        f"classes = {draft.output.classes}",
        f"logits = {_flag(draft.output.logits)}",
        *(["multi_label = true  # each score stands for itself"] if draft.output.multi_label else []),
        *(["binary = true  # one score, of the second class"] if draft.output.binary else []),
        "",
        "[labels]",
        *(f"{language} = {_text(f'labels.{language}.txt')}" for language in draft.labels),
    ]
    for form, name in sorted(weights.items()):
        lines += ["", f"[weights.{form}]", f"file = {_text(name)}"]
        if (folder / name).is_file():
            with (folder / name).open("rb") as stream:
                lines.append(f"sha256 = {_text(hashlib.file_digest(stream, 'sha256').hexdigest())}")
    return "\n".join(lines) + "\n"


def _text(value: str) -> str:
    # A JSON string is a TOML one but for DEL, and for pairs of surrogates, which ensure_ascii would write.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _flag(value: bool) -> str:
    return "true" if value else "false"


def _numbers(value: PerChannel) -> str:
    return str(float(value)) if isinstance(value, float | int) else str([float(one) for one in value])
