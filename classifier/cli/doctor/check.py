"""A finding of the doctor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

INSTALL = "Install what is locked: `make demo`, or `uv pip install --require-hashes -r requirements/runtime.txt`."
"""How to mend a missing or broken dependency."""


@dataclass(frozen=True, slots=True)
class Check:
    """The name of what was checked, its status, what was found in detail, and how to mend it."""

    name: str
    status: Literal["ok", "warn", "fail"]
    detail: str
    remedy: str = ""
