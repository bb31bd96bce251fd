"""What each way of speaking to an engine must offer, and how its failures are told apart.

A transport speaks one protocol with one address: one IP address and port, even where the operator named a host that
has several. It keeps connections and may be used by many threads at once. It knows nothing of batches, of other
addresses and of trying again, except on a fresh connection where a kept one turned out to be closed.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from classifier import formatting
from classifier.backends.remote.addresses import EngineUrl, ProtocolName
from classifier.backends.remote.deadline import Deadline

MOST_METADATA = 1_000_000
"""Bytes of the longest description of a model that is read."""

_MOST_ANSWER = 64_000_000
_MOST_PER_PICTURE = 4_000_000

Array = NDArray[np.generic]


def most_answer(pictures: int) -> int:
    """Bytes of the largest answer that is read: scores and features, as JSON, take far less."""
    return min(_MOST_ANSWER, MOST_METADATA + pictures * _MOST_PER_PICTURE)


class EngineFailure(Exception):
    """An engine did not give what was asked for.

    Attributes:
        reason: why, as a part of a sentence that callers read: lower case, without a full stop, addresses, credentials.
        said: what the engine itself said about it, for the log; "" if nothing.
    """

    def __init__(self, reason: str, said: str = "") -> None:
        """Args: reason: see the class, of any text; said: of any text and length."""
        self.reason = _shown(reason).rstrip(".")
        self.said = _shown(said)
        super().__init__(self.reason)


def _shown(text: str) -> str:
    return formatting.printable(" ".join(text[:10_000].split()))[:300]


class UnreachableError(EngineFailure):
    """No whole answer came, or a proxy said that there is no engine behind it: another try or address may help.

    HTTP's 502 and 504, gRPC's UNAVAILABLE, DEADLINE_EXCEEDED, CANCELLED and ABORTED.
    """

    def __init__(self, reason: str, said: str = "", *, connecting: bool = False, silent: bool = False) -> None:
        """Nothing but the reason is needed.

        Args:
            reason: see the base.
            said: see the base.
            connecting: whether not even a connection could be made.
            silent: whether nothing came until the deadline, not even a refusal: what else is on its way may wait in
                vain as well.
        """
        super().__init__(reason, said)
        self.connecting = connecting
        self.silent = silent


class OverloadedError(EngineFailure):
    """The engine is there, but has too much to do, or is not ready: HTTP's 429 and 503, gRPC's RESOURCE_EXHAUSTED."""

    def __init__(self, reason: str, said: str = "", *, again: bool = True) -> None:
        """Args: reason, said: see the base; again: whether it may be asked again at once, as after 503."""
        super().__init__(reason, said)
        self.again = again


class RefusalError(EngineFailure):
    """The engine says that the request is wrong, and would say so again: HTTP's other 4xx.

    gRPC's INVALID_ARGUMENT, NOT_FOUND, UNIMPLEMENTED, UNAUTHENTICATED, PERMISSION_DENIED, FAILED_PRECONDITION.
    """

    def __init__(self, reason: str, said: str = "", *, sized: bool = True) -> None:
        """Args: reason, said: see the base; sized: whether fewer pictures in one request may be taken."""
        super().__init__(reason, said)
        self.sized = sized


class BrokenEngineError(EngineFailure):
    """The engine failed at what it was asked; another one may not: HTTP's 500, gRPC's INTERNAL, UNKNOWN, DATA_LOSS."""


class BadAnswerError(BrokenEngineError):
    """An answer came that is none of the protocol, that contradicts itself, or that does not fit the package."""


class TensorSpec(NamedTuple):
    """An input or output of a model, as its engine describes it.

    Attributes:
        name: as the engine names it.
        dtype: its type, native byte order; None for a type that pictures and scores cannot have.
        shape: the batch included, -1 for a dimension of any size.
        datatype: its type in the engine's words.
    """

    name: str
    dtype: np.dtype[np.generic] | None
    shape: tuple[int, ...]
    datatype: str = ""

    def __str__(self) -> str:
        """It, for people."""
        return " ".join(part for part in (self.name or "one", self.datatype, formatting.shape(self.shape)) if part)


class Metadata(NamedTuple):
    """A model, as its engine describes it.

    Attributes:
        platform: what runs it, in the engine's words; `image-classifier` is a server of this project.
        inputs: empty if the engine does not describe them (TensorFlow Serving's protocol on other engines).
        outputs: the same.
        most: the most pictures in one request; None if the engine does not say. Only if the first dimension is -1 do
            more than one fit in any case.
    """

    platform: str
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    most: int | None = None


class Target(NamedTuple):
    """Where a transport goes.

    Attributes:
        url: as the operator wrote it: the name for TLS and `Host`, the scheme.
        ip: the address to connect to, without brackets.
        model: the model's name there.
        token: the present token, "" for none; called for each request, since the file may be replaced.
    """

    url: EngineUrl
    ip: str
    model: str
    token: Token


class Token(Protocol):
    """Gives the token to send."""

    def __call__(self) -> str:
        """The present token; "" for none."""


class Transport(Protocol):
    """Speaks with one address; safe to call from many threads. A class of it is called with a `Target`."""

    title: str
    """The protocol for people, such as `Open Inference Protocol v2 over REST`."""

    def metadata(self, deadline: Deadline) -> Metadata:
        """Asks what the model's inputs and outputs are.

        Raises:
            EngineFailure: see the classes above; `RefusalError` where there is no such model.
        """

    def ready(self, deadline: Deadline) -> None:
        """Returns if the model is loaded and may be asked; a cheap call.

        Raises:
            EngineFailure: it is not; `OverloadedError` where the engine answers that the model is not ready.
        """

    def infer(self, inputs: Mapping[str, Array], outputs: Sequence[str], deadline: Deadline) -> dict[str, Array]:
        """Runs the model.

        Args:
            inputs: arrays by the names of the inputs, the batch first; of native byte order, of a type that the
                metadata named. The name is "" where the engine does not describe its inputs.
            outputs: names of the outputs to give; all if empty.
            deadline: by when the whole answer must be there; nothing may take longer, however slowly bytes come.

        Returns:
            Arrays by the outputs' names, or by "" if the answer names none. Names, number of values, types and sizes
            agree with each other; whether they fit the model's package is checked by the caller.

        Raises:
            EngineFailure: see the classes above.
        """

    def abandon(self) -> None:
        """Ends the calls in progress, each of which raises an `UnreachableError`; new ones have new connections."""

    def close(self) -> None:
        """Closes kept connections; calls in progress may end. Nothing is called after it."""


_TRANSPORTS = {
    ("http", "oip"): ("classifier.backends.remote.oip_rest", "OipRest"),
    ("http", "tfs"): ("classifier.backends.remote.tfs_rest", "TfsRest"),
    ("grpc", "oip"): ("classifier.backends.remote.oip_grpc", "OipGrpc"),
    ("grpc", "tfs"): ("classifier.backends.remote.tfs_grpc", "TfsGrpc"),
}


def connect(target: Target, protocol: ProtocolName) -> Transport:
    """A transport for an address; nothing is sent yet.

    Raises:
        ImportError: a package that it needs is not installed.
    """
    transport: Transport = transport_class(target.url, protocol)(target)
    return transport


def transport_class(url: EngineUrl, protocol: ProtocolName) -> Any:
    """The class that speaks a protocol with such an address.

    Raises:
        ImportError: a package that it needs is not installed.
    """
    module, name = _TRANSPORTS[url.scheme.rstrip("s"), protocol]
    return getattr(importlib.import_module(module), name)
