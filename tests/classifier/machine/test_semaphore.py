"""A semaphore whose waiting ends with the work."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from classifier.errors import AbandonedError
from classifier.machine.cancellation import Cancellation
from classifier.machine.semaphore import Semaphore


def test_who_leaves_a_queue_leaves_their_place_to_the_next() -> None:
    semaphore, held = Semaphore(1), threading.Event()
    leaving, staying = Cancellation(), Cancellation()

    def hold(cancellation: Cancellation) -> bool:
        with semaphore.hold(cancellation):
            held.set()
            return True

    with ThreadPoolExecutor(2) as threads:
        with semaphore.hold(Cancellation()):
            leaves, stays = threads.submit(hold, leaving), threads.submit(hold, staying)
            time.sleep(0.1)
            leaving.cancel()
        with pytest.raises(AbandonedError):
            leaves.result(2)
        assert stays.result(2)
