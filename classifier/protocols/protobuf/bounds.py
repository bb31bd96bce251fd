"""Bounds what a message from outside takes when it is parsed, before it is.

An empty tensor of two bytes takes a hundred when it is parsed, and a number of one byte takes eight. So the fields are
counted first, by a look at each one's length, and what is in a field of bytes is skipped.

https://protobuf.dev/programming-guides/encoding/ describes the format.
"""

from __future__ import annotations

from typing import Any, NoReturn

from classifier.errors import ProtocolError

MOST_FIELDS = 10_000
"""The most fields of a message, those of messages in it included."""

MOST_VALUES = 2_000_000
"""The most bytes of numbers that are packed into fields."""

_VARINT, _FIXED64, _DELIMITED, _FIXED32 = 0, 1, 2, 5  # wire types; 3 and 4 are groups, which nothing here uses
_MESSAGE, _STRING, _BYTES = 11, 9, 12  # types of fields in descriptors
_DEEPEST = 8


def check(data: bytes, descriptor: Any) -> int:
    """Counts what a message holds.

    Args:
        data: the message.
        descriptor: of its class.

    Returns:
        The bytes of packed numbers in it.

    Raises:
        ProtocolError: it holds too much, or is no message.
    """
    return _Scan(data).message(0, len(data), descriptor, 0)


class _Scan:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._fields = 0
        self._packed = 0

    def message(self, at: int, end: int, descriptor: Any, depth: int) -> int:
        """Looks at the fields of a message between two positions; returns the bytes of packed numbers so far."""
        if depth > _DEEPEST:
            _refuse()
        fields = descriptor.fields_by_number
        while at < end:
            self._fields += 1
            if self._fields > MOST_FIELDS:
                raise ProtocolError(
                    f"The message has more than {MOST_FIELDS} fields. Send tensors as raw contents, or less at a time."
                )
            tag, at = self._varint(at, end)
            wire = tag & 7
            if wire == _VARINT:
                _, at = self._varint(at, end)
            elif wire in (_FIXED64, _FIXED32):
                at += 8 if wire == _FIXED64 else 4
            elif wire == _DELIMITED:
                size, at = self._varint(at, end)
                if size > end - at:
                    _refuse()
                self._delimited(at, at + size, fields.get(tag >> 3), depth)
                at += size
            else:
                _refuse()
        if at != end:
            _refuse()
        return self._packed

    def _delimited(self, at: int, end: int, field: Any, depth: int) -> None:
        if field is None or field.type in (_STRING, _BYTES):
            return
        if field.type == _MESSAGE:
            self.message(at, end, field.message_type, depth + 1)
            return
        self._packed += end - at
        if self._packed > MOST_VALUES:
            raise ProtocolError(
                f"The message has more than {MOST_VALUES} bytes of typed contents. Send tensors as raw contents."
            )

    def _varint(self, at: int, end: int) -> tuple[int, int]:
        value = 0
        for shift in range(0, 70, 7):
            if at >= end:
                _refuse()
            byte = self._data[at]
            at += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value, at
        _refuse()


def _refuse() -> NoReturn:
    raise ProtocolError("The message cannot be read: it is not one of protobuf's, or not a complete one.")
