"""What was freed goes back to the system."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

from tests.support.photos import ROOT

# One large block freed, and a second that has a small one behind it, as uploads have: MB more than before them.
CODE = """
import os, sys
from tests.support.watch import footprint
from classifier.machine import malloc

if sys.argv[1] == "returned":
    malloc.return_large_blocks()
before, behind = footprint(os.getpid()).rss, []
for _ in range(2):
    block = b"x" * 9_000_000
    behind.append(b"y" * 100_000)
    del block
print(footprint(os.getpid()).rss - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the C library is not glibc")
@pytest.mark.parametrize(("way", "least", "most"), [("kept", 8, 30), ("returned", 0, 3)])
def test_the_place_of_a_large_upload_is_returned(way: str, least: float, most: float) -> None:
    command = [sys.executable, "-c", CODE, way]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert least <= float(ended.stdout) < most
