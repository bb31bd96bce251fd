"""The colours of a PNG that names a gamma (gAMA) and no profile, as an ICC profile that says the same.

As browsers do it: sRGB or a profile goes first, a gamma within a twentieth of that of screens is none, and the colours
of the primaries (cHRM) count only beside a gamma.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from classifier.picture.cicp import adapted

_SCREEN, _NEAR = 2.2, 0.05
_STEEPEST = 1_000.0  # exponent; nearly all is black or white long before
_SRGB = (0.3127, 0.3290, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06)
"""x and y of white, red, green and blue."""
_D50 = np.array([0.9642, 1.0, 0.8249])


def profile_of(info: Mapping[Any, Any], mode: str) -> bytes | None:
    """The ICC profile for what a picture's header says of its gamma.

    Args:
        info: what Pillow read from the file: `gamma`, `chromaticity`, `srgb`.
        mode: the picture's mode in Pillow.

    Returns:
        None if it says nothing, or what screens have anyway.
    """
    gamma = info.get("gamma")
    if not isinstance(gamma, float) or gamma <= 0 or "srgb" in info:
        return None
    exponent = min(1 / gamma, _STEEPEST)
    curve = struct.pack(">4sIHHi", b"para", 0, 0, 0, round(exponent * 65536))
    colours = _colorants(info.get("chromaticity", _SRGB))
    if abs(gamma * _SCREEN - 1) < _NEAR and np.allclose(colours, _colorants(_SRGB), atol=0.002):
        return None
    if mode in ("1", "L", "LA", "La", "I") or mode.startswith("I;16"):
        return _icc(b"GRAY", {b"kTRC": curve})
    tags = {name: _xyz(colour) for name, colour in zip((b"rXYZ", b"gXYZ", b"bXYZ"), colours.T, strict=True)}
    return _icc(b"RGB ", {**tags, **dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve)})


def _colorants(chromaticity: Sequence[float]) -> NDArray[np.float64]:
    """The colours of red, green and blue in columns, XYZ adapted to D50; those of sRGB where these are none."""
    x, y = np.array(chromaticity, np.float64).reshape(4, 2).T
    try:
        with np.errstate(all="raise"):
            white, *_ = colours = np.stack([x / y, np.ones(4), (1 - x - y) / y], axis=1)
            primaries = colours[1:].T
            primaries = primaries * np.linalg.solve(primaries, white)
            found = adapted(primaries, white, _D50)
    except (FloatingPointError, np.linalg.LinAlgError):
        return _colorants(_SRGB)
    return found if np.abs(found).max() < 10 else _colorants(_SRGB)


def _xyz(values: NDArray[np.float64]) -> bytes:
    return b"XYZ " + bytes(4) + struct.pack(">3i", *(round(value * 65536) for value in values))


def _icc(space: bytes, tags: Mapping[bytes, bytes]) -> bytes:
    """A profile of a screen, version 4, with these tags (ICC.1:2022, section 7)."""
    every = {b"wtpt": _xyz(_D50), **tags}
    start = 128 + 4 + 12 * len(every)
    table, body = struct.pack(">I", len(every)), b""
    for name, content in every.items():
        table += struct.pack(">4sII", name, start + len(body), len(content))
        body += content
    date = struct.pack(">6H", 2026, 1, 1, 0, 0, 0)
    head = struct.pack(">I4xI4s4s4s12s4s28x", start + len(body), 4 << 24, b"mntr", space, b"XYZ ", date, b"acsp")
    return (head + _xyz(_D50)[8:]).ljust(128, b"\0") + table + body
