"""The Open Inference Protocol over gRPC, on a port of its own: the methods, and what bounds their callers.

`front` takes the connections, within the same bounds as those of the page, and passes their bytes on to gRPC's own
server, which listens on a socket that only this process finds. `frames` tells it when it can ask callers to go.
`arrivals` counts a message while it arrives, `calls` handles one call, `methods` has what can be called, `server`
starts and ends it all.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from classifier.backends.names import grpc_problem
from classifier.errors import ParameterError
from classifier.settings import PREFIX

if TYPE_CHECKING:
    from web.grpc_server.server import GrpcServer


def make_server() -> Callable[[str, int], Coroutine[Any, Any, GrpcServer]]:
    """Imports what serves gRPC, which takes a while; returns what starts it, to be called on the event loop.

    That takes the address to listen on ("" for all) and the port, and raises `ParameterError` if nothing can listen
    there.

    Raises:
        ParameterError: gRPC is not installed.
    """
    if missing := grpc_problem():
        raise ParameterError(f"{PREFIX}GRPC_PORT is set, but {missing}")
    from web.grpc_server.server import GrpcServer

    async def start(host: str, port: int) -> GrpcServer:
        server = GrpcServer()
        try:
            await server.start(host, port)
        except OSError as error:
            await server.stop(0)
            raise ParameterError(f"{PREFIX}GRPC_PORT={port}: nothing can listen there: {error.strerror}.") from error
        return server

    return start
