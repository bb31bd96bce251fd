"""Tells ONNX files by content. The format has no signature: a file is a message of Protocol Buffers, `ModelProto`.

Only its outermost fields are walked, https://github.com/onnx/onnx/blob/main/onnx/onnx.proto; nothing is loaded.
"""

from __future__ import annotations

import os
from io import BufferedReader
from pathlib import Path

from classifier.machine import files

# How Protocol Buffers encode a field: a number, 8 bytes, a length and so many bytes, 4 bytes.
_NUMBER, _EIGHT, _BYTES, _FOUR = 0, 1, 2, 5
_IR_VERSION, _MODEL_VERSION, _GRAPH = 1, 5, 7
_HIGHEST = 100  # field number; ONNX has 26 so far, and Core ML's kinds of models begin at 200
START = bytes([_IR_VERSION << 3 | _NUMBER])
"""The first byte of a model: the version of the format is written first."""
_MOST_FIELDS = 10_000  # a model has a few, and some dozens of functions and entries of metadata


def is_onnx(path: Path) -> bool:
    """Whether a file is an ONNX model, whole as far as lengths tell.

    Raises:
        OSError: the file cannot be read.
    """
    with files.open_file(path) as stream:
        size = os.fstat(stream.fileno()).st_size
        try:
            return _has_graph(stream, size)
        except (EOFError, ValueError):
            return False


def _has_graph(stream: BufferedReader, size: int) -> bool:
    """Whether the fields are those of a model.

    Raises:
        EOFError: the file is cut off.
        ValueError: it is something else.
    """
    seen = set()
    for _ in range(_MOST_FIELDS):
        if stream.tell() >= size:
            break
        tag = _number(stream)
        field, encoding = tag >> 3, tag & 7
        numeric = field in (_IR_VERSION, _MODEL_VERSION)
        if not 1 <= field < _HIGHEST or encoding not in (_NUMBER, _EIGHT, _BYTES, _FOUR):
            raise ValueError(tag)
        if numeric != (encoding == _NUMBER) and field <= _GRAPH:
            raise ValueError(tag)
        if encoding == _NUMBER:
            _number(stream)
        else:
            length = {_EIGHT: 8, _FOUR: 4}[encoding] if encoding != _BYTES else _number(stream)
            if stream.tell() + length > size:
                raise EOFError
            stream.seek(length, os.SEEK_CUR)
        seen.add(field)
    return {_IR_VERSION, _GRAPH} <= seen


def _number(stream: BufferedReader) -> int:
    """A number of variable length: seven bits in each byte, the lowest first."""
    value = 0
    for place in range(0, 70, 7):
        byte = stream.read(1)
        if not byte:
            raise EOFError
        value |= (byte[0] & 0x7F) << place
        if byte[0] < 0x80:
            return value
    raise ValueError(value)
