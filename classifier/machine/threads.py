"""Whether this machine still lets a process start threads, which a bound on processes also forbids."""

from __future__ import annotations

import threading


def can_start(count: int) -> bool:
    """Whether this process can have that many more threads at the same time; tries it, which takes a moment.

    A library that starts threads itself may not tell why it failed, or abort the process (libheif does).
    """
    enough = threading.Event()
    started: list[threading.Thread] = []
    try:
        for _ in range(count):
            thread = threading.Thread(target=enough.wait, daemon=True)
            thread.start()
            started.append(thread)
    except (RuntimeError, MemoryError):
        return False
    finally:
        enough.set()
        for thread in started:
            thread.join()
    return True
