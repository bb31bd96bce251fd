"""Reads JSON with pictures in it while it arrives, and writes it as a form; no text of a picture is ever whole here."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import partial

from classifier.formatting import quoted
from classifier.picture.formats import sniff
from web.errors import BadJsonError, NoPictureError, NotBase64Error
from web.uploads.base64_text import Base64Text
from web.uploads.multipart import MAX_FILES

IMAGE = "image"
"""The name of the picture, or the list of pictures, in the object."""

_BOM = b"\xef\xbb\xbf"
_BLANKS = re.compile(rb"[ \t\r\n]*")
_AFTER = (b"", b" ", b"\t", b"\r", b"\n", b",", b":", b"}")  # a value beside the pictures, or its name
_BEGINNING = 256  # bytes, by which a picture that was sent as JSON is told
_LONGEST = 5000  # bytes of a name or a value beside the pictures
# Texts, up to what is cut off or wrong. Possessive, since a text may have 20 million characters.
_TEXT = re.compile(rb'[^"\\]*+(?:\\(?:["\\/bfnrt]|u[0-9A-Fa-f]{4})[^"\\]*+)*+')
_ESCAPE = 6  # bytes of the longest escape, \u0041
_KINDS = {ord("{"): "an object", ord("["): "a list", ord('"'): "a text", ord("t"): "true", ord("f"): "false"}
_KINDS |= {ord("n"): "null", **dict.fromkeys(b"-0123456789", "a number")}


def _refuse_constant(name: str) -> None:
    raise ValueError(name)  # NaN and infinity, which are no JSON


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant)


class JsonReader:
    """Turns one JSON body into a form: a `file` for each picture, a field for each value beside them."""

    def __init__(self, boundary: bytes) -> None:
        """Args: boundary: of the form; nothing that is sent may contain it."""
        self._boundary = boundary
        self._buffer = b""  # what has arrived and was not taken yet; everything before `_at` was
        self._at = 0
        self._form: list[bytes] = []
        self._files = 0
        self._names: list[str] = []
        self._last = False
        # Each state takes what it can of the buffer, and says whether the next one may go on.
        self._state: Callable[[], bool] = self._begin
        self._text = Base64Text()

    def feed(self, data: bytes) -> bytes:
        """Takes the next piece of the body, and gives the form's next piece, which may be empty.

        Raises:
            BadJsonError, NotBase64Error, NoPictureError: it is not JSON, or not such as is asked for.
        """
        self._buffer = self._buffer[self._at :] + data
        self._at = 0
        while self._state():
            pass
        form = b"".join(self._form)
        self._form.clear()
        return form

    def end(self) -> bytes:
        """The end of the form, once the whole body was taken.

        Raises:
            BadJsonError, NotBase64Error, NoPictureError: as `feed` does.
        """
        self._last = True
        form = self.feed(b"")
        if self._state not in (self._end, self._raw):
            raise _bad("it is cut off")
        if self._state == self._raw:
            form += b"\r\n"
        elif IMAGE not in self._names:
            there = f", but {quoted(self._names)}" if self._names else ""
            raise NoPictureError(came=f"the JSON has no `{IMAGE}`{there}")
        return form + b"--" + self._boundary + b"--\r\n"

    def _begin(self) -> bool:
        """Before the first byte that says what this is."""
        self._at += len(_BOM) if self._buffer.startswith(_BOM, self._at) else 0
        first = self._peek()
        if first == b"{":
            self._at += 1
            self._state = partial(self._key, b'"}')
        elif len(self._buffer) - self._at < _BEGINNING and not self._last:
            return False
        elif not first:
            raise NoPictureError(came="the body is empty")
        elif sniff(self._buffer[self._at :]):
            self._begin_part("file", file=True)  # a picture, whatever the Content-Type says
            self._state = self._raw
        elif first in b'["tfn-0123456789':
            raise NoPictureError(came=f"the body is JSON, but {_KINDS[first[0]]}")
        else:
            raise _bad("it does not begin with {")
        return True

    def _raw(self) -> bool:
        self._form.append(self._buffer[self._at :])
        self._at = len(self._buffer)
        return False

    def _key(self, allowed: bytes) -> bool:
        """Before a name, or the end of the object."""
        found = self._peek()
        if not found:
            return False
        if found not in allowed:
            raise _bad("a name in quotes is missing")
        if found == b"}":
            self._at += 1
            self._state = self._end
            return True
        short = self._short()
        if short is None:
            if len(self._buffer) - self._at < _LONGEST and not self._last:
                return False
            raise _bad("a name is too long, or has no end")
        name = str(short[0])
        if name == IMAGE and name in self._names:
            raise _bad(f"it has `{IMAGE}` twice")
        if len(self._names) == MAX_FILES:
            raise _bad(f"it has more than {MAX_FILES} names")
        self._names.append(name)
        self._state = self._colon
        return True

    def _colon(self) -> bool:
        found = self._peek()
        if found and found != b":":
            raise _bad("a colon is missing")
        self._at += len(found)
        self._state = self._value if found else self._colon
        return bool(found)

    def _value(self) -> bool:
        """Before the value of a name."""
        found = self._peek()
        if not found:
            return False
        if self._names[-1] != IMAGE:
            return self._field(found)
        if found == b"[":
            self._at += 1
            self._state = partial(self._element, b'"]')
            return True
        self._begin_picture(found, "")
        self._state = partial(self._picture, self._after_value)
        return True

    def _element(self, allowed: bytes) -> bool:
        """Before a picture in a list, or before the list's end."""
        found = self._peek()
        if not found:
            return False
        if found == b"]" and found in allowed:
            if not self._files:
                raise NoPictureError(came=f"the `{IMAGE}` in the JSON is an empty list")
            self._at += 1
            self._state = self._after_value
            return True
        self._begin_picture(found, " in a list")
        self._state = partial(self._picture, self._after_element)
        return True

    def _begin_picture(self, first: bytes, where: str) -> None:
        if first != b'"':
            if first[0] not in _KINDS:
                raise _bad(f"the value of `{IMAGE}` is no JSON")
            raise NotBase64Error(came=f"{_KINDS[first[0]]}{where}")
        if self._files == MAX_FILES:
            raise _bad(f"it has more than {MAX_FILES} pictures")
        self._files += 1
        self._at += 1
        self._begin_part("file", file=True)
        self._text = Base64Text()

    def _picture(self, then: Callable[[], bool]) -> bool:
        """In the text of a picture."""
        found = _TEXT.match(self._buffer, self._at)
        assert found  # noqa: S101  (it may be empty)
        self._at = found.end()
        piece = found.group()
        if b"\\" in piece:
            piece = json.loads(f'"{piece.decode("latin-1")}"', strict=False).encode("utf-8", "surrogatepass")
        self._form.append(self._text.feed(piece))
        if self._at == len(self._buffer):
            return False
        if self._buffer[self._at] == ord("\\"):
            if len(self._buffer) - self._at < _ESCAPE and not self._last:
                return False
            raise _bad("a text has a wrong escape")
        self._form += [self._text.end(), b"\r\n"]
        self._at += 1
        self._state = then
        return True

    def _field(self, first: bytes) -> bool:
        """A value that is no picture: a parameter, or what is none, which the form's reader refuses by its name."""
        name = self._names[-1]
        if name == "file":
            raise NoPictureError(came=f"the JSON has `file`, where pictures go by `{IMAGE}`")
        found = self._short()
        if found is None:
            if len(self._buffer) - self._at < _LONGEST and not self._last:
                return False
            if first in b'"[{' and not self._last:
                raise NoPictureError(came=f"the JSON has {_KINDS[first[0]]} of some length named {quoted([name])}")
            raise _bad(f"the value of {quoted([name])} is no JSON")
        value, written = found
        text = value if isinstance(value, str) else "" if value is None else written
        self._begin_part(name)
        self._form += [text.encode("utf-8", "replace"), b"\r\n"]
        self._state = self._after_value
        return True

    def _after_value(self) -> bool:
        found = self._peek()
        if found and found not in b",}":
            raise _bad("a comma is missing")
        self._at += len(found)
        if found:
            self._state = partial(self._key, b'"') if found == b"," else self._end
        return bool(found)

    def _after_element(self) -> bool:
        found = self._peek()
        if found and found not in b",]":
            raise _bad("a comma is missing in a list")
        self._at += len(found)
        if found:
            self._state = partial(self._element, b'"') if found == b"," else self._after_value
        return bool(found)

    def _end(self) -> bool:
        if self._peek():
            raise _bad("something follows its end")
        return False

    def _peek(self) -> bytes:
        """The next byte that is not blank; empty if it has not arrived."""
        found = _BLANKS.match(self._buffer, self._at)
        assert found  # noqa: S101  (it may be empty)
        self._at = found.end()
        return self._buffer[self._at : self._at + 1]

    def _short(self) -> tuple[object, str] | None:
        """The value that begins here, and as it is written; None if it has not arrived whole, is long, or is wrong."""
        here = self._buffer[self._at : self._at + _LONGEST]
        try:
            _, end = _DECODER.raw_decode(here.decode("latin-1"))  # in which each byte is a character
            written = here[:end].decode()
            value = _DECODER.decode(written)
        except (ValueError, RecursionError):
            return None
        if here[end : end + 1] not in _AFTER or (end == len(here) and not self._last):  # a number may go on
            return None
        self._at += end
        return value, written

    def _begin_part(self, name: str, *, file: bool = False) -> None:
        # As browsers write names of fields.
        quoted = name.encode("utf-8", "replace").replace(b"\r", b"%0D").replace(b"\n", b"%0A").replace(b'"', b"%22")
        head = b'--%b\r\nContent-Disposition: form-data; name="%b"' % (self._boundary, quoted[:_LONGEST])
        self._form += [head, b'; filename="%d"' % self._files if file else b"", b"\r\n\r\n"]


def _bad(reason: str) -> BadJsonError:
    return BadJsonError(reason=reason, most=MAX_FILES)
