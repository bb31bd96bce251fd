"""One picture to a worker and its answer back; or, if none comes, whose fault that is.

It is the picture's if the worker's own code ended the worker, or took too much CPU time. If somebody else ended or
stopped the worker, or the machine could not run it, it is the operator's trouble and none of the picture's.
"""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from classifier.errors import DecodingError, NoDecoderError
from classifier.machine import threads
from classifier.machine.cancellation import Cancellation
from classifier.picture import decode
from classifier.picture.sandbox import answers
from classifier.picture.sandbox.ending import End
from classifier.picture.sandbox.processes import Worker
from classifier.picture.sandbox.wire import Patience

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Request:
    """What a worker is asked for, and how its answer is read.

    Attributes:
        facts: the JSON object for the worker.
        data: the picture.
        longest: the most bytes that can come back.
        read: checks an answer's JSON object and bytes, given the ms that the answer took.
    """

    facts: dict[str, Any]
    data: bytes
    longest: int
    read: Callable[[dict[str, Any], bytes, float], Any]


class TroubleError(Exception):
    """The machine's trouble, in a few words for the log."""


class LostError(TroubleError):
    """The same, before the worker had the picture, or because the fork server ended: another worker may do better."""


def ask(worker: Worker, request: Request, seconds: float, cancellation: Cancellation) -> tuple[Any, bool]:
    """What a worker answers: a result or a `ClassifierError`, and whether the worker can be kept.

    Args:
        worker: one that has nothing else to do.
        request: what it is asked for.
        seconds: until it must have answered.
        cancellation: has been told how to end the worker.

    Raises:
        DecodingError: the picture ended the worker.
        TroubleError: see there.
        AbandonedError: the work was cancelled.
    """
    given, start = False, time.perf_counter()
    try:
        worker.wait()
        start, patience = time.perf_counter(), Patience(seconds)
        number = secrets.randbits(53)
        worker.send({**request.facts, "number": number}, request.data, patience)
        given = True
        facts, payload = worker.receive((answers.LONGEST_FACTS, request.longest), patience)
        answers.check_number(facts, number)
        answer = answers.error(facts) or request.read(facts, payload, (time.perf_counter() - start) * 1000)
        keep = not answers.last(facts)
    except (EOFError, OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        cancellation.check()
        gone = isinstance(error, EOFError | OSError) and not isinstance(error, TimeoutError)
        end = worker.end(at_once=not gone)
        failure: Exception | None = _trouble(worker, end, error, given, seconds)
        if failure is None:
            passed, how = time.perf_counter() - start, end if gone else f"its answer was wrong: {error!r:.100}"
            log.warning("a picture of %d bytes ended its decoder after %.1f s: %s", len(request.data), passed, how)
            failure = DecodingError()
        raise failure from error
    if isinstance(answer, NoDecoderError):
        raise TroubleError("the system gave its decoder no threads, memory or files") from answer
    return answer, keep


def _trouble(worker: Worker, end: End | None, error: Exception, given: bool, seconds: float) -> TroubleError | None:
    """Why the worker failed, if that is not the picture's fault.

    Args:
        worker: the worker.
        end: how it ended.
        error: how that showed.
        given: whether it had all of the picture.
        seconds: the time it had.
    """
    if end is None:
        return LostError(f"the process that starts the decoders ended with status {worker.fork_server.end()}")
    if not end.started:
        return TroubleError(str(end))
    if not worker.ready:
        return LostError(f"its decoder never began: {end}")
    if isinstance(error, TimeoutError):
        return TroubleError(
            f"its decoder was stopped or got too little of the CPU: no answer within {seconds:g} s,"
            f" in all its life {end.cpu_seconds:.1f} s of CPU time"
        )
    if isinstance(error, EOFError | OSError) and not end.own_doing:
        return (TroubleError if given else LostError)(f"its decoder ended: {end}")
    if end.aborted and not threads.can_start(decode.THREADS):
        return TroubleError("no more threads can be started")
    return None
