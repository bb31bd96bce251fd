"""What the metadata in an ONNX file says of labels, values, sizes and the order of colours.

Ultralytics writes `task`, `names` and `imgsz`; what Windows ML reads, and Azure's Custom Vision writes, begins with
`Image.`: https://github.com/onnx/onnx/blob/main/docs/MetadataProps.md. Others name labels, mean and std as they like.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from classifier.errors import ModelFileError
from classifier.formatting import printable
from classifier.importing import labels as labels_files
from classifier.importing.network import UNTOLD, Told
from classifier.importing.options import SCALES, Scaling
from classifier.importing.values import colours
from classifier.package import Colours

_WHY = "the file's metadata says so"
_NAMES = (
    "names",
    "classes",
    "class_names",
    "labels",
    "id2label",
    "label2id",
    "idx_to_class",
    "class_to_idx",
    "categories",
)
_MEANS, _STDS = ("mean", "image_mean", "input_mean"), ("std", "image_std", "input_std")
_RANGES = {
    "NominalRange_0_255": "raw",
    "Normalized_0_1": "unit",
    "Normalized_1_1": "signed",
}
_COLOURS: dict[str, Colours] = {"bgr": "bgr", "rgb": "rgb"}
_LARGEST_SIDE = 10_000


@dataclass(frozen=True, slots=True)
class Metadata:
    """What the metadata says.

    Attributes:
        labels: labels of the classes; empty if it has none.
        scaling: scaling of the input.
        told: size of the pictures and order of the colours.
    """

    labels: tuple[str, ...] = ()
    scaling: Scaling | None = None
    told: Told = UNTOLD


def read(properties: Mapping[str, str], name: str) -> Metadata:
    """Reads a model's metadata.

    Args:
        properties: its `metadata_props`.
        name: the file's name, for messages.

    Raises:
        ModelFileError: it says that the model is not a classifier.
    """
    task = properties.get("task", "classify")
    ultralytics = "Ultralytics" in (properties.get("author", ""), *properties.get("description", "").split())
    if ultralytics and task != "classify":
        raise ModelFileError(
            f"{name}: its metadata says that its task is {printable(task[:50])!r}, not 'classify'. Export a model that "
            "was trained to classify, such as yolo11n-cls."
        )
    order = properties.get("Image.BitmapPixelFormat", "").lower()
    return Metadata(
        labels=_labels(properties, name),
        scaling=_scaling(properties, ultralytics),
        told=Told(size=_size(properties.get("imgsz", "")) if ultralytics else None, colours=_COLOURS.get(order[:3])),
    )


def _labels(properties: Mapping[str, str], name: str) -> tuple[str, ...]:
    for key in _NAMES:
        text = properties.get(key, "").strip()
        if not text:
            continue
        if text[0] not in "[{" and "\n" not in text and "," in text:
            text = "\n".join(part.strip() for part in text.split(","))
        try:
            return labels_files.parse(text.encode("utf-8", "replace"), f"{name} ({key} in its metadata)")
        except ModelFileError:
            continue
    return ()


def _scaling(properties: Mapping[str, str], ultralytics: bool) -> Scaling | None:
    if ultralytics:
        return SCALES["unit"].because("as Ultralytics' classifiers take them")
    if kind := _RANGES.get(properties.get("Image.NominalPixelRange", "")):
        return SCALES[kind].because(_WHY)
    mean, std = _numbers(properties, _MEANS), _numbers(properties, _STDS)
    return of_numbers(mean, std, _WHY) if mean and std else None


def of_numbers(mean: Iterable[float], std: Iterable[float], why: str, factor: float = 255.0) -> Scaling | None:
    """A scaling of mean and deviation as programs note them, mostly for values of 0 to 1; None if they are not sound.

    Of a mean that is noted for blue, green, red it is for red, green, blue, as everywhere here, and goes with BGR.

    Args:
        mean: one number, or one for each colour.
        std: as many.
        why: how they are known.
        factor: how many times the values are as large in pixels, unless mean and deviation are those of pixels already.
    """
    means, stds = list(mean), list(std)
    if len(means) != len(stds) or len(means) not in (1, 3) or min(stds) <= 0:
        return None
    if max(map(abs, means)) > 1 or max(stds) > 1:
        factor = 1.0
    pairs = [(round(one * factor, 6), round(two * factor, 6)) for one, two in zip(means, stds, strict=True)]
    if len(set(pairs)) == 1:
        return Scaling(*pairs[0], why)
    (a, x), (b, y), (c, z) = pairs
    return colours.red_first(Scaling((a, b, c), (x, y, z), why))


def _numbers(properties: Mapping[str, str], keys: Iterable[str]) -> list[float]:
    for key in keys:
        try:
            found = ast.literal_eval(f"[{properties.get(key, '').strip().strip('[]()')}]")
            return [float(one) for one in found]
        except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
            continue
    return []


def _size(text: str) -> tuple[int, int] | None:
    """Height and width, of `[224, 224]` or `224`."""
    sides = [part.strip() for part in text.strip("[]() ").split(",")]
    if not all(side.isdecimal() and len(side) < 6 for side in sides) or len(sides) > 2:
        return None
    height, width = int(sides[0]), int(sides[-1])
    return (height, width) if min(height, width) > 0 and max(height, width) <= _LARGEST_SIDE else None
