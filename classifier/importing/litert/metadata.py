"""TFLite Metadata: what a `.tflite` file says about its labels and values.

The metadata is a FlatBuffer in one of the model's buffers; the files that it names are in a zip appended to the model:
https://ai.google.dev/edge/litert/conversion/tensorflow/metadata. Slots are counted as in its schema,
https://github.com/tensorflow/tflite-support/blob/master/tensorflow_lite_support/metadata/metadata_schema.fbs
"""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from dataclasses import dataclass
from typing import Any

from flatbuffers import encode, number_types
from flatbuffers.table import Table

from classifier.errors import ModelFileError
from classifier.importing import labels
from classifier.importing.options import Scaling
from classifier.importing.values import colours
from classifier.package.labels import MAX_BYTES

_NORMALIZATION = 1  # in the union ProcessUnitOptions
_AXIS_LABELS = 2  # in the enum AssociatedFileType


@dataclass(frozen=True, slots=True)
class Metadata:
    """What the metadata says.

    Attributes:
        scaling: scaling of the input, from its NormalizationOptions.
        labels: labels of the output, by language.
    """

    scaling: Scaling | None
    labels: dict[str, tuple[str, ...]]


def read(data: bytes, metadata: bytes, name: str) -> Metadata:
    """Reads a model's metadata.

    Args:
        data: the whole `.tflite` file.
        metadata: the content of its buffer TFLITE_METADATA.
        name: the file's name, for messages.

    Raises:
        ModelFileError: the metadata is damaged.
    """
    try:
        root = _Node(Table(metadata, encode.Get(number_types.UOffsetTFlags.packer_type, metadata, 0)))
        graph = next(root.tables(3), None)
        if graph is None:
            return Metadata(None, {})
        image, scores = next(graph.tables(2), None), next(graph.tables(3), None)
        return Metadata(_scaling(image) if image else None, _labels(data, scores, name) if scores else {})
    except (struct.error, IndexError, TypeError, ValueError) as error:
        raise ModelFileError(f"{name}: its TFLite Metadata is damaged: {error}") from error


class _Node:
    """A table of a FlatBuffer, its fields by slot."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def _offset(self, slot: int) -> int:
        return int(self._table.Offset(4 + 2 * slot))

    def tables(self, slot: int) -> Any:
        """The tables of a vector."""
        if offset := self._offset(slot):
            start = self._table.Vector(offset)
            for index in range(self._table.VectorLen(offset)):
                yield _Node(Table(self._table.Bytes, self._table.Indirect(start + 4 * index)))

    def child(self, slot: int) -> _Node | None:
        """The table in a field, or in a union's field; None if it is left out."""
        if not (offset := self._offset(slot)):
            return None
        return _Node(Table(self._table.Bytes, self._table.Indirect(offset + self._table.Pos)))

    def byte(self, slot: int) -> int:
        """A number of one byte; 0 if it is left out."""
        offset = self._offset(slot)
        return int(self._table.Get(number_types.Uint8Flags, offset + self._table.Pos)) if offset else 0

    def floats(self, slot: int) -> list[float]:
        """A vector of numbers."""
        if not (offset := self._offset(slot)):
            return []
        start, count = self._table.Vector(offset), self._table.VectorLen(offset)
        values = (self._table.Get(number_types.Float32Flags, start + 4 * index) for index in range(count))
        return [float(f"{value:.7g}") for value in values]  # the decimal number that was rounded to a float32

    def text(self, slot: int) -> str:
        """A string; "" if it is left out."""
        offset = self._offset(slot)
        return self._table.String(offset + self._table.Pos).decode("utf-8", "replace") if offset else ""


def _scaling(image: _Node) -> Scaling | None:
    for unit in image.tables(4):
        options = unit.child(1)
        if unit.byte(0) == _NORMALIZATION and options:
            mean, std = options.floats(0), options.floats(1)
            if len(mean) == len(std) and len(mean) in (1, 3) and all(value > 0 for value in std):
                if len(set(zip(mean, std, strict=True))) == 1:
                    return Scaling(mean[0], std[0], "the file's metadata says so")
                found = Scaling((mean[0], mean[1], mean[2]), (std[0], std[1], std[2]), "the file's metadata says so")
                return colours.red_first(found)
    return None


def _labels(data: bytes, scores: _Node, name: str) -> dict[str, tuple[str, ...]]:
    files = [file for file in scores.tables(6) if file.byte(2) == _AXIS_LABELS]
    found: dict[str, tuple[str, ...]] = {}
    if not files:
        return found
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for file in files:
                with archive.open(file.text(0)) as stream:
                    content = stream.read(MAX_BYTES + 1)
                found.setdefault(file.text(3) or "en", labels.parse(content, f"{name} ({file.text(0)})"))
    except (zipfile.BadZipFile, KeyError, EOFError, zlib.error) as error:
        raise ModelFileError(
            f"{name}: its metadata names a labels file that is missing or damaged: {error}. "
            "Give the labels: --labels FILE."
        ) from error
    return found
