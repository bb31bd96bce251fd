"""Modules that seem installed, or not, to whoever asks without importing them."""

from __future__ import annotations

import importlib.util
from importlib.machinery import ModuleSpec

import pytest


def pretend(monkeypatch: pytest.MonkeyPatch, module: str, installed: bool) -> None:
    """Has `importlib.util.find_spec` answer so for one module."""
    real = importlib.util.find_spec

    def find_spec(name: str, package: str | None = None) -> ModuleSpec | None:
        if name != module:
            return real(name, package)
        return ModuleSpec(module, None) if installed else None

    monkeypatch.setattr(importlib.util, "find_spec", find_spec)
