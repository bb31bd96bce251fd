"""Small model packages that change while they are used: each edition gives other scores for the same picture."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

from tests.support.tiny_tflite import Tiny

LABELS = ("cat", "dog", "owl", "fox", "elk")


def write(
    folder: Path, edition: int, *, name: str = "", classes: int = 3, recorded: bool = True, temperature: float = 1
) -> Path:
    """Writes a package, over the files of any that is there; `recorded` is whether it names the hash of its weights."""
    folder.mkdir(parents=True, exist_ok=True)
    data = Tiny(classes=classes, before=[("*", 1.0 + edition)]).build()
    (folder / "model.tflite").write_bytes(data)
    labels = [*LABELS[:classes], *map(str, range(len(LABELS), classes))]
    (folder / "labels.en.txt").write_text("\n".join(labels), "utf-8")
    sha256 = f'sha256 = "{hashlib.sha256(data).hexdigest()}"' if recorded else ""
    (folder / "model.toml").write_text(
        f"""format = 1
name = "{name or folder.name}"
title = "Edition {edition}"
[input]
size = [8, 6]
[output]
classes = {classes}
logits = false
temperature = {temperature}
[labels]
en = "labels.en.txt"
[weights.litert]
file = "model.tflite"
{sha256}
""",
        "utf-8",
    )
    return folder


def swap(folder: Path, edition: int, **changes: object) -> None:
    """Puts another edition in the place of a package in one step, as Kubernetes does: by a link that is renamed.

    The folder is then a link to one beside the folder of packages.
    """
    target = write(folder.parent.parent / f"{folder.name}-{edition}", edition, name=folder.name, **changes)  # type: ignore[arg-type]
    link = folder.parent / f".{folder.name}.new"
    link.symlink_to(target)
    if folder.is_dir() and not folder.is_symlink():
        shutil.rmtree(folder)
    os.replace(link, folder)


def update_volume(folder: Path, edition: int) -> None:
    """Has the package `mine` be another edition, as a volume of Kubernetes is updated; the folder may be new.

    Its files are links through `..data`, itself a link that is renamed over the one before; the old files go.
    """
    write(folder / f"..edition-{edition}", edition, name="mine")
    (folder / "..data_tmp").symlink_to(f"..edition-{edition}")
    (folder / "..data_tmp").rename(folder / "..data")
    for file in (folder / "..data").iterdir():
        if not (folder / file.name).is_symlink():
            (folder / file.name).symlink_to(f"..data/{file.name}")
    shutil.rmtree(folder / f"..edition-{edition - 1}", ignore_errors=True)
