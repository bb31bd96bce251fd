"""Chooses among an engine's addresses: the one with the least to do, of those that work.

Names are resolved anew regularly, so that a name with an address for each machine (a headless Service of Kubernetes)
is followed as machines come and go. What does not work is left out until a probe succeeds.
"""

from __future__ import annotations

import logging
import random
import socket
import threading
import time
import weakref
from collections.abc import Callable, Collection
from dataclasses import dataclass

from classifier.backends.remote.address import Address
from classifier.backends.remote.addresses import Engine, EngineUrl
from classifier.backends.remote.deadline import Deadline
from classifier.backends.remote.token import TokenFile
from classifier.backends.remote.transport import EngineFailure, Target, UnreachableError, connect
from classifier.package import ModelPackage

log = logging.getLogger(__name__)

_RESOLVE_SECONDS, _RESOLVE_AGAIN_SECONDS = 5.0, 1.0  # after a success, and after a failure
_GRACE_SECONDS = 2.0  # for which requests wait for an engine that has just gone, as in a restart
_TICK = 0.2


@dataclass
class _Name:
    """A host, and what came of resolving it last: a failure, or addresses; `known` once something did."""

    due: float = 0.0
    failure: EngineFailure | None = None
    known: bool = False
    resolving: bool = False


class Balancer:
    """The addresses of an engine; safe to use from many threads."""

    def __init__(self, engine: Engine, package: ModelPackage) -> None:
        """Starts to look for the engine, and does not wait for it."""
        self._engine = engine
        self._package = package
        self._token = TokenFile(engine.token_file)
        self._changed = threading.Condition()
        self._addresses: dict[tuple[object, ...], Address] = {}
        self._names = {url: _Name() for url in engine.urls}
        self._down_since = time.monotonic()
        self._said = ""
        self._left_out: set[str] = set()
        self._closed = threading.Event()
        self._finalizer = weakref.finalize(self, self._closed.set)
        threading.Thread(target=_tend, args=(weakref.ref(self), self._closed), name="engine", daemon=True).start()

    @property
    def usable(self) -> list[Address]:
        """The addresses that work now."""
        return [address for address in list(self._addresses.values()) if address.usable]

    def problem(self) -> EngineFailure | None:
        """Why the engine cannot be used; None if it can be."""
        with self._changed:
            return self._problem()

    def await_first(self, deadline: Deadline) -> None:
        """Waits until an address works, or all have been asked."""
        with self._changed:
            while not self.usable and self._pending() and deadline.left:
                self._changed.wait(deadline.left)

    def acquire(self, deadline: Deadline, avoid: Collection[Address] = ()) -> tuple[Address, float]:
        """The address that has the least to do, and the time, both for `release`.

        If none works, but one did a moment ago, or none has been asked yet, waits a moment.

        Args:
            deadline: until when to wait at most.
            avoid: addresses that are taken only if no others work.

        Raises:
            EngineFailure: none works.
        """
        with self._changed:
            while True:
                usable = self.usable
                if fitting := [one for one in usable if one not in avoid] or usable:
                    least = min(one.outstanding for one in fitting)
                    address = random.choice([one for one in fitting if one.outstanding == least])  # noqa: S311
                    return address, address.asked()
                pause = min(deadline.left, self._patience())
                if pause <= 0:
                    raise self._problem() or UnreachableError("no answer in time")
                self._changed.wait(pause)

    def release(self, address: Address, began: float, failure: EngineFailure | None) -> None:
        """Gives an address back, and says how it went."""
        with self._changed:
            address.outstanding -= 1
            if failure is None:
                address.answered(began)
            else:
                address.failed(failure)
            self._note()

    def close(self) -> None:
        """Stops looking, and closes kept connections."""
        self._finalizer()
        with self._changed:
            addresses = list(self._addresses.values())
            self._addresses.clear()
            self._changed.notify_all()
        for address in addresses:
            address.transport.close()

    def tend(self) -> None:
        """Starts what is due: resolving names, probing addresses. Each in a thread of its own, since each may hang."""
        now = time.monotonic()
        with self._changed:
            due = [one for one in self._addresses.values() if one.is_due(now)]
            for address in due:
                address.probing = True
            names = [url for url, name in self._names.items() if not name.resolving and name.due <= now]
            for url in names:
                self._names[url].resolving = True
        for address in due:
            _start(self._probe, address)
        for url in names:
            _start(self._resolve, url)

    def _probe(self, address: Address) -> None:
        try:
            found = address.probe()
        except EngineFailure as failure:
            silent = isinstance(failure, UnreachableError) and failure.silent
            with self._changed:
                others = any(one is not address for one in self.usable)
                if (
                    address.usable
                    and isinstance(failure, UnreachableError)
                    and not failure.connecting
                    and not (silent and others)
                ):
                    address.missed(failure)
                else:
                    address.open(failure)
            if silent and others:
                address.transport.abandon()  # what waits there is done by others
        else:
            with self._changed:
                address.close(found)
        finally:
            with self._changed:
                address.probing = False
                self._note()

    def _resolve(self, url: EngineUrl) -> None:
        failure: EngineFailure | None = None
        ips: list[str] = []
        try:
            ips = _ips(url)
        except OSError as error:
            failure = UnreachableError(f"its name cannot be resolved: {error.strerror or error}")
        keys = [(*url, ip) for ip in ips]
        with self._changed:
            known = {key: one for key, one in self._addresses.items() if key[:-1] == url}
            # Those from before are kept: the names' server may be gone for a moment, and the engine still there.
            found = known if failure else {key: known.get(key) or self._address(url, key) for key in keys}
            gone = [one for key, one in known.items() if key not in found]
            others = {key: one for key, one in self._addresses.items() if key not in known}
            self._addresses = others | found
            due = time.monotonic() + (_RESOLVE_SECONDS if found else _RESOLVE_AGAIN_SECONDS)
            self._names[url] = _Name(due, failure, known=True)
            self._note()
        for address in gone:
            address.transport.close()
        self.tend()  # new ones are probed at once

    def _address(self, url: EngineUrl, key: tuple[object, ...]) -> Address:
        target = Target(url, str(key[-1]), url.model or self._package.name, self._token)
        return Address(key, connect(target, self._engine.protocol), self._package)

    def _patience(self) -> float:
        """Seconds for which it is worth waiting for an address that works."""
        if self._pending():
            return _TICK
        return self._down_since + _GRACE_SECONDS - time.monotonic()

    def _pending(self) -> bool:
        """Whether it is not known yet if any address works."""
        return not all(one.known for one in self._names.values()) or not all(
            one.proven for one in self._addresses.values()
        )

    def _problem(self) -> EngineFailure | None:
        if self.usable:
            return None
        failures = [one.failure for one in self._addresses.values() if one.failure]
        # One that answers wrongly tells more than one that does not answer.
        failures.sort(key=lambda failure: isinstance(failure, UnreachableError))
        failures += [name.failure for name in self._names.values() if name.failure]
        return next(iter(failures), UnreachableError("it has not answered yet"))

    def _note(self) -> None:
        """Wakes who waits, and logs what has changed; with the lock held."""
        problem = self._problem()
        if problem is None:
            self._down_since = float("inf")
        elif self._down_since == float("inf"):
            self._down_since = time.monotonic()
        said = "" if problem is None else problem.reason
        if said != self._said and not self._pending():
            self._said = said
            name, engine = self._package.name, ", ".join(map(str, self._engine.urls))
            if problem is None:
                log.info("%s: the engine %s is there", name, engine)
            else:
                log.warning("%s: the engine %s cannot be used: %s %s", name, engine, said, problem.said)
        if problem is None:
            self._note_parts()
        self._changed.notify_all()

    def _note_parts(self) -> None:
        """Logs which addresses are left out, though others work: nobody else would notice."""
        failures = {str(url): name.failure for url, name in self._names.items() if name.failure}
        failures |= {str(one): one.failure for one in self._addresses.values() if one.failure}
        for where in failures.keys() - self._left_out:
            failure = failures[where]
            log.warning("%s: %s is left out: %s %s", self._package.name, where, failure.reason, failure.said)
        for where in self._left_out - failures.keys():
            log.info("%s: %s is no longer left out", self._package.name, where)
        self._left_out = set(failures)


def _tend(balancer: weakref.ref[Balancer], closed: threading.Event) -> None:
    while not closed.is_set():
        found = balancer()
        if found is None:
            return
        found.tend()
        del found
        closed.wait(_TICK)


def _start(work: Callable[..., None], *arguments: object) -> None:
    try:
        threading.Thread(target=work, args=arguments, name="engine probe", daemon=True).start()
    except RuntimeError:  # no more threads at the moment
        work(*arguments)


def _ips(url: EngineUrl) -> list[str]:
    """The IP addresses of a host, each once.

    Raises:
        OSError: there are none.
    """
    try:
        found = socket.getaddrinfo(url.host, url.port, type=socket.SOCK_STREAM)
    except UnicodeError as error:  # a part of the name is too long
        raise OSError(f"{error}") from error
    return list(dict.fromkeys(str(address[0]) for *_, address in found))
