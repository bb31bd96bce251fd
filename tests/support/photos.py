"""The golden photos: all photos of the gallery and of `tests/photos`, with the ImageNet labels that are right."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from benchmarks.pictures import FOLDERS, mosaic, photo
from classifier.checkout import ROOT

__all__ = ["MODELS", "ROOT", "Photo", "golden_photos", "mosaic", "photo"]

MODELS = ("efficientnet-lite0", "efficientnet-lite2")


@dataclass(frozen=True)
class Photo:
    """A photo and the class indices that count as right."""

    path: Path
    labels: frozenset[int]


def golden_photos() -> list[Photo]:
    """All 61, in a fixed order."""
    return [
        Photo(folder / entry["file"], frozenset(entry["imagenet_labels"]))
        for folder in FOLDERS
        for entry in json.loads((folder / "manifest.json").read_text("utf-8"))
    ]
