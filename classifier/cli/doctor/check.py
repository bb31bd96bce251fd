"""A finding of the doctor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

INSTALL = "Install what is locked: `make demo`, or `uv pip install --require-hashes -r requirements/runtime.txt`."
"""What mends a missing or broken dependency."""


@dataclass(frozen=True, slots=True)
class Check:
    """What was looked at, whether it is well, what was found, and what mends it."""

    name: str
    status: Literal["ok", "warn", "fail"]
    detail: str
    remedy: str = ""
