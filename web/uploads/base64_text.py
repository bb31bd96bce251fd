"""Decodes base64 while it arrives: plain, or as a data URL, the address of a picture as web pages write it."""

from __future__ import annotations

import re

from classifier.protocols.oip import decode_base64
from web.errors import NotBase64Error

ADDRESS = "an address, from which this server fetches nothing"
"""What came, where it is one."""

_BLANKS = b" \t\r\n"
_HEAD = 16  # characters, by which a data URL or another address is told
_LONGEST_HEAD = 1000  # characters of a data URL before its data
_ADDRESS = re.compile(rb"[a-z][a-z+.-]*:", re.IGNORECASE)


class Base64Text:
    """One text, in either alphabet of base64, with or without padding, in one line or in several."""

    def __init__(self) -> None:
        """Nothing has come yet."""
        self._head = b""
        self._in_head = True
        self._rest = b""  # characters that do not make up three bytes yet
        self._padding = 0

    def feed(self, text: bytes) -> bytes:
        """The bytes that the next piece of the text completes.

        Raises:
            NotBase64Error: the text is something else.
        """
        text = text.translate(None, _BLANKS)
        if self._in_head:
            text = self._without_head(text)
        return self._decode(text)

    def end(self) -> bytes:
        """The last bytes.

        Raises:
            NotBase64Error: the text is something else, or cut off.
        """
        data = b""
        if self._in_head:
            self._in_head = False
            data = self._decode(self._after_head())
        if len(self._rest) == 1 or (self._padding and (len(self._rest) + self._padding) % 4):
            raise NotBase64Error(came="base64 that is cut off")
        return data + self._bytes(self._rest)

    def _without_head(self, text: bytes) -> bytes:
        self._head += text
        known = len(self._head) >= _HEAD and (b"," in self._head or not is_data_url(self._head))
        if not known and len(self._head) <= _LONGEST_HEAD:
            return b""
        self._in_head = False
        return self._after_head()

    def _after_head(self) -> bytes:
        if not is_data_url(self._head):
            return self._head
        head, comma, data = self._head.partition(b",")
        if len(head) > _LONGEST_HEAD or not comma or not head.lower().endswith(b";base64"):
            raise NotBase64Error(came="a data URL that is not in base64")
        return data

    def _decode(self, text: bytes) -> bytes:
        data, equals, _ = text.partition(b"=")
        if (data and self._padding) or text[len(data) :].strip(b"="):
            raise NotBase64Error(came="text that is not base64")
        self._padding += len(text) - len(data) if equals else 0
        whole = self._rest + data
        end = len(whole) - len(whole) % 4
        self._rest = whole[end:]
        return self._bytes(whole[:end])

    def _bytes(self, text: bytes) -> bytes:
        try:
            return decode_base64(text)
        except ValueError:
            pass
        raise NotBase64Error(came=ADDRESS if is_address(self._head[:_HEAD]) else "text that is not base64")


def is_address(text: bytes) -> bool:
    """Whether a text begins as an address does."""
    return bool(_ADDRESS.match(text))


def is_data_url(text: bytes) -> bool:
    """Whether a text begins as the address that holds its own data does."""
    return text[:5].lower() == b"data:"
