"""SIGHUP, by which operators of servers ask for changes to be read: `docker kill -s HUP`, `kill -HUP`.

It also says that a terminal was closed, and then it ends whatever was started in that, as it does by default.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from types import FrameType


def bound(ask: Callable[[], None]) -> None:
    """Handles SIGHUP from now on; nothing in a thread other than the main one, as in tests.

    Args:
        ask: asks for changes to be read; called between any two instructions of the main thread, so it may not wait.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    ends = signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN and has_terminal()  # ignored with `nohup`

    def hung_up(_: int, __: FrameType | None) -> None:
        if ends and not has_terminal():
            os.kill(os.getpid(), signal.SIGTERM)
        else:
            ask()

    signal.signal(signal.SIGHUP, hung_up)


def has_terminal() -> bool:
    """Whether this process has a terminal that is open."""
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY | os.O_CLOEXEC))
    except OSError:
        return False
    return True
