"""What the kernel does with this process when it crashes, when memory runs out, and when its parent ends."""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import signal
import sys
from pathlib import Path

# Source: linux/include/uapi/linux/prctl.h
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE = 1, 4


def forbid_core_dumps() -> None:
    """Keeps the memory of this process, pictures included, out of files when it crashes.

    The limit of 0 bytes, which child processes inherit, is for dumps to files; the second step, on Linux only, is also
    for dumps that the kernel pipes to a program, and keeps other processes of the same user from reading the memory.
    From then on `/proc/self` belongs to root: a server that runs as another user cannot write there any more, and
    debuggers of its own user cannot attach to it.
    """
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _prctl(_PR_SET_DUMPABLE, 0)


def memory_of(process: int | str = "self") -> tuple[int, int, int]:
    """Bytes of memory that a process has mapped, that it holds, and that it shares of these with files.

    All are 0 if that is unknown: on macOS, and for a process that has ended.
    """
    try:
        mapped, resident, shared, *_ = map(int, Path(f"/proc/{process}/statm").read_text().split())
    except (OSError, ValueError):
        return 0, 0, 0
    page = os.sysconf("SC_PAGE_SIZE")
    return mapped * page, resident * page, shared * page


def end_first() -> None:
    """Has the kernel end this process before others when the machine's memory runs out; Linux only.

    Call it before `forbid_core_dumps`, after which a process that is not root's cannot write this file any more.
    """
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")


def end_with(parent: int) -> None:
    """Has the kernel kill this process when its parent ends, however that happens; Linux only.

    Args:
        parent: the parent's process id, from before the fork. If it has ended meanwhile, this process ends now.
    """
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(option, ctypes.c_ulong(value), *(ctypes.c_ulong(0),) * 3)
