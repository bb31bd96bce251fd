"""HTTP/1.1 to one address: kept connections, and a deadline for the whole answer, however slowly its bytes come.

Redirects are not followed and proxies of the environment are not used: the address is the one that the operator named.
"""

from __future__ import annotations

import errno
import json
import socket
import ssl
import threading
import time
import weakref
from collections import deque
from collections.abc import Sequence
from contextlib import suppress

import h11

from classifier.backends.remote.connection import Answer, Connection, why
from classifier.backends.remote.deadline import Deadline
from classifier.backends.remote.transport import (
    BadAnswerError,
    BrokenEngineError,
    OverloadedError,
    RefusalError,
    Target,
    UnreachableError,
)

_CONNECT_SECONDS = 3.0
_IDLE_SECONDS = 30.0  # after which a kept connection is not used again: firewalls forget them without a word
_MOST_IDLE = 32
_REFUSED = (errno.ECONNREFUSED, errno.ECONNRESET)  # a machine that answers so is there


class HttpClient:
    """Speaks HTTP with one address; safe to use from many threads."""

    def __init__(self, target: Target) -> None:
        """Connects nowhere yet."""
        self._target = target
        self._idle: deque[tuple[Connection, float]] = deque()
        self._busy: set[Connection] = set()
        weakref.finalize(self, _close_all, self._idle).atexit = False
        self._lock = threading.Lock()
        self._closed = False
        # The CAs of the system, or those of SSL_CERT_FILE and SSL_CERT_DIR.
        self._tls = ssl.create_default_context() if target.url.encrypted else None

    def ask(
        self,
        method: str,
        path: str,
        deadline: Deadline,
        most: int,
        headers: Sequence[tuple[str, str]] = (),
        body: bytes = b"",
    ) -> Answer:
        """Sends a request and reads its answer; a successful one, since others are raised.

        Args:
            method: `GET` or `POST`; whichever it is, sending it twice must do no harm.
            path: the target of the request, with all that needs it quoted.
            deadline: by when the answer must be there.
            most: the most bytes of the answer.
            headers: more headers.
            body: what is sent.

        Raises:
            EngineFailure: no answer, or one that does not say success.
        """
        head = [
            ("Host", self._target.url.authority),
            ("User-Agent", "image-classifier"),
            ("Accept-Encoding", "identity"),
        ]
        if token := self._target.token():
            head.append(("Authorization", f"Bearer {token}"))
        if body or method == "POST":
            head.append(("Content-Length", str(len(body))))
        request = h11.Request(method=method, target=path, headers=[*head, *headers])
        while True:
            connection = self._kept()
            fresh = connection is None
            if connection is None:
                connection = self._connect(deadline)
            with self._lock:
                self._busy.add(connection)
            try:
                answer = connection.exchange(request, body, deadline, most)
            except BaseException as failure:
                connection.close()
                if not isinstance(failure, UnreachableError):
                    raise
                if connection.abandoned:
                    raise UnreachableError("it did not answer in time", silent=True) from failure
                if fresh or connection.received or not deadline.left:
                    raise
                continue  # the engine had closed it, as it may at any time
            finally:
                with self._lock:
                    self._busy.discard(connection)
            self._keep(connection)
            return _checked(answer)

    def abandon(self) -> None:
        """Ends what is in progress."""
        with self._lock:
            for connection in self._busy:
                connection.abandon()

    def close(self) -> None:
        """Closes kept connections."""
        with self._lock:
            self._closed = True
        _close_all(self._idle)

    def _kept(self) -> Connection | None:
        """A kept connection that is still open, the one used last; None if there is none."""
        while True:
            with self._lock:
                if not self._idle:
                    return None
                connection, since = self._idle.pop()
            if time.monotonic() - since < _IDLE_SECONDS and connection.usable:
                return connection
            connection.close()

    def _keep(self, connection: Connection) -> None:
        with self._lock:
            kept = not self._closed and connection.reset() and len(self._idle) < _MOST_IDLE
            if kept:
                self._idle.append((connection, time.monotonic()))
        if not kept:
            connection.close()

    def _connect(self, deadline: Deadline) -> Connection:
        limit = deadline.sooner(_CONNECT_SECONDS)
        try:
            stream = socket.create_connection((self._target.ip, self._target.url.port), timeout=max(limit.left, 0.001))
        except OSError as error:
            raise UnreachableError(why(error), connecting=True, silent=error.errno not in _REFUSED) from error
        try:
            stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._tls:
                stream.settimeout(max(limit.left, 0.001))
                stream = self._tls.wrap_socket(stream, server_hostname=self._target.url.host)
        except OSError as error:
            stream.close()
            silent = isinstance(error, TimeoutError)
            raise UnreachableError(why(error), connecting=True, silent=silent) from error
        return Connection(stream)


def _close_all(idle: deque[tuple[Connection, float]]) -> None:
    with suppress(IndexError):
        while True:
            idle.pop()[0].close()


def _checked(answer: Answer) -> Answer:
    """The answer, if it says success.

    Raises:
        EngineFailure: it does not.
    """
    status = answer.status
    if status == 200:
        if answer.headers.get("content-encoding", "identity").lower() != "identity":
            raise BadAnswerError("its answer is compressed, which was not asked for")
        return answer
    said, answered = _said(answer), f"it answers with HTTP {status}"
    if 300 <= status < 400:
        raise BadAnswerError(f"it sends callers to another address (HTTP {status}), which is not followed")
    if status in (429, 503):
        raise OverloadedError(answered, said, again=status == 503)
    if status in (502, 504):
        raise UnreachableError(answered, said)
    if status == 404:
        raise RefusalError("it knows no such model, or does not speak this protocol (HTTP 404)", said, sized=False)
    if status in (401, 403):
        raise RefusalError(f"it wants a token that it knows (HTTP {status})", said, sized=False)
    if 400 <= status < 500:
        raise RefusalError(answered, said)
    raise BrokenEngineError(answered, said)


def check_no_error(answer: Answer) -> None:
    """Raises a BadAnswerError if what says success holds an error all the same, as some servers answer."""
    with suppress(ValueError, RecursionError):
        found = json.loads(answer.body[:100_000])
        if isinstance(found, dict) and found.get("error"):
            raise BadAnswerError(f"it answers with an error, though with HTTP {answer.status}", _said(answer))


def _said(answer: Answer) -> str:
    """What an error's body says, the usual forms of JSON taken apart."""
    with suppress(ValueError, RecursionError):
        found = json.loads(answer.body[:100_000])
        for key in ("error", "detail", "message"):
            if isinstance(found, dict) and isinstance(found.get(key), str):
                return str(found[key])
    return answer.body[:1000].decode(errors="replace")
