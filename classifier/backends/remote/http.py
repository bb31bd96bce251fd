"""HTTP/1.1 to one address: kept connections, and a deadline for the whole answer, however slowly its bytes come.

Redirects are not followed and proxies of the environment are not used: the address is the one that the operator named.
"""

from __future__ import annotations

import errno
import json
import select
import socket
import ssl
import threading
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple

import h11

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
_CHUNK = 1 << 18


class Answer(NamedTuple):
    """A whole answer; headers by their names in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def media_type(self) -> str:
        """The type of the body, without parameters."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()


class HttpClient:
    """Speaks HTTP with one address; safe to use from many threads."""

    def __init__(self, target: Target) -> None:
        """Connects nowhere yet."""
        self._target = target
        self._idle: deque[tuple[_Connection, float]] = deque()
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
            try:
                answer = connection.exchange(request, body, deadline, most)
            except BaseException as failure:
                connection.close()
                if not fresh and isinstance(failure, UnreachableError) and not connection.received and deadline.left:
                    continue  # the engine had closed it, as it may at any time
                raise
            self._keep(connection)
            return _checked(answer)

    def close(self) -> None:
        """Closes kept connections."""
        with self._lock:
            self._closed = True
            idle = [connection for connection, _ in self._idle]
            self._idle.clear()
        for connection in idle:
            connection.close()

    def _kept(self) -> _Connection | None:
        """A kept connection that is still open, the one used last; None if there is none."""
        while True:
            with self._lock:
                if not self._idle:
                    return None
                connection, since = self._idle.pop()
            if time.monotonic() - since < _IDLE_SECONDS and connection.usable:
                return connection
            connection.close()

    def _keep(self, connection: _Connection) -> None:
        with self._lock:
            kept = not self._closed and connection.reset() and len(self._idle) < _MOST_IDLE
            if kept:
                self._idle.append((connection, time.monotonic()))
        if not kept:
            connection.close()

    def _connect(self, deadline: Deadline) -> _Connection:
        limit = deadline.sooner(_CONNECT_SECONDS)
        try:
            stream = socket.create_connection((self._target.ip, self._target.url.port), timeout=max(limit.left, 0.001))
        except OSError as error:
            raise UnreachableError(_why(error), connecting=True) from error
        try:
            stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._tls:
                stream.settimeout(max(limit.left, 0.001))
                stream = self._tls.wrap_socket(stream, server_hostname=self._target.url.host)
        except OSError as error:
            stream.close()
            raise UnreachableError(_why(error), connecting=True) from error
        return _Connection(stream)


class _Connection:
    """An open connection, used by one thread at a time."""

    def __init__(self, stream: socket.socket) -> None:
        self._stream = stream
        self._http = h11.Connection(h11.CLIENT)
        self.received = 0

    @property
    def usable(self) -> bool:
        """Whether it is still open: nothing may come, not even an end, before something is asked."""
        with suppress(OSError, ValueError):
            if not hasattr(select, "poll"):  # Windows
                return not select.select([self._stream], [], [], 0)[0]
            poll = select.poll()
            poll.register(self._stream, select.POLLIN)
            return not poll.poll(0)
        return False

    def reset(self) -> bool:
        """Makes it ready for another request; returns whether it is."""
        if (
            self._http.trailing_data[0]
            or self._http.our_state is not h11.DONE
            or self._http.their_state is not h11.DONE
        ):
            return False
        self._http.start_next_cycle()
        return True

    def close(self) -> None:
        with suppress(OSError):
            self._stream.close()

    def exchange(self, request: h11.Request, body: bytes, deadline: Deadline, most: int) -> Answer:
        """Sends a request and reads the whole answer."""
        self.received = 0
        unsent: OSError | None = None
        try:
            self._send(self._http.send(request), deadline)
            self._send(body, deadline)
            self._http.send(h11.Data(data=body))
            self._http.send(h11.EndOfMessage())
        except TimeoutError as error:
            raise UnreachableError("it did not take the request in time") from error
        except OSError as error:  # it may have answered before it had read all
            unsent = error
        try:
            return self._read(deadline, most)
        except UnreachableError as failure:
            if unsent and not self.received:
                raise UnreachableError(_why(unsent)) from unsent
            raise failure

    def _send(self, data: bytes | None, deadline: Deadline) -> None:
        view = memoryview(data or b"")
        while view:
            self._within(deadline)
            view = view[self._stream.send(view[:_CHUNK]) :]

    def _within(self, deadline: Deadline) -> None:
        left = deadline.left
        if not left:
            raise TimeoutError("the deadline has passed")
        self._stream.settimeout(left)

    def _read(self, deadline: Deadline, most: int) -> Answer:
        response: h11.Response | None = None
        parts: list[bytes] = []
        try:
            while True:
                event = self._http.next_event()
                if event is h11.NEED_DATA:
                    self._receive(deadline, most)
                elif isinstance(event, h11.Response):
                    response = event
                elif isinstance(event, h11.Data):
                    parts.append(bytes(event.data))
                elif isinstance(event, h11.EndOfMessage):
                    break
                elif not isinstance(event, h11.InformationalResponse):
                    raise UnreachableError("it closed the connection without an answer")
        except TimeoutError as error:
            raise UnreachableError("it did not answer in time") from error
        except h11.RemoteProtocolError as error:
            if self._http.their_state is h11.ERROR and "incomplete" in str(error).lower():
                raise UnreachableError("its answer ends before it is complete") from error
            if "closed connection" in str(error):
                raise UnreachableError("it closed the connection without an answer") from error
            raise BadAnswerError("what it answers is not HTTP/1.1") from error
        except OSError as error:
            raise UnreachableError(_why(error)) from error
        if response is None:
            raise BadAnswerError("what it answers is not HTTP/1.1")
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}
        return Answer(response.status_code, headers, b"".join(parts))

    def _receive(self, deadline: Deadline, most: int) -> None:
        self._within(deadline)
        data = self._stream.recv(_CHUNK)
        self.received += len(data)
        if self.received > most:
            raise BadAnswerError(f"its answer has more than {most / 1e6:.0f} MB")
        self._http.receive_data(data)


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
        raise RefusalError("it knows no such model, or does not speak this protocol (HTTP 404)", said)
    if status in (401, 403):
        raise RefusalError(f"it wants a token that it knows (HTTP {status})", said)
    if 400 <= status < 500:
        raise RefusalError(answered, said)
    raise BrokenEngineError(answered, said)


def _said(answer: Answer) -> str:
    """What an error's body says, the usual forms of JSON taken apart."""
    with suppress(ValueError, RecursionError):
        found = json.loads(answer.body[:100_000])
        for key in ("error", "detail", "message"):
            if isinstance(found, dict) and isinstance(found.get(key), str):
                return str(found[key])
    return answer.body[:1000].decode(errors="replace")


def _why(error: OSError) -> str:
    """What the system says about a connection, as a part of a sentence."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not accepted: {error.verify_message}"
    if isinstance(error, TimeoutError):
        return "no connection in time"
    if isinstance(error, ssl.SSLError):
        return "it does not speak TLS as expected"
    known = {
        errno.ECONNREFUSED: "the connection is refused",
        errno.ECONNRESET: "it closed the connection",
        errno.EPIPE: "it closed the connection",
    }
    return known.get(error.errno or 0) or (error.strerror or "no connection").lower()
