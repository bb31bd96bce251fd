"""A process takes as many descriptors as it may."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from classifier.machine.descriptors import open_descriptors

pytest.importorskip("resource")  # there is none on Windows

CHILD = """
import resource, sys
from classifier.machine.descriptors import raise_limit
resource.setrlimit(resource.RLIMIT_NOFILE, (int(sys.argv[1]), int(sys.argv[2])))
print(raise_limit(), *resource.getrlimit(resource.RLIMIT_NOFILE))
"""


@pytest.mark.parametrize(("soft", "hard"), [(64, 512), (512, 512)])
def test_the_soft_limit_becomes_the_hard_one(soft: int, hard: int) -> None:
    command = [sys.executable, "-c", CHILD, str(soft), str(hard)]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.split() == [str(hard)] * 3


def test_what_is_open_is_counted(tmp_path: Path) -> None:
    before = open_descriptors()
    with (tmp_path / "file").open("w"):
        assert open_descriptors() == before + 1
    assert open_descriptors(tmp_path / "none") > 0
