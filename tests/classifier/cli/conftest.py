"""The command's surroundings: no setting but those of the test."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from classifier.settings import PREFIX
from tests.support.command import ENVIRONMENT


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [*os.environ]:
        if name.startswith((PREFIX, "STREAMLIT_")) or name in ("SPACE_ID", "PORT", "MODELSCOPE_ENVIRONMENT"):
            monkeypatch.delenv(name)


@pytest.fixture
def lite0(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The small model with LiteRT, and an empty folder to work in."""
    for name in ("CLASSIFIER_MODEL", "CLASSIFIER_BACKEND"):
        monkeypatch.setenv(name, ENVIRONMENT[name])
    monkeypatch.chdir(tmp_path)
