"""Tells what a body is that should be a picture and is none, for a sentence that helps."""

from __future__ import annotations

import re
from codecs import BOM_UTF8
from urllib.parse import unquote_plus

from classifier.formatting import quoted
from classifier.picture.formats import sniff
from classifier.protocols.oip import decode_base64
from web.uploads.base64_text import ADDRESS, is_address, is_data_url

_FORM = "application/x-www-form-urlencoded"  # also what curl and Python's urllib call a body unless told otherwise
_STRIPPED = b"\0\r\n"
_SURELY = 1000  # bytes; in so many of any picture are some of those above
_FIELDS_SHOWN = 5
_BEGINNING = 1000  # bytes to look at
_BASE64 = re.compile(rb"[-\w+/=\s]{100,}")
_FIELD = re.compile(rb"[-\w.\[\]%+]+=")


def wrong(body: bytes, kind: str) -> str:
    """What the body is; empty if it may be a picture, or nothing can be said.

    Args:
        body: the whole body.
        kind: its Content-Type, without parameters.
    """
    if len(body) >= _SURELY and not body.isascii() and not any(byte in body for byte in _STRIPPED):
        return "a file without its line breaks and zero bytes, as curl -d sends it"
    if kind.startswith("multipart/") and not sniff(body):
        return f"a message of the type {kind} rather than multipart/form-data"
    return wrong_file(body, kind)


def wrong_file(body: bytes, kind: str) -> str:
    """The same of a file in a form, whose Content-Type is that of its part."""
    if sniff(body):
        return ""
    if body.startswith(b"\x1f\x8b"):
        return "compressed by gzip"
    text = body[:_BEGINNING].removeprefix(BOM_UTF8).lstrip()
    if text.startswith((b"{", b"[")):
        return f"JSON with the Content-Type {kind}" if kind else "JSON without a Content-Type"
    if is_data_url(text):
        return "a data URL"
    if kind == _FORM and _FIELD.match(text):
        names = [field[:_BEGINNING].partition(b"=")[0] for field in body.split(b"&", _FIELDS_SHOWN)[:_FIELDS_SHOWN]]
        return f"a form of the type {_FORM} with {quoted(unquote_plus(name.decode('latin-1')) for name in names)}"
    if is_address(text):
        return ADDRESS
    if _BASE64.fullmatch(text) and _is_picture_in_base64(text):
        return "a picture in base64"
    return ""


def _is_picture_in_base64(text: bytes) -> bool:
    letters = b"".join(text.split())
    try:
        return sniff(decode_base64(letters[: len(letters) // 4 * 4])) is not None
    except ValueError:
        return False
