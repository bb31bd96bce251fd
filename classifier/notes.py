"""What is told of a picture beside its answer: that its file was read in another way than it asks for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

SENTENCES = {
    "cut_off": "The file is cut off near its end: {rows} of its {height} rows of pixels are there.",
    "cut_off_detail": "The file is cut off: all {height} rows of pixels are there, but some lack their finest detail.",
    "raw_preview": "This is a camera's raw file ({kind}). The preview in it, of {size} pixels, was classified.",
}
"""What each note says, by its code, with names of `Note.details` in braces. Other languages have it in their texts."""


@dataclass(frozen=True, slots=True)
class Note:
    """One thing to know about how a picture was read; made by `note`."""

    # For pydantic: the docstring below a field is its description in the API's schema.
    __pydantic_config__: ClassVar[dict[str, bool]] = {"use_attribute_docstrings": True}

    code: str
    """stable identifier, such as `cut_off`"""
    message: str
    """the same in a sentence"""
    details: dict[str, str]
    """the values inside the message, by name"""


def note(code: str, **details: str) -> Note:
    """The note with this code.

    Raises:
        KeyError: there is none with this code, or a detail is missing.
    """
    return Note(code, SENTENCES[code].format(**details), details)
