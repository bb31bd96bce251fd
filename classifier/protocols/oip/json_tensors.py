"""Reads a tensor whose data stand in the JSON of a message."""

from __future__ import annotations

import base64
import math
from itertools import chain
from typing import Any

import numpy as np

from classifier.errors import ProtocolError
from classifier.protocols.oip.tensors import (
    BYTES,
    Parameters,
    Tensor,
    array_of,
    check_shape,
    dtype_of,
    shown,
    too_many_strings,
)

_TYPES: dict[str, set[type]] = {"b": {bool}, "f": {int, float}}  # by the kind of the dtype; of whole numbers if absent
_ONE_ALPHABET = bytes.maketrans(b"-_", b"+/")


def tensor_from_json(name: str, part: dict[str, Any], parameters: Parameters, most_strings: int) -> Tensor:
    """Decodes a tensor with the data in its JSON.

    Args:
        name: of the tensor.
        part: what the message says of it.
        parameters: of the tensor.
        most_strings: the most elements of a tensor BYTES.

    Raises:
        ProtocolError: the data do not fit the shape and the data type.
    """
    datatype = part.get("datatype", "")
    dtype, shape = dtype_of(datatype), check_shape(part.get("shape"), name)
    values = _flat(part.get("data"), shape, name)
    if datatype == BYTES:
        if len(values) > most_strings:
            raise too_many_strings(name, most_strings)
        encoded = parameters.get("content_type") == "base64"
        return Tensor(name, array_of([_string(value, encoded, name) for value in values], shape), parameters)
    if not set(map(type, values)) <= _TYPES.get(dtype.kind, {int}):
        raise ProtocolError(f"The tensor {name!r}: its data are not all of the datatype {datatype}.")
    try:
        with np.errstate(over="ignore"):
            array = np.array(values, dtype)
    except OverflowError:
        raise ProtocolError(f"The tensor {name!r}: a number in its data does not fit into {datatype}.") from None
    return Tensor(name, array.reshape(shape), parameters)


def decode_base64(text: str | bytes) -> bytes:
    """What a text in base64 says, in either of its alphabets, with or without padding, in one line or in several.

    Raises:
        ValueError: it is not base64.
    """
    raw = text.encode("ascii") if isinstance(text, str) else text
    raw = raw.translate(_ONE_ALPHABET, b" \t\r\n").rstrip(b"=")
    return base64.b64decode(raw + b"=" * (-len(raw) % 4), validate=True)


def _flat(data: object, shape: tuple[int, ...], name: str) -> list[Any]:
    """The values in row-major order; `data` has them so, or in lists of lists as the shape says."""
    count = math.prod(shape)
    if isinstance(data, list) and data and type(data[0]) is list:
        level: list[Any] = [data]
        for size in shape:
            if any(type(part) is not list or len(part) != size for part in level):
                break
            level = list(chain.from_iterable(level))
        else:
            return level
    elif isinstance(data, list) and len(data) == count:
        return data
    raise ProtocolError(
        f"The tensor {name!r}: its data are not {count} values, nor lists of lists, as its shape "
        f"{shown(list(shape))} says."
    )


def _string(value: object, encoded: bool, name: str) -> bytes:
    """An element of BYTES: text, base64 if the tensor's content type says so, or `{"b64": base64}`."""
    if isinstance(value, dict) and len(value) == 1:
        value, encoded = value.get("b64"), True
    if isinstance(value, str):
        try:
            return decode_base64(value) if encoded else value.encode()
        except ValueError:
            pass
    raise ProtocolError(f"The tensor {name!r}: an element of its data is not {'base64' if encoded else 'text'}.")
