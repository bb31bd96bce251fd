"""A machine with more CPUs than a quota allows."""

from __future__ import annotations

import os

import pytest

from tests.support.cgroups import CPUS


@pytest.fixture
def many_cpus(monkeypatch: pytest.MonkeyPatch) -> None:
    """The CPU set of this process."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(CPUS)), raising=False)
