"""The remote backend: the model runs in an engine elsewhere; see the package's docstring."""

from __future__ import annotations

import random
import time

import numpy as np
from numpy.typing import NDArray

from classifier.backends.names import REMOTE, grpc_problem
from classifier.backends.protocol import Outputs
from classifier.backends.remote.address import Address
from classifier.backends.remote.addresses import Engine
from classifier.backends.remote.balancer import Balancer
from classifier.backends.remote.batches import Batches
from classifier.backends.remote.deadline import Deadline
from classifier.backends.remote.limit import Limit
from classifier.backends.remote.transport import (
    Array,
    BadAnswerError,
    BrokenEngineError,
    EngineFailure,
    OverloadedError,
    RefusalError,
    UnreachableError,
    transport_class,
)
from classifier.errors import BackendError, ClassifierError, EngineAnswerError, EngineUnavailableError
from classifier.formatting import described
from classifier.package import ModelPackage

_TRIES = 4
_PAUSE = 0.05  # seconds before the second try, twice as many before each later one; up to half less by chance
_FLIGHTS = 4  # requests on their way to one address, where what waits can go together
_FLIGHTS_ALONE = 16  # the same where each picture is a request
_MOST_ODD = 2  # pictures of a batch that an engine may fail at until it counts as failing at all
_FIRST_SECONDS = 1.0  # for which a start waits, so that it can say what it found


class RemoteBackend:
    """Has an engine run a package's model; safe to call from many threads. The package needs no weights."""

    name = REMOTE.name

    def __init__(self, package: ModelPackage, engine: Engine) -> None:
        """Looks for the engine for a moment, and in the background from then on: it may come later, and go.

        Args:
            package: the model.
            engine: where and how to reach it.

        Raises:
            BackendError: what it takes to speak with such an engine is not installed.
        """
        first, *others = engine.urls
        try:
            (title, *_) = [transport_class(url, engine.protocol).title for url in engine.urls]
        except ImportError as error:
            problem = grpc_problem() or f"{described(error)}."
            raise BackendError(f"The remote backend cannot speak with its engine. {problem}") from error
        self.device = f"{first}{f' and {len(others)} more' if others else ''} ({title})"
        self._package = package
        self._timeout = engine.timeout
        self._limit = Limit()
        self._balancer = Balancer(engine, package)
        self._balancer.await_first(Deadline.after(_FIRST_SECONDS))
        self._pixels = Batches(self._together, self._flights, self._most)
        self._values = Batches(self._together, self._flights, self._most)

    @property
    def problem(self) -> ClassifierError | None:
        """See `Remote`."""
        failure = self._balancer.problem()
        return None if failure is None else _error(failure)

    def run(self, batch: NDArray[np.float32]) -> Outputs:
        """Runs a batch `(N, H, W, 3)`, scaled; see `Backend`.

        Raises:
            EngineUnavailableError: the engine cannot be reached, or has too much to do.
            EngineAnswerError: it refuses the request, or its answer cannot be used.
        """
        try:
            return self._in_parts(batch, Deadline.after(self._timeout), features=True)
        except EngineFailure as failure:
            raise _error(failure) from failure

    def run_one(self, data: NDArray[np.uint8] | NDArray[np.float32], *, features: bool = False) -> Outputs:
        """See `Remote`.

        Raises:
            EngineUnavailableError: the engine cannot be reached, or has too much to do.
            EngineAnswerError: it refuses the request, or its answer cannot be used.
        """
        deadline = Deadline.after(self._timeout)
        views = data if data.dtype == np.uint8 and data.ndim == 4 else data[None]
        try:
            if features or len(views) > 1:
                wanted = features or self._package.unknown is not None
                found = self._in_parts(views, deadline, features=wanted)
                if features and found.features is None and self._package.manifest.output.features:
                    raise BadAnswerError("its model gives no features, which output.features asks for")
                return found
            waiting = self._pixels if data.dtype == np.uint8 else self._values
            return waiting.run(data, deadline)
        except EngineFailure as failure:
            # One failure may be that of several pictures, each of which gets an error of its own.
            raise _error(failure) from failure

    def for_many(self) -> RemoteBackend:
        """The same: it is for many callers at once."""
        return self

    def close(self) -> None:
        """Closes all connections. Otherwise they are closed when nothing refers to the backend any more."""
        self._balancer.close()

    def _together(self, pictures: list[Array], deadline: Deadline) -> list[Outputs | EngineFailure]:
        """The outputs of pictures that wait, or why there are none: one picture is not in the way of others.

        With their features only if the package needs them to know the unknown.
        """
        failures: dict[int, EngineFailure] = {}
        features = self._package.unknown is not None
        found = self._in_parts(np.stack(pictures), deadline, features=features, failures=failures)
        maps = iter(() if found.features is None else found.features)  # of the pictures that did not fail
        return [
            failures.get(number) or Outputs(one[None], None if found.features is None else next(maps)[None])
            for number, one in enumerate(found.scores)
        ]

    def _in_parts(
        self, batch: Array, deadline: Deadline, *, features: bool, failures: dict[int, EngineFailure] | None = None
    ) -> Outputs:
        """Sends a batch in the fewest requests that the engine takes.

        It may refuse several pictures since its model takes fewer at a time, or the message is too large for it.

        Args:
            batch: the pictures.
            deadline: by when all answers must be there.
            features: whether the features are wanted, too.
            failures: gets those of a few single pictures, whose scores are then NaN; all are raised if None.
        """
        count = self._package.manifest.output.scores
        parts: list[Outputs] = []
        at, known = 0, self._limit.known
        while at < len(batch):
            part = batch[at : at + self._most()]
            try:
                parts.append(self._attempts(part, deadline, features=features))
            except (RefusalError, BrokenEngineError) as failure:
                for_all = isinstance(failure, RefusalError) and not failure.sized
                if len(part) > 1 and not for_all:
                    self._limit.lower(len(part) // 2 if isinstance(failure, RefusalError) else 1)
                    continue
                if for_all or failures is None or len(failures) == _MOST_ODD or len(batch) == 1:
                    self._limit.restore(known)  # it was not for the number of pictures
                    raise
                failures[at] = failure
                parts.append(Outputs(np.full((1, count), np.nan, np.float32), None))
            at += len(part)
        if failures:
            self._limit.restore(known)
        found = [part.features for part in parts if part.features is not None]
        return Outputs(
            np.concatenate([part.scores for part in parts]),
            np.concatenate(found) if len(found) == len(parts) else None,
        )

    def _attempts(self, batch: Array, deadline: Deadline, *, features: bool) -> Outputs:
        """Tries a batch at one address after another; inference changes nothing, so it may be asked for twice."""
        tried: list[Address] = []
        while True:
            address, began = self._balancer.acquire(deadline, tried)
            failure: EngineFailure | None = None
            try:
                assert address.plan is not None  # noqa: S101
                return address.plan.run(address.transport, batch, deadline, features=features)
            except EngineFailure as raised:
                failure = raised
            finally:
                self._balancer.release(address, began, failure)
            tried.append(address)
            if not self._worth_another(failure, len(batch), tried, deadline):
                raise failure
            pause = _PAUSE * 2 ** (len(tried) - 1) * random.uniform(0.5, 1.0)  # noqa: S311
            time.sleep(min(pause, deadline.left))

    def _worth_another(self, failure: EngineFailure, pictures: int, tried: list[Address], deadline: Deadline) -> bool:
        if len(tried) >= _TRIES or not deadline.left:
            return False
        if isinstance(failure, UnreachableError) or (isinstance(failure, OverloadedError) and failure.again):
            return True
        if isinstance(failure, RefusalError) and failure.sized and pictures > 1:
            return False  # fewer at a time may be taken
        return any(one not in tried for one in self._balancer.usable)  # the same one would answer the same

    def _most(self) -> int:
        """The most pictures in one request, whichever address it goes to."""
        return self._limit.within(min((one.plan.most for one in self._balancer.usable if one.plan), default=1))

    def _flights(self) -> int:
        return len(self._balancer.usable) * (_FLIGHTS if self._most() > 1 else _FLIGHTS_ALONE)


def _error(failure: EngineFailure) -> ClassifierError:
    if isinstance(failure, UnreachableError | OverloadedError):
        return EngineUnavailableError(reason=failure.reason)
    return EngineAnswerError(reason=failure.reason)
