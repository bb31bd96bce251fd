"""Knows pictures again by what is in their files: those that are in a dataset twice, or that a model was fitted to.

A package keeps only the smallest of its pictures' hashes, which are a fair sample of them: if two sets of pictures
share a part, so do their samples (Broder 1997, On the resemblance and containment of documents).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from classifier.machine import files

KEPT = 256
"""How many hashes a package keeps."""

DIGITS = 16
"""Hexadecimal digits of a hash that are looked at."""
_A_LINE = 6


def fingerprint(file: str) -> str:
    """The first 16 hexadecimal digits of a file's SHA-256; "" if it cannot be read."""
    try:
        with files.open_file(Path(file)) as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()[:DIGITS]
    except OSError:
        return ""


def sample(hashes: Iterable[str]) -> str:
    """The smallest of these hashes, as a package keeps them."""
    kept = sorted(set(hashes) - {""})[:KEPT]
    return "".join(" ".join(kept[at : at + _A_LINE]) + "\n" for at in range(0, len(kept), _A_LINE))


def shared(hashes: Iterable[str], kept: str, pictures: int) -> int:
    """How many of these pictures a package was fitted to: exact for up to `KEPT` pictures, else an estimate.

    Args:
        hashes: of the pictures.
        kept: what `sample` gave.
        pictures: how many the package was fitted to.
    """
    known = kept.split()
    if not known:
        return 0
    found = len(set(known).intersection(hashes))
    if len(known) < KEPT:
        return found
    return max(found, round(found * pictures / len(known)))
