"""Reads multipart forms while they arrive, by searching for their boundary: no form costs more time than its length.

python-multipart, with which Starlette reads forms, looks at single bytes wherever a boundary nearly is, and at each
blank after one: 20 MB of that kept the event loop for 8 s. Here a piece of a body of 64 kB takes under a millisecond,
whatever is in it, so that forms are read on the event loop. Nothing is written to a disk.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from functools import partial

from starlette import requests
from starlette.datastructures import FormData, Headers, UploadFile
from starlette.formparsers import MultiPartException

from web.uploads.form_part import Part, invalid, options_of

MAX_FILES = 100
"""The most files, and the most fields, of one form."""

MAX_FIELD_BYTES = 1024 * 1024
"""The most bytes of all fields of a form, which are text."""

_MAX_BOUNDARY = 256  # RFC 2046 allows 70
_MAX_HEADER_BYTES = 4096 + 128
_BLANKS = re.compile(rb"[ \t]*")


def boundary_of(headers: Headers) -> bytes:
    """The boundary that a form's Content-Type names.

    Raises:
        MultiPartException: there is none, or the header is not that of a form.
    """
    kind, options = options_of(headers.get("content-type", "").encode("latin-1"))
    if kind != b"multipart/form-data":
        raise MultiPartException("its Content-Type is not multipart/form-data.")
    if not (boundary := options.get(b"boundary")):
        raise MultiPartException(
            "its Content-Type names no boundary; leave that header to the client, which writes one."
        )
    if len(boundary) > _MAX_BOUNDARY:
        raise invalid()
    return boundary


class Form:
    """Reads one form. It takes the place of Starlette's `MultiPartParser`, with the same arguments.

    Attributes:
        complete: whether the last boundary was there; it is missing from a form that was cut off.
    """

    def __init__(
        self,
        headers: Headers,
        stream: AsyncIterator[bytes],
        *,
        max_files: float = MAX_FILES,
        max_fields: float = MAX_FILES,
        max_part_size: int = MAX_FIELD_BYTES,
        extended_names: bool = False,
    ) -> None:
        """Reads nothing yet.

        Args:
            headers: those of the request.
            stream: the body, in pieces.
            max_files: the most parts with a file name; never over `MAX_FILES`.
            max_fields: the most parts without; never over `MAX_FILES`.
            max_part_size: the most bytes of all parts without, since text can take four times its bytes.
            extended_names: whether `filename*` alone is a file's name. RFC 7578 forbids it, but some clients send it.
        """
        self.complete = False
        self._headers = headers
        self._stream = stream
        self._max_files = min(max_files, MAX_FILES)
        self._max_fields = min(max_fields, MAX_FILES)
        self._max_field_bytes = max_part_size
        self._extended_names = extended_names
        self._items: list[tuple[str, UploadFile | str]] = []
        self._part: Part | None = None
        self._field_bytes = 0
        self._buffer = b""  # what has arrived and was not taken yet; everything before `_at` was
        self._at = 0
        # Each state takes what it can of the buffer, and says whether the next one may go on.
        self._state: Callable[[], bool] = self._before

    async def parse(self) -> FormData:
        """The fields, as text, and the files, in memory.

        Raises:
            MultiPartException: the form is broken, or has more than it may.
        """
        boundary = b"--" + boundary_of(self._headers)
        self._first_boundary = boundary
        # Whatever else follows a boundary belongs to the part.
        self._boundary = re.compile(re.escape(b"\r\n" + boundary) + rb"(?=--|\r\n|[ \t])")
        self._delimiter = b"\r\n" + boundary
        async for piece in self._stream:
            self._buffer = self._buffer[self._at :] + piece
            self._at = 0
            while self._state():
                pass
        return FormData(self._items)

    def _before(self) -> bool:
        """The form begins: a blank line, and whatever follows it up to a hyphen, is passed over."""
        if self._buffer[:1] in (b"\r", b"\n"):
            self._state = self._preamble
        elif self._buffer:
            self._state = self._first
        return bool(self._buffer)

    def _preamble(self) -> bool:
        found = self._buffer.find(b"-", self._at)
        if found < 0:
            return self._take(len(self._buffer))
        self._at = found
        self._state = self._first
        return True

    def _first(self) -> bool:
        """At the first boundary, which nothing comes before."""
        here = self._next(len(self._first_boundary))
        if here != self._first_boundary:
            return self._wait_or_fail(here, self._first_boundary)
        self._at += len(here)
        self._state = self._after_boundary
        return True

    def _after_boundary(self) -> bool:
        here = self._next(2)
        if here == b"--":
            self._finish_part()
            self.complete = True
            self._state = self._end
        elif here in (b"", b"-"):
            return False
        else:
            self._state = self._blanks
        return True

    def _blanks(self) -> bool:
        """Between a boundary and the end of its line, where RFC 2046 allows blanks."""
        blanks = _BLANKS.match(self._buffer, self._at)
        self._at = blanks.end() if blanks else self._at
        here = self._next(2)
        if here != b"\r\n":
            return self._wait_or_fail(here, b"\r\n")
        self._at += 2
        self._finish_part()
        self._part = Part(self._extended_names)
        self._state = partial(self._header, self._part)
        return True

    def _header(self, part: Part) -> bool:
        end = self._buffer.find(b"\r\n", self._at)
        line = self._buffer[self._at : end if end >= 0 else None]
        if len(line) > _MAX_HEADER_BYTES:
            raise invalid()
        if end < 0:
            return False
        self._at = end + 2
        if line:
            part.add_header(line)
        else:
            self._begin(part)
            self._state = partial(self._content, part)
        return True

    def _content(self, part: Part) -> bool:
        # Looking for fixed bytes first is five times faster, and by far most pieces have none.
        start = self._buffer.find(self._delimiter, self._at)
        if start >= 0 and (found := self._boundary.search(self._buffer, start)):
            self._add(part, found.start())
            self._at = found.end()
            self._state = self._after_boundary
            return True
        # A boundary may have begun at the end, of which the two bytes that follow it say whether it is one.
        self._add(part, max(self._at, len(self._buffer) - len(self._delimiter) - 1))
        return False

    def _end(self) -> bool:
        """Passes over what follows the last boundary."""
        return self._take(len(self._buffer))

    def _next(self, count: int) -> bytes:
        return self._buffer[self._at : self._at + count]

    def _take(self, end: int) -> bool:
        self._at = end
        return False

    def _wait_or_fail(self, here: bytes, expected: bytes) -> bool:
        if not expected.startswith(here):
            raise invalid()
        return False

    def _begin(self, part: Part) -> None:
        part.begin()
        files = sum(isinstance(value, UploadFile) for _, value in self._items)
        if part.file is not None and files >= self._max_files:
            raise MultiPartException(f"Too many files. Maximum number of files is {self._max_files}.")
        if part.file is None and len(self._items) - files >= self._max_fields:
            raise MultiPartException(f"Too many fields. Maximum number of fields is {self._max_fields}.")

    def _add(self, part: Part, end: int) -> None:
        """Adds the buffer up to an index to the part."""
        if part.file is None:
            self._field_bytes += end - self._at
            if self._field_bytes > self._max_field_bytes:
                raise MultiPartException(f"Part exceeded maximum size of {self._max_field_bytes // 1024}KB.")
        part.content.write(memoryview(self._buffer)[self._at : end])
        self._at = end

    def _finish_part(self) -> None:
        if self._part is not None:
            self._items.append(self._part.end())
            self._part = None


# `Request.form()` looks it up here: Streamlit reads its uploads with that.
requests.MultiPartParser = Form  # type: ignore[assignment, attr-defined]
