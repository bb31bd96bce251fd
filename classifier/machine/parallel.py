"""Works on a few items ahead of the one whose result is asked for, and gives results in order."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from classifier.errors import ClassifierError
from classifier.machine.cpus import cpu_count

Item = TypeVar("Item")
Result = TypeVar("Result")


def in_order(
    work: Callable[[Item], Result], items: Iterable[Item], at_once: int | None = None
) -> Iterator[Result | ClassifierError | OSError]:
    """The result of `work` for each item, in order.

    Args:
        work: called from several threads at a time.
        items: read lazily, a few ahead.
        at_once: how many are worked on at a time; as many as CPUs if None.

    Yields:
        For each item its result, or the `ClassifierError` or `OSError` that `work` raised.

    Raises:
        RuntimeError: it was begun before this process was forked: the threads that work are its parent's.
    """
    # One more than CPUs, so that all CPUs are busy while one picture's file is read or its result is fetched.
    threads = (at_once or cpu_count()) + 1
    ahead: deque[Future[Result]] = deque()

    def finish() -> Result | ClassifierError | OSError:
        try:
            return ahead.popleft().result()
        except (ClassifierError, OSError) as error:
            return error

    def check() -> None:
        if os.getpid() != owner:
            raise RuntimeError(
                "These results were begun in the process that this one was forked from, and would never come here. "
                "Begin again in this process."
            )

    owner = os.getpid()
    pool = ThreadPoolExecutor(threads, "classify")
    try:
        for item in items:
            ahead.append(pool.submit(work, item))
            if len(ahead) > 2 * threads:
                yield finish()
                check()
        while ahead:
            yield finish()
            check()
    finally:
        if os.getpid() == owner:  # in a forked process there are no such threads, and locks may be held for ever
            for future in ahead:
                future.cancel()
            pool.shutdown()
