"""A module of ours as a confined program: `python -m classifier.machine.confined PARENT PIPE MODULE ARGUMENT...`.

Used by `machine.child`, which watches over it. It ends with its parent, leaves no core dump, writes no file without end
and is what the kernel ends first when memory runs out.
"""

from __future__ import annotations

import contextlib
import resource
import runpy
import sys

from classifier.machine import progress
from classifier.machine.process import end_first, end_with, forbid_core_dumps

LARGEST_FILE = 16_000_000_000
"""Bytes of the largest file that it may write: a copy of a model's weights."""


def main() -> None:
    """Confines this process for the rest of its life, and then runs the module as `python -m` does."""
    parent, pipe, module, *arguments = sys.argv[1:]
    end_with(int(parent))
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_FSIZE, (LARGEST_FILE, LARGEST_FILE))
    end_first()
    forbid_core_dumps()
    progress.report_to(int(pipe))
    sys.argv[1:] = arguments
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
