"""Tensors of the Open Inference Protocol: its data types and NumPy's, and the binary form of their data."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from classifier.errors import ProtocolError

BYTES = "BYTES"
"""The data type whose elements are byte strings; an array of them has the dtype `object`."""

DATATYPES: dict[str, np.dtype[Any]] = {
    "BOOL": np.dtype(np.bool_),
    **{f"UINT{8 * size}": np.dtype(f"u{size}") for size in (1, 2, 4, 8)},
    **{f"INT{8 * size}": np.dtype(f"i{size}") for size in (1, 2, 4, 8)},
    **{f"FP{8 * size}": np.dtype(f"f{size}") for size in (2, 4, 8)},
    BYTES: np.dtype(object),
}
"""The protocol's data types and NumPy's. BF16 is not among them, since NumPy has no such numbers."""

MOST_STRINGS = 1_000_000
"""The most elements of a tensor BYTES."""

_NAMES = {dtype: name for name, dtype in DATATYPES.items()}
_MOST_DIMENSIONS = 16
_MOST_ELEMENTS = 1 << 40
_LENGTH = struct.Struct("<I")

Buffer = bytes | bytearray | memoryview
Parameters = dict[str, Any]


@dataclass(frozen=True, slots=True, eq=False)
class Tensor:
    """A named array.

    Attributes:
        name: of the model's input or output.
        data: the values, of one of the types in `DATATYPES`; elements of `object` are `bytes`.
        parameters: what else the message says of this tensor.
    """

    name: str
    data: NDArray[Any]
    parameters: Parameters = field(default_factory=dict)

    @property
    def shape(self) -> tuple[int, ...]:
        """The sizes of its dimensions."""
        return self.data.shape

    @property
    def datatype(self) -> str:
        """The protocol's name of its data type."""
        return datatype_of(self.data.dtype)

    @property
    def elements(self) -> list[bytes]:
        """The elements of a tensor BYTES, in order."""
        return list(self.data.ravel())


def dtype_of(datatype: object) -> np.dtype[Any]:
    """NumPy's type for one of the protocol's.

    Raises:
        ProtocolError: there is none.
    """
    if not isinstance(datatype, str) or datatype not in DATATYPES:
        raise ProtocolError(f"The datatype {shown(datatype)} is not supported. Use one of: {', '.join(DATATYPES)}.")
    return DATATYPES[datatype]


def datatype_of(dtype: np.dtype[Any]) -> str:
    """The protocol's name for a NumPy type.

    Raises:
        ProtocolError: it has none.
    """
    name = _NAMES.get(dtype.newbyteorder("="))
    if name is None:
        raise ProtocolError(f"The protocol has no datatype for {dtype}.")
    return name


def check_shape(shape: object, name: str) -> tuple[int, ...]:
    """A tensor's shape from a message: whole numbers from 0 on, of no more elements than any tensor has.

    Raises:
        ProtocolError: it is no such shape.
    """
    if not isinstance(shape, list | tuple) or any(type(size) is not int or size < 0 for size in shape):
        raise ProtocolError(f"The tensor {name!r}: its shape must be a list of whole numbers from 0 on.")
    if len(shape) > _MOST_DIMENSIONS or math.prod(max(size, 1) for size in shape) > _MOST_ELEMENTS:
        raise ProtocolError(f"The tensor {name!r}: its shape has too many elements or dimensions. Send less at a time.")
    return tuple(shape)


def check_sent(name: str, parameters: Mapping[str, Any]) -> None:
    """Checks that the data of a tensor come with the message.

    Raises:
        ProtocolError: they lie in memory that the two ends would share.
    """
    if any(key.startswith("shared_memory") for key in parameters):
        raise ProtocolError(f"The tensor {shown(name)} is in shared memory, which is not supported. Send its data.")


def tensor_from_bytes(
    name: str,
    datatype: object,
    shape: object,
    data: Buffer,
    parameters: Parameters | None = None,
    *,
    most_strings: int = MOST_STRINGS,
) -> Tensor:
    """Decodes a tensor in binary; the array is read-only, and shares its memory with `data` where it can.

    Args:
        name: of the tensor.
        datatype: the protocol's name of its data type.
        shape: as the message says.
        data: exactly its bytes.
        parameters: of the tensor.
        most_strings: the most elements of a tensor BYTES.

    Raises:
        ProtocolError: the data do not fit the shape and the data type.
    """
    dtype, sizes = dtype_of(datatype), check_shape(shape, name)
    count, view = math.prod(sizes), memoryview(data).cast("B")
    if datatype == BYTES:
        array = array_of(_split(view, count, name, most_strings), sizes)
    else:
        if len(view) != count * dtype.itemsize:
            raise ProtocolError(
                f"The tensor {name!r}: {datatype} of the shape {shown(list(sizes))} is {count * dtype.itemsize} bytes, "
                f"but {len(view)} were sent."
            )
        array = _numbers(view, dtype, name).reshape(sizes)
    return Tensor(name, array, parameters or {})


def tensor_to_bytes(tensor: Tensor) -> bytes:
    """Encodes a tensor in binary; the opposite of `tensor_from_bytes`."""
    if tensor.datatype == BYTES:
        return b"".join(chain.from_iterable((_LENGTH.pack(len(part)), part) for part in tensor.elements))
    return np.ascontiguousarray(tensor.data, tensor.data.dtype.newbyteorder("<")).tobytes()


def strings(name: str, elements: Iterable[bytes], shape: tuple[int, ...] | None = None) -> Tensor:
    """A tensor BYTES of the elements; of one dimension if `shape` is None."""
    found = list(elements)
    return Tensor(name, array_of(found, (len(found),) if shape is None else shape))


def _split(view: memoryview, count: int, name: str, most_strings: int) -> list[bytes]:
    """The elements of BYTES, each of which follows its length."""
    if count > most_strings:
        raise too_many_strings(name, most_strings)
    found, start = [], 0
    for _ in range(count):
        if start + _LENGTH.size > len(view):
            break
        (size,) = _LENGTH.unpack_from(view, start)
        start += _LENGTH.size
        if size > len(view) - start:
            break
        found.append(bytes(view[start : start + size]))
        start += size
    if len(found) != count or start != len(view):
        raise ProtocolError(
            f"The tensor {name!r}: its data are not {count} elements, each after its length in 4 bytes."
        )
    return found


def _numbers(view: memoryview, dtype: np.dtype[Any], name: str) -> NDArray[Any]:
    if dtype.kind == "b":
        truths = np.frombuffer(view, np.uint8)
        if truths.max(initial=0) > 1:
            raise ProtocolError(f"The tensor {name!r}: a BOOL is neither 0 nor 1.")
        return truths.view(np.bool_)
    array: NDArray[Any] = np.frombuffer(view, dtype.newbyteorder("<"))
    # Where JSON of any length comes before it, it may begin anywhere.
    return np.require(array, dtype, "A")


def array_of(elements: Sequence[bytes], shape: tuple[int, ...]) -> NDArray[Any]:
    """The array of a tensor BYTES."""
    array: NDArray[Any] = np.empty(len(elements), object)
    array[:] = elements
    return array.reshape(shape)


def too_many_strings(name: str, most: int) -> ProtocolError:
    """The error for a tensor BYTES of more elements than it may have."""
    return ProtocolError(f"The tensor {name!r} has more than {most} elements. Send less at a time.")


def shown(value: object) -> str:
    """A value from a message, for a sentence about it."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:60]}..."
