"""`config.json` and `preprocessor_config.json`, which Hugging Face's libraries, timm among them, put beside a model.

Forms: https://huggingface.co/docs/transformers/main_classes/image_processor and
https://huggingface.co/docs/timm/hf_hub.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from classifier.importing.network import UNTOLD, Told
from classifier.importing.onnx.metadata import of_numbers
from classifier.importing.options import SCALES, Scaling
from classifier.machine import files
from classifier.package import Colours, Resample

CONFIG, PREPROCESSOR = "config.json", "preprocessor_config.json"
FILES = (CONFIG, PREPROCESSOR)
_MOST = 20_000_000  # bytes; ImageNet's 21,841 classes take 2 MB
_PLACEHOLDER = re.compile(r"LABEL_\d+")  # of a model whose maker did not name its classes
_FILTERS: dict[int, Resample] = {0: "nearest", 1: "lanczos", 2: "bilinear", 3: "bicubic", 4: "box", 5: "hamming"}
_NAMED: tuple[Resample, ...] = tuple(_FILTERS.values())


@dataclass(frozen=True, slots=True)
class Beside:
    """What the two files say.

    Attributes:
        labels: labels of the classes; empty if they do not name them.
        scaling: scaling of the input.
        told: size, crop, filter and order of the colours.
        labels_from: name of the file with the labels.
    """

    labels: tuple[str, ...] = ()
    scaling: Scaling | None = None
    told: Told = UNTOLD
    labels_from: str = CONFIG


def read(folder: Path) -> Beside:
    """Reads what lies beside a model, or above it if its folder is called `onnx`, as in the hub's repositories.

    Files that are not there, or are of other programs, say nothing.
    """
    for place in (folder, *((folder.parent,) if folder.name == "onnx" else ())):
        config, prepared = _json(place / CONFIG), _json(place / PREPROCESSOR)
        if "pretrained_cfg" in config:
            return _timm(config)
        if prepared or "id2label" in config:
            scaling, told = _preparation(prepared)
            return Beside(_labels(config), scaling, told)
    return Beside()


def _json(file: Path) -> dict[str, Any]:
    try:
        found = json.loads(files.read(file, _MOST))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _labels(config: Mapping[str, Any]) -> tuple[str, ...]:
    names = config.get("id2label")
    if not isinstance(names, dict) or not all(isinstance(name, str) for name in names.values()):
        return ()
    try:
        listed = [" ".join(names[str(index)].split()) for index in range(len(names))]
    except KeyError:
        return ()
    usable = all(listed) and not all(map(_PLACEHOLDER.fullmatch, listed))
    return tuple(listed) if usable else ()


def _preparation(prepared: Mapping[str, Any]) -> tuple[Scaling | None, Told]:
    if not prepared:
        return None, UNTOLD
    factor = _number(prepared.get("rescale_factor"), 1 / 255) if prepared.get("do_rescale", True) else 1.0
    mean, std = _numbers(prepared.get("image_mean")), _numbers(prepared.get("image_std"))
    why = f"{PREPROCESSOR} says so"
    scaling = None
    if not prepared.get("do_normalize", True):
        offset = 1.0 if prepared.get("rescale_offset") else 0.0  # value = pixel * factor - 1
        scaling = of_numbers([offset], [1.0], why, 1 / factor) if factor else None
    elif mean and std and factor:
        scaling = of_numbers(mean, std, why, 1 / factor)
    size = _size(prepared.get("size"))
    cut = _size(prepared.get("crop_size")) if prepared.get("do_center_crop") else None
    crop = _number(prepared.get("crop_pct"), 0)
    if cut and size and max(cut) <= min(size):
        crop = min(cut) / min(size)
    resample = _FILTERS.get(prepared.get("resample", -1)) if isinstance(prepared.get("resample"), int) else None
    colours: Colours | None = "bgr" if prepared.get("do_flip_channel_order") is True else None
    return _named(scaling), Told(cut or size, crop if 0 < crop <= 1 else None, resample, colours)


def _timm(config: Mapping[str, Any]) -> Beside:
    given = config["pretrained_cfg"]
    if not isinstance(given, dict):
        return Beside()
    names = config.get("label_descriptions") or config.get("label_names") or given.get("label_names")
    keys = config.get("label_names") or given.get("label_names")
    if isinstance(names, dict) and isinstance(keys, list):
        names = [names.get(key, key) for key in keys]
    labels = tuple(names) if isinstance(names, list) and all(isinstance(one, str) and one for one in names) else ()
    mean, std = _numbers(given.get("mean")), _numbers(given.get("std"))
    scaling = _named(of_numbers(mean, std, f"{CONFIG} says so")) if mean and std else None
    sides = given.get("input_size")
    size = _size(sides[1:]) if isinstance(sides, list) and len(sides) == 3 else None
    crop, resample = _number(given.get("crop_pct"), 0), given.get("interpolation")
    return Beside(
        labels,
        scaling,
        Told(size, crop if 0 < crop <= 1 else None, next((one for one in _NAMED if one == resample), None)),
    )


def _named(scaling: Scaling | None) -> Scaling | None:
    """The scaling with the exact numbers of a usual one, if it is one."""
    if scaling is None:
        return None
    same = (
        usual
        for usual in SCALES.values()
        if all(abs(a - b) < 1e-3 * 255 for a, b in zip(_three(scaling), _three(usual), strict=True))
    )
    found = next(same, None)
    return replace(scaling, mean=found.mean, std=found.std) if found else scaling


def _three(scaling: Scaling) -> list[float]:
    parts = (scaling.mean, scaling.std)
    return [one for part in parts for one in (part if isinstance(part, tuple) else (part,) * 3)]


def _numbers(value: Any) -> list[float]:
    values = value if isinstance(value, list) else [value]
    sound = values and all(isinstance(one, int | float) and not isinstance(one, bool) for one in values)
    return [float(one) for one in values] if sound else []


def _number(value: Any, otherwise: float) -> float:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else otherwise


def _size(value: Any) -> tuple[int, int] | None:
    """Height and width, of `224`, `[224, 224]`, `{"height": 224, "width": 224}` or `{"shortest_edge": 224}`."""
    if isinstance(value, dict):
        side = value.get("shortest_edge")
        value = [value.get("height", side), value.get("width", side)]
    sides = value if isinstance(value, list) else [value, value]
    if len(sides) != 2 or not all(isinstance(side, int) and 0 < side <= 10_000 for side in sides):
        return None
    return int(sides[0]), int(sides[1])
