"""Modules that tests import when they use them, not when pytest reads their file.

Each process of `pytest -n` reads every file. TensorFlow costs seconds and half a gigabyte, so that only those processes
import it that run a test with it.
"""

from __future__ import annotations

import importlib
from typing import Any


class _Module:
    """Stands for a module until somebody asks it for a name."""

    def __init__(self, name: str) -> None:
        vars(self)["_name"] = name

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name == "_mock_name":  # pytest asks all that is in a file for these
            raise AttributeError(name)
        return getattr(importlib.import_module(self._name), name)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"patch {self._name}.{name} by its name: what is set here the module itself does not get")


def late(name: str) -> Any:
    """The module of this name, which is imported with the first use."""
    return _Module(name)
