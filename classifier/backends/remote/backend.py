"""The remote backend: the model runs in an engine elsewhere; see the package's docstring."""

from __future__ import annotations

import random
import time

import numpy as np
from numpy.typing import NDArray

from classifier.backends.names import REMOTE
from classifier.backends.protocol import Outputs
from classifier.backends.remote.address import Address
from classifier.backends.remote.addresses import Engine
from classifier.backends.remote.balancer import Balancer
from classifier.backends.remote.batches import Batches
from classifier.backends.remote.deadline import Deadline
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
_FIRST_SECONDS = 1.0  # for which a start waits, so that it can say what it found
_ALONE_SECONDS = 60.0  # for which pictures go alone after an engine took only single ones


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
            raise BackendError(
                f"The remote backend cannot speak with {first}: {described(error)}. "
                "For gRPC it needs the extra `remote`: install requirements/remote.txt."
            ) from error
        self.device = f"{first}{f' and {len(others)} more' if others else ''} ({title})"
        self._package = package
        self._timeout = engine.timeout
        self._alone_until = 0.0
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
        try:
            if features:
                found = self._attempts(data[None], deadline, features=True)
                if found.features is None and self._package.manifest.output.features:
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

    def _together(self, pictures: list[Array], deadline: Deadline) -> list[Outputs]:
        """The outputs of pictures that wait; with their features only if the package needs them to know the unknown."""
        found = self._in_parts(np.stack(pictures), deadline, features=self._package.unknown is not None)
        maps = found.features
        return [
            Outputs(found.scores[at : at + 1], None if maps is None else maps[at : at + 1])
            for at in range(len(pictures))
        ]

    def _in_parts(self, batch: Array, deadline: Deadline, *, features: bool) -> Outputs:
        """Sends a batch in the fewest requests; where an engine does not take pictures together, each by itself.

        An engine may also refuse several because the message is too large for it.
        """
        try:
            return self._joined(batch, self._most(), deadline, features=features)
        except (RefusalError, BrokenEngineError):
            if len(batch) == 1:
                raise
        found = self._joined(batch, 1, deadline, features=features)
        self._alone_until = time.monotonic() + _ALONE_SECONDS
        return found

    def _joined(self, batch: Array, most: int, deadline: Deadline, *, features: bool) -> Outputs:
        parts = [
            self._attempts(batch[at : at + most], deadline, features=features) for at in range(0, len(batch), most)
        ]
        found = [part.features for part in parts if part.features is not None]
        return Outputs(
            np.concatenate([part.scores for part in parts]),
            np.concatenate(found) if len(found) == len(parts) else None,
        )

    def _attempts(self, batch: Array, deadline: Deadline, *, features: bool) -> Outputs:
        """Tries a batch at one address after another; inference changes nothing, so it may be asked for twice."""
        tried: list[Address] = []
        while True:
            address = self._balancer.acquire(deadline, tried)
            failure: EngineFailure | None = None
            try:
                assert address.plan is not None  # noqa: S101
                return address.plan.run(address.transport, batch, deadline, features=features)
            except EngineFailure as raised:
                failure = raised
            finally:
                self._balancer.release(address, failure)
            tried.append(address)
            if not self._worth_another(failure, tried, deadline):
                raise failure
            pause = _PAUSE * 2 ** (len(tried) - 1) * random.uniform(0.5, 1.0)  # noqa: S311
            time.sleep(min(pause, deadline.left))

    def _worth_another(self, failure: EngineFailure, tried: list[Address], deadline: Deadline) -> bool:
        if len(tried) >= _TRIES or not deadline.left:
            return False
        if isinstance(failure, BrokenEngineError):  # the same engine would give the same answer
            return any(one not in tried for one in self._balancer.usable)
        return isinstance(failure, UnreachableError) or (isinstance(failure, OverloadedError) and failure.again)

    def _most(self) -> int:
        """The most pictures in one request, whichever address it goes to."""
        if time.monotonic() < self._alone_until:
            return 1
        return min((one.plan.most for one in self._balancer.usable if one.plan), default=1)

    def _flights(self) -> int:
        return len(self._balancer.usable) * (_FLIGHTS if self._most() > 1 else _FLIGHTS_ALONE)


def _error(failure: EngineFailure) -> ClassifierError:
    if isinstance(failure, UnreachableError | OverloadedError):
        return EngineUnavailableError(reason=failure.reason)
    return EngineAnswerError(reason=failure.reason)
