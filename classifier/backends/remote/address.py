"""What is known of one address of an engine: whether it works, how its model is called, how much it has to do."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass, field

from classifier.backends.remote.addresses import EngineUrl
from classifier.backends.remote.deadline import Deadline
from classifier.backends.remote.plan import Plan, plan
from classifier.backends.remote.transport import (
    BadAnswerError,
    BrokenEngineError,
    EngineFailure,
    OverloadedError,
    RefusalError,
    Transport,
    UnreachableError,
)
from classifier.package import ModelPackage

_MOST_FAILURES = 3  # in a row, after which the circuit opens
_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 2.0  # seconds between two probes of an open circuit
_CHECK_SECONDS = 5.0  # after which an address that nobody used is probed
_PROBE_SECONDS = 3.0
_LONGEST_SILENCE = 10.0  # seconds, as which a longer one counts
_QUIET_SECONDS = 1.0  # without any answer, though some are awaited, after which it is asked whether it is still there


@dataclass(eq=False)
class Address:
    """An address with its circuit, which is open while the address is left out; guarded by its balancer's lock.

    Attributes:
        key: scheme, host, port, model and IP address: what tells it from others.
        transport: leads there.
        package: the model's package here.
        plan: how the model is called there; None until that is known.
        failure: why the circuit is open; None if it is closed, and before the first probe.
        outstanding: requests that are on their way.
        probing: whether it is being probed.
    """

    key: tuple[object, ...]
    transport: Transport
    package: ModelPackage
    plan: Plan | None = None
    failure: EngineFailure | None = None
    outstanding: int = 0
    probing: bool = False
    _due: float = 0.0  # when it is to be probed, in seconds of `time.monotonic`
    _failures: int = 0
    _pause: float = field(default=_FIRST_PAUSE)
    _heard: float = 0.0  # when it answered last, or when it was first asked after a pause
    _slowest: float = 0.0  # seconds that an answer took lately

    def __str__(self) -> str:
        """Where it is, for operators."""
        *url, ip = self.key
        return f"{EngineUrl(*url)} at {ip}"  # type: ignore[arg-type]

    @property
    def usable(self) -> bool:
        """Whether the circuit is closed."""
        return self.plan is not None and self.failure is None

    @property
    def proven(self) -> bool:
        """Whether it has been probed at all."""
        return self.plan is not None or self.failure is not None

    def is_due(self, now: float) -> bool:
        """Whether it is to be probed: its time has come, or its answers take much longer than they did lately."""
        quiet = self.usable and self.outstanding and now - self._heard > max(_QUIET_SECONDS, 2 * self._slowest)
        return not self.probing and (bool(quiet) or self._due <= now)

    def asked(self) -> float:
        """Notes a request; returns when that was."""
        now = time.monotonic()
        if not self.outstanding:
            self._heard = now
        self.outstanding += 1
        return now

    def answered(self, began: float) -> None:
        """Notes a good answer to what was asked at that time."""
        self._slowest = max(0.9 * self._slowest, time.monotonic() - began)
        self.succeeded()

    def succeeded(self) -> None:
        """Notes that all is well there."""
        self._failures = 0
        self._heard = time.monotonic()
        self._due = self._heard + _CHECK_SECONDS

    def failed(self, failure: EngineFailure) -> None:
        """Notes that it did not, and opens the circuit if that is enough."""
        if not isinstance(failure, UnreachableError):
            self._heard = time.monotonic()
        if isinstance(failure, RefusalError | BadAnswerError):
            self._due = 0.0  # its model may have been replaced: what it is now is found out at once
        if not isinstance(failure, UnreachableError | BrokenEngineError):
            return
        self._failures += 1
        if self._failures >= _MOST_FAILURES or (isinstance(failure, UnreachableError) and failure.connecting):
            self.open(failure)

    def open(self, failure: EngineFailure) -> None:
        """Opens the circuit until a probe succeeds."""
        if self.failure is None:
            self._pause = _FIRST_PAUSE
        self.failure = failure
        self._due = time.monotonic() + self._pause * random.uniform(0.5, 1.0)  # noqa: S311
        self._pause = min(2 * self._pause, _LONGEST_PAUSE)

    def missed(self, failure: UnreachableError) -> None:
        """Notes that it did not answer a probe in time: it may only have much to do, so it is asked again soon."""
        self._due = time.monotonic() + 1.0
        self.failed(failure)

    def close(self, found: Plan) -> None:
        """Closes the circuit."""
        if isinstance(self.failure, UnreachableError) and self.failure.silent:
            # Some engines say nothing while their model runs: that is known from now on.
            self._slowest = max(self._slowest, min(time.monotonic() - self._heard, _LONGEST_SILENCE))
        self.plan, self.failure = found, None
        self.succeeded()

    def probe(self) -> Plan:
        """Asks whether the model is ready and what it takes; without the lock.

        Raises:
            EngineFailure: it is not, or does not fit the package.
        """
        deadline = Deadline.after(_PROBE_SECONDS)
        try:
            self.transport.ready(deadline)
        except RefusalError as refusal:  # some engines have no such path for one model; then its description decides
            try:
                return plan(self.package, self.transport.metadata(deadline))
            except RefusalError:
                raise refusal from None
        except OverloadedError as failure:
            raise OverloadedError("its model is not ready", failure.said) from failure
        return plan(self.package, self.transport.metadata(deadline))
