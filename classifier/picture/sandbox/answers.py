"""What a worker answered, checked: a malicious picture may have taken the worker over.

Every function raises `ValueError`, `TypeError` or `KeyError` for an answer that no honest worker gives.
"""

from __future__ import annotations

from string import Formatter
from typing import Any

import numpy as np
from PIL import Image

from classifier.errors import (
    BrokenImageError,
    ClassifierError,
    CutOffError,
    EmptyImageError,
    NoDecoderError,
    NoMemoryError,
    OutOfMemoryError,
    TooComplexError,
    TooManyBytesError,
    TooManyPixelsError,
    UnsupportedFormatError,
    UnsupportedKindError,
)
from classifier.notes import SENTENCES, Note, note
from classifier.picture.geometry import Geometry
from classifier.picture.limits import Limits
from classifier.picture.prepare import Prepared

LONGEST_FACTS = 4096
"""The most bytes that the JSON object of an answer may have."""

_LONGEST_DETAIL = 100  # characters; those of all formats, the longest one, are 29
_NUMBERS = {"millions", ","}  # how the sentences write them; what else is written in some way is a list
_LARGEST_NUMBER = 2**63
_ROUNDING = 0.1  # ms
_LONGEST_TIME = 1e9  # ms
_ERRORS = {
    kind.code: kind
    for kind in (
        *(BrokenImageError, CutOffError, TooComplexError, EmptyImageError),
        *(UnsupportedFormatError, UnsupportedKindError),
        *(TooManyBytesError, TooManyPixelsError, NoMemoryError, OutOfMemoryError, NoDecoderError),
    )
}


def check_number(facts: dict[str, Any], number: int) -> None:
    """Refuses the answer to another request than the one with this number."""
    if type(facts["number"]) is not int or facts["number"] != number:
        raise ValueError("an answer to another request")


def error(facts: dict[str, Any]) -> ClassifierError | None:
    """The error that the worker met, or None."""
    if "error" not in facts:
        return None
    kind = _ERRORS[facts["error"]]
    return kind(**_details(kind.sentence, facts["details"]))


def _details(sentence: str, details: dict[str, Any]) -> dict[str, Any]:
    """The details of a sentence, checked."""
    written = {name: spec for _, name, spec, _ in Formatter().parse(sentence) if name}
    if set(details) != set(written):
        raise ValueError("not the details of this sentence")
    for name, value in details.items():
        _check_detail(value, written[name] or "")
    return details


def _check_detail(value: object, written: str) -> None:
    """Refuses a detail that the sentence could not write, in any language: see `formatting.filled`."""
    if written in _NUMBERS:
        fits = type(value) is int and 0 <= value <= _LARGEST_NUMBER
    else:
        texts = value if written and isinstance(value, list) else [value] if not written else []
        fits = bool(texts) and all(isinstance(one, str) and one.isprintable() for one in texts)
        fits = fits and sum(map(len, texts)) <= _LONGEST_DETAIL
    if not fits:
        raise ValueError("not a detail of an error")


def prepared(facts: dict[str, Any], payload: bytes, geometry: Geometry, limits: Limits, elapsed: float) -> Prepared:
    """A picture cut to a model's input.

    Args:
        facts: the answer's JSON object.
        payload: its bytes.
        geometry: the geometry that was asked for.
        limits: the limits that the worker was given.
        elapsed: ms since the worker was asked.
    """
    width, height = _size(facts)
    if width * height > limits.max_pixels:
        raise ValueError("more pixels than allowed")
    times = _milliseconds(facts, "decode"), _milliseconds(facts, "preprocess")
    if sum(times) > elapsed + _ROUNDING:
        raise ValueError("more time than has passed")
    return Prepared(
        np.frombuffer(payload, np.uint8).reshape(geometry.shape),
        structured=_flag(facts, "structured"),
        width=width,
        height=height,
        format=limits.formats[limits.formats.index(facts["format"])],
        decode=times[0],
        preprocess=times[1],
        notes=_notes(facts),
    )


def thumbnail(facts: dict[str, Any], payload: bytes, side: int) -> Image.Image:
    """A picture of at most `side` pixels along each side."""
    width, height = _size(facts)
    if max(width, height) > side or len(payload) != width * height * 3:
        raise ValueError("not the size that was asked for")
    return Image.frombytes("RGB", (width, height), payload)


def last(facts: dict[str, Any]) -> bool:
    """Whether the worker leaves after this answer."""
    return _flag(facts, "last")


def _size(facts: dict[str, Any]) -> tuple[int, int]:
    size = facts["width"], facts["height"]
    if any(type(number) is not int or number < 1 for number in size):
        raise ValueError("not a size")
    return size


def _notes(facts: dict[str, Any]) -> tuple[Note, ...]:
    """The notes, none if it says nothing of them, in the words that are known for their codes."""
    found = facts.get("notes", [])
    if not isinstance(found, list):
        raise TypeError("not a list of notes")
    return tuple(note(one["code"], **_details(SENTENCES[one["code"]], one["details"])) for one in found)


def _milliseconds(facts: dict[str, Any], name: str) -> float:
    value = facts[name]
    if type(value) not in (int, float) or not 0 <= value < _LONGEST_TIME:  # which NaN is not, either
        raise ValueError(f"{name} is not a time")
    return float(value)


def _flag(facts: dict[str, Any], name: str) -> bool:
    value = facts[name]
    if not isinstance(value, bool):
        raise TypeError(f"{name} is neither true nor false")
    return value
