"""Knows pictures again by what is in their files: those that are in a dataset twice, or that a model was fitted to.

A package keeps only the smallest of its pictures' hashes, which are a fair sample of them: if two sets of pictures
share a part, so do their samples (Broder 1997, On the resemblance and containment of documents).
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Sequence
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


def sample(hashes: Iterable[str]) -> tuple[str, ...]:
    """The smallest of these hashes, which are what a package keeps."""
    return tuple(sorted(set(hashes) - {""})[:KEPT])


def lines(kept: Sequence[str]) -> str:
    """What `sample` gave, as text."""
    return "".join(" ".join(kept[at : at + _A_LINE]) + "\n" for at in range(0, len(kept), _A_LINE))


def shared(hashes: Iterable[str], kept: Collection[str], pictures: int) -> int:
    """How many of these pictures a package was fitted to: exact for up to `KEPT` pictures, else an estimate.

    Args:
        hashes: of the pictures.
        kept: what `sample` gave.
        pictures: how many the package was fitted to.
    """
    if not kept:
        return 0
    found = len(set(kept).intersection(hashes))
    if len(kept) < KEPT:
        return found
    return max(found, round(found * pictures / len(kept)))
