"""The small model package that comes with the project, and copies of it to change."""

from __future__ import annotations

import shutil
from pathlib import Path

from classifier import ModelPackage
from tests.support.photos import ROOT

LITE0 = ROOT / "model/efficientnet-lite0"


def changed(folder: Path, *changes: tuple[str, str], without: str | None = None) -> ModelPackage:
    """A copy in this folder, with changes to its model.toml, and without the weights for one backend."""
    shutil.copytree(LITE0, folder)
    file = folder / "model.toml"
    text = file.read_text("utf-8")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    if without:
        start = text.index(f"[weights.{without}]")
        end = text.find("\n[", start)
        text = text[:start] + text[end:]
    file.write_text(text, "utf-8")
    return ModelPackage.load(folder)
