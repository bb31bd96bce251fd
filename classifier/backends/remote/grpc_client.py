"""gRPC to one address: one kept connection for all calls, deadlines, and gRPC's statuses as failures of an engine.

Proxies of the environment are not used: the address is the one that the operator named.
"""

from __future__ import annotations

import ssl
import threading
import weakref
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import grpc

from classifier.backends.remote.deadline import Deadline
from classifier.backends.remote.transport import (
    BadAnswerError,
    BrokenEngineError,
    EngineFailure,
    OverloadedError,
    RefusalError,
    Target,
    TensorSpec,
    UnreachableError,
    most_answer,
)
from classifier.errors import ProtocolError, ShareError
from classifier.protocols.oip import BYTES, DATATYPES, TensorMetadata
from classifier.protocols.oip_grpc import ERROR_CODE
from classifier.protocols.protobuf import Message, parse

_MOST = most_answer(10**6)  # pictures, so for any number
_NO_CONNECTION = "no connection"

_OPTIONS = (
    ("grpc.max_send_message_length", -1),  # what is sent is a batch, and the engine has a limit of its own
    ("grpc.max_receive_message_length", _MOST),
    ("grpc.enable_http_proxy", 0),
    ("grpc.enable_retries", 0),  # the balancer decides on that
    # Each client has a connection of its own, so that a new client is a new connection.
    ("grpc.use_local_subchannel_pool", 1),
    # In milliseconds. By default an engine that is back is not tried for up to two minutes.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1000),
    ("grpc.min_reconnect_backoff_ms", 3000),  # which is also the longest time for a connection to be made
)

_STATUSES: dict[grpc.StatusCode, type[EngineFailure]] = {
    **dict.fromkeys(
        (
            grpc.StatusCode.UNAVAILABLE,
            grpc.StatusCode.DEADLINE_EXCEEDED,
            grpc.StatusCode.CANCELLED,
            grpc.StatusCode.ABORTED,
        ),
        UnreachableError,
    ),
    **dict.fromkeys(
        (
            grpc.StatusCode.INVALID_ARGUMENT,
            grpc.StatusCode.ALREADY_EXISTS,
            grpc.StatusCode.OUT_OF_RANGE,
            grpc.StatusCode.FAILED_PRECONDITION,
        ),
        RefusalError,
    ),
}
"""What statuses mean, besides those that `_failure` knows; all others are of an engine that is broken."""


class GrpcClient:
    """Calls the methods of one address; safe to use from many threads."""

    def __init__(self, target: Target) -> None:
        """Connects nowhere yet."""
        self._target = target
        self._lock = threading.Lock()
        self._channel = self._open()
        self._former: weakref.WeakSet[grpc.Channel] = weakref.WeakSet()  # on which calls may still wait

    def call(self, method: str, request: Message, answer: Any, deadline: Deadline) -> Message:
        """Calls a method that takes one message and answers one.

        Args:
            method: service and method, such as `inference.GRPCInferenceService/ModelInfer`.
            request: the message.
            answer: the class of the answer.
            deadline: by when the answer must be there.

        Raises:
            EngineFailure: no answer, or one that does not say success.
        """
        if not deadline.left:
            raise UnreachableError("it did not answer in time")
        token = self._target.token()
        channel = self._channel
        called = channel.unary_unary(f"/{method}")
        try:
            found = called(
                request.SerializeToString(),
                timeout=deadline.left,
                metadata=(("authorization", f"Bearer {token}"),) if token else (),
            )
        except grpc.RpcError as error:
            if error.code() is grpc.StatusCode.CANCELLED and channel is not self._channel:
                raise UnreachableError("it did not answer in time", silent=True) from error
            if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
                self._renew(channel)
            raise _failure(error) from error
        except ValueError as error:  # the channel was closed meanwhile
            raise UnreachableError("the connection was closed") from error
        try:
            return parse(answer, found)
        except ProtocolError as error:
            raise as_answer(error) from error

    def abandon(self) -> None:
        """Ends what is in progress."""
        with self._lock:
            channels, self._channel = [*self._former, self._channel], self._open()
            self._former.clear()
        for channel in channels:
            channel.close()

    def close(self) -> None:
        """Closes the connection."""
        with suppress(ValueError):
            self._channel.close()

    def _open(self) -> grpc.Channel:
        url, ip = self._target.url, self._target.ip
        address = f"ipv6:[{ip}]:{url.port}" if ":" in ip else f"ipv4:{ip}:{url.port}"
        options: list[tuple[str, object]] = [*_OPTIONS, ("grpc.default_authority", url.authority)]
        if not url.encrypted:
            return grpc.insecure_channel(address, options)
        options.append(("grpc.ssl_target_name_override", url.host))
        return grpc.secure_channel(address, grpc.ssl_channel_credentials(_authorities()), options)

    def _renew(self, channel: grpc.Channel) -> None:
        """Has later calls make a new connection, since this one may lead nowhere; calls on it may end."""
        with self._lock:
            if self._channel is channel:
                self._former.add(channel)
                self._channel = self._open()


def _authorities() -> bytes | None:
    """The certificates of those who are trusted to name servers, as HTTP has them; None for gRPC's own list."""
    paths = ssl.get_default_verify_paths()
    if paths.cafile:
        with suppress(OSError):
            return Path(paths.cafile).read_bytes()
    found = ssl.create_default_context().get_ca_certs(binary_form=True)
    return "".join(map(ssl.DER_cert_to_PEM_cert, found)).encode() or None


def _failure(error: Any) -> EngineFailure:
    code, said = error.code(), error.details() or ""
    answered = f"it answers with gRPC's status {code.name}"
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:
        return UnreachableError("it did not answer in time", said, silent=True)
    if code is grpc.StatusCode.RESOURCE_EXHAUSTED:
        return _exhausted(answered, said, dict(error.trailing_metadata() or ()))
    if code is grpc.StatusCode.UNAVAILABLE and said.startswith("failed to connect"):
        reason = _connection(said)
        return UnreachableError(reason, connecting=True, silent=reason == _NO_CONNECTION)
    if code in (grpc.StatusCode.NOT_FOUND, grpc.StatusCode.UNIMPLEMENTED):
        return RefusalError(f"it knows no such model, or does not speak this protocol ({code.name})", said, sized=False)
    if code in (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED):
        return RefusalError(f"it wants a token that it knows ({code.name})", said, sized=False)
    return _STATUSES.get(code, BrokenEngineError)(answered, said)


def _exhausted(answered: str, said: str, trailers: dict[str, str | bytes]) -> EngineFailure:
    if "larger than max" in said:  # gRPC's own words, on either side
        if f"vs. {_MOST})" in said:
            return BadAnswerError("its answer is too large", said)
        return RefusalError("it takes no message of this size", said)
    return OverloadedError(answered, said, again=trailers.get(ERROR_CODE) != ShareError.code)


def _connection(said: str) -> str:
    """Why there is no connection, without the address, which gRPC puts into its sentence."""
    if "Connection refused" in said:
        return "the connection is refused"
    if "CERTIFICATE_VERIFY_FAILED" in said or "certificate" in said.lower():
        return "its certificate is not accepted"
    if "SSL" in said or "TLS" in said:
        return "it does not speak TLS as expected"
    return _NO_CONNECTION


def as_answer(error: ProtocolError) -> BadAnswerError:
    """The failure for an answer that is not as the protocol says."""
    return BadAnswerError(f"its answer does not follow the protocol: {error.message}")


def specs(tensors: Sequence[TensorMetadata]) -> tuple[TensorSpec, ...]:
    """Inputs or outputs as the backend reads them."""
    return tuple(
        TensorSpec(
            tensor.name,
            None if tensor.datatype == BYTES else DATATYPES.get(tensor.datatype),
            tuple(tensor.shape),
            tensor.datatype,
        )
        for tensor in tensors
    )
