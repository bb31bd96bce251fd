"""gRPC's statuses for our errors, and what a caller's program finds beside them."""

from __future__ import annotations

import grpc

from classifier.errors import BusyError, ClassifierError, StoppingError
from classifier.protocols.oip_grpc import ERROR_CODE
from web import problems
from web.errors import RequestTooLargeError

_BY_HTTP = {
    400: grpc.StatusCode.INVALID_ARGUMENT,
    401: grpc.StatusCode.UNAUTHENTICATED,
    404: grpc.StatusCode.NOT_FOUND,
    408: grpc.StatusCode.DEADLINE_EXCEEDED,
    413: grpc.StatusCode.INVALID_ARGUMENT,
    415: grpc.StatusCode.INVALID_ARGUMENT,
    422: grpc.StatusCode.INVALID_ARGUMENT,
    429: grpc.StatusCode.RESOURCE_EXHAUSTED,
    503: grpc.StatusCode.UNAVAILABLE,
}

_MOST = 600  # characters of a sentence; gRPC sends up to 12 bytes for each, and takes 8 kB of headers
_PUSHBACK = "grpc-retry-pushback-ms"  # what gRPC's own clients look at before they try again


_TO_HTTP = {
    grpc.StatusCode.OK: 200,
    grpc.StatusCode.CANCELLED: 499,
    grpc.StatusCode.INVALID_ARGUMENT: 400,
    grpc.StatusCode.DEADLINE_EXCEEDED: 504,
    grpc.StatusCode.NOT_FOUND: 404,
    grpc.StatusCode.PERMISSION_DENIED: 403,
    grpc.StatusCode.UNAUTHENTICATED: 401,
    grpc.StatusCode.RESOURCE_EXHAUSTED: 429,
    grpc.StatusCode.UNIMPLEMENTED: 501,
    grpc.StatusCode.UNAVAILABLE: 503,
}
"""As google.rpc.Code has them: https://github.com/googleapis/googleapis/blob/master/google/rpc/code.proto"""


def http_status_of(status: grpc.StatusCode) -> int:
    """The HTTP status that says the same, for the access log; every answer of gRPC is sent with 200."""
    return _TO_HTTP.get(status, 500)


def status_of(error: ClassifierError) -> grpc.StatusCode:
    """The status of one of our errors.

    UNAVAILABLE is for a server that cannot do it now, so that another one is to be asked; RESOURCE_EXHAUSTED for one
    that has too much to do, and for a message that is too large, which is also what gRPC's own server says then.
    """
    if isinstance(error, RequestTooLargeError) or (
        isinstance(error, BusyError) and not isinstance(error, StoppingError)
    ):
        return grpc.StatusCode.RESOURCE_EXHAUSTED
    return _BY_HTTP.get(error.status, grpc.StatusCode.INTERNAL)


def trailers(error: ClassifierError) -> tuple[tuple[str, str], ...]:
    """The code of an error, and after how long trying again may help."""
    pushback = ((_PUSHBACK, str(error.retry_after * 1000)),) if error.retry_after else ()
    return ((ERROR_CODE, error.code), *pushback)


def details(error: ClassifierError) -> str:
    """The sentence of an error, its middle left out if it quotes much: callers refuse long headers, and see nothing."""
    said = error.message
    return said if len(said) <= _MOST else f"{said[: _MOST // 2]} ... {said[-_MOST // 2 :]}"


UNEXPECTED = problems.UNEXPECTED.detail
