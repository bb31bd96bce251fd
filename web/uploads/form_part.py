"""One part of a multipart form: its headers, and what it holds."""

from __future__ import annotations

import re
from io import BytesIO
from typing import BinaryIO, cast
from urllib.parse import unquote_to_bytes

from python_multipart.multipart import parse_options_header
from starlette.datastructures import Headers, UploadFile
from starlette.formparsers import MultiPartException

_MAX_HEADERS = 8  # of a part; RFC 7578 knows three
_MAX_SEMICOLONS = 64  # in a header; each costs a microsecond, and clients need three
_EXTENDED_NAME = re.compile(
    rb";[ \t]*filename\*[ \t]*=[ \t]*\"?(?:[-\w]*'[-\w]*')?([^\s;\"]*)", re.IGNORECASE
)  # RFC 8187
_HEADER_NAME = re.compile(rb"[-!#$%&'*+.^_`|~0-9A-Za-z]+")


class _Content(BytesIO):
    """Bytes of a part in memory."""

    _rolled = False  # tells `UploadFile` that reading it needs no thread, as with a `SpooledTemporaryFile`


class Part:
    """One part of a form: a file if its name is there, else a field.

    File names and fields are read as UTF-8, whatever character set the Content-Type names: no client names one, and
    Python remembers each name of a character set that it was ever asked for.

    Attributes:
        content: what the part holds, as far as it has arrived.
        file: the file that it becomes; None for a field, and before `begin`.
    """

    def __init__(self, extended_names: bool) -> None:
        """Args: extended_names: as for `multipart.Form`."""
        self.content = _Content()
        self._extended_names = extended_names
        self._headers: list[tuple[bytes, bytes]] = []
        self._name = ""
        self.file: UploadFile | None = None

    def add_header(self, line: bytes) -> None:
        """Raises `MultiPartException` if the line is no header, or one too many."""
        name, colon, value = line.partition(b":")
        if len(self._headers) == _MAX_HEADERS or not colon or not _HEADER_NAME.fullmatch(name) or b"\r" in value:
            raise invalid()
        self._headers.append((name.lower(), value.lstrip(b" ")))

    def begin(self) -> None:
        """After the headers: whether it is a file, and its name.

        Raises:
            MultiPartException: it has no name.
        """
        disposition = dict(self._headers).get(b"content-disposition", b"")
        _, options = options_of(disposition)
        if b"name" not in options:
            raise MultiPartException('The Content-Disposition header field "name" must be provided.')
        self._name = _text(options[b"name"])
        if self._extended_names and b"filename" not in options and (name := _EXTENDED_NAME.search(disposition)):
            options[b"filename"] = unquote_to_bytes(name[1])
        if b"filename" in options:
            self.file = UploadFile(
                cast(BinaryIO, self.content), filename=_text(options[b"filename"]), headers=Headers(raw=self._headers)
            )

    def end(self) -> tuple[str, UploadFile | str]:
        """At the next boundary: name and value."""
        # Also gives back what the buffer has to spare, so that reading copies nothing.
        content = self.content.getvalue()
        if self.file is None:
            return self._name, _text(content)
        self.file.size = len(content)
        self.content.seek(0)
        return self._name, self.file


def options_of(value: bytes) -> tuple[bytes, dict[bytes, bytes]]:
    """The value of a header, and its options by name; raises `MultiPartException` if there are too many."""
    if value.count(b";") > _MAX_SEMICOLONS:
        raise invalid()
    return parse_options_header(value)


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("latin-1")


def invalid() -> MultiPartException:
    """What is raised of a form that is broken."""
    return MultiPartException("Invalid multipart data.")
