"""A connection over which HTTP/1.1 is spoken: one request and its answer at a time, each by its deadline."""

from __future__ import annotations

import errno
import select
import socket
import ssl
from contextlib import suppress
from typing import NamedTuple

import h11

from classifier.backends.remote.deadline import Deadline
from classifier.backends.remote.transport import BadAnswerError, UnreachableError

_CHUNK = 1 << 18
_NO_ANSWER = "it closed the connection without an answer"


class Answer(NamedTuple):
    """A whole answer; headers by their names in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def media_type(self) -> str:
        """The type of the body, without parameters."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()


class Connection:
    """An open connection, used by one thread at a time.

    Attributes:
        received: bytes of the present answer that have come.
        abandoned: whether another thread ended what was in progress.
    """

    def __init__(self, stream: socket.socket) -> None:
        """Args: stream: connected, with TLS where that is spoken."""
        self._stream = stream
        self._http = h11.Connection(h11.CLIENT)
        self.received = 0
        self.abandoned = False
        self._ended = False

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

    def abandon(self) -> None:
        """Has the thread that uses it see its end at once."""
        self.abandoned = True
        with suppress(OSError):
            socket.socket.shutdown(self._stream, socket.SHUT_RDWR)  # that of TLS would first forget the encryption

    def close(self) -> None:
        """Closes it."""
        with suppress(OSError):
            self._stream.close()

    def exchange(self, request: h11.Request, body: bytes, deadline: Deadline, most: int) -> Answer:
        """Sends a request and reads the whole answer.

        Args:
            request: its head.
            body: its body.
            deadline: by when the answer must be there.
            most: the most bytes of the answer, headers included.

        Raises:
            EngineFailure: there is none, or it is not HTTP.
        """
        self.received = 0
        unsent: OSError | None = None
        try:
            self._send(self._http.send(request), deadline)
            self._send(body, deadline)
            self._http.send(h11.Data(data=body))
            self._http.send(h11.EndOfMessage())
        except TimeoutError as error:
            raise UnreachableError("it did not take the request in time", silent=True) from error
        except OSError as error:  # it may have answered before it had read all
            unsent = error
        try:
            return self._read(deadline, most)
        except UnreachableError as failure:
            if unsent and not self.received:
                raise UnreachableError(why(unsent)) from unsent
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
                    raise UnreachableError(_NO_ANSWER)
        except TimeoutError as error:
            raise UnreachableError("it did not answer in time", silent=not self.received) from error
        except h11.RemoteProtocolError as error:
            if self._ended:
                ended = "its answer ends before it is complete" if self.received else _NO_ANSWER
                raise UnreachableError(ended) from error
            raise BadAnswerError("what it answers is not HTTP/1.1") from error
        except OSError as error:
            raise UnreachableError(why(error)) from error
        if response is None:
            raise BadAnswerError("what it answers is not HTTP/1.1")
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}
        return Answer(response.status_code, headers, b"".join(parts))

    def _receive(self, deadline: Deadline, most: int) -> None:
        self._within(deadline)
        data = self._stream.recv(_CHUNK)
        self._ended = not data
        self.received += len(data)
        if self.received > most:
            raise BadAnswerError(f"its answer has more than {most / 1e6:.0f} MB")
        self._http.receive_data(data)


def why(error: OSError) -> str:
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
