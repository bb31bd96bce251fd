"""Gathers what waits: while requests are on their way, the pictures that come go together as the next request.

A picture that comes while little is on its way goes at once and alone. There is no thread for that: of those who wait,
one sends for all.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from classifier.backends.remote.deadline import Deadline
from classifier.backends.remote.transport import EngineFailure, UnreachableError

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(eq=False)
class _Waiting(Generic[Item, Result]):
    item: Item
    deadline: Deadline
    woken: threading.Event = field(default_factory=threading.Event)
    batch: list[_Waiting[Item, Result]] | None = None
    result: Result | None = None
    error: BaseException | None = None


class Batches(Generic[Item, Result]):
    """Sends single items, or several together; safe to use from many threads."""

    def __init__(
        self,
        send: Callable[[list[Item], Deadline], Sequence[Result | EngineFailure]],
        flights: Callable[[], int],
        most: Callable[[], int],
    ) -> None:
        """Nothing waits yet.

        Args:
            send: gives the results of items in order, or failures of some; called from the threads of those who wait.
            flights: the most requests on their way at a time.
            most: the most items of a request.
        """
        self._send = send
        self._flights = flights
        self._most = most
        self._lock = threading.Lock()
        self._waiting: deque[_Waiting[Item, Result]] = deque()
        self._flying = 0

    def run(self, item: Item, deadline: Deadline) -> Result:
        """The result of an item.

        Raises:
            UnreachableError: the deadline passed while it waited.
            EngineFailure: of this item.
            Exception: as `send` raises it, for all items of a request.
        """
        own: _Waiting[Item, Result] = _Waiting(item, deadline)
        with self._lock:
            if self._flying < max(1, self._flights()):
                self._flying += 1
                own.batch = [own]
            else:
                self._waiting.append(own)
        if own.batch is None:
            own.woken.wait(deadline.left)
            with self._lock:
                if not own.woken.is_set():
                    if own in self._waiting:
                        self._waiting.remove(own)
                    raise UnreachableError("it did not answer in time: too much waits for it")
        if own.batch is not None:
            self._fly(own.batch)
        if own.error is not None:
            raise own.error
        return own.result  # type: ignore[return-value]

    def _fly(self, batch: list[_Waiting[Item, Result]]) -> None:
        """Sends a batch, gives out its results, and has others send what has come meanwhile."""
        try:
            results = self._send([one.item for one in batch], max(one.deadline for one in batch))
            for one, result in zip(batch, results, strict=True):
                if isinstance(result, EngineFailure):
                    one.error = result
                else:
                    one.result = result
        except BaseException as error:
            for one in batch:
                one.error = error
        finally:
            with self._lock:
                self._flying -= 1
                while self._waiting and self._flying < max(1, self._flights()):
                    self._depart()
            for one in batch:
                one.woken.set()

    def _depart(self) -> None:
        """Has one of those who wait send what waits, with the lock held; the one who can wait longest."""
        most = max(1, self._most())
        batch = [self._waiting.popleft() for _ in range(min(most, len(self._waiting)))]
        self._flying += 1
        sender = max(batch, key=lambda one: one.deadline)
        sender.batch = batch
        sender.woken.set()
