"""A server with a port for gRPC, and a channel to it."""

from __future__ import annotations

from collections.abc import Iterator

import grpc
import pytest

from tests.support.grpc_caller import channel
from tests.support.server import free_port, started
from tests.web.grpc_server.serving import SETTINGS, Server


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The server, with gRPC."""
    port = free_port()
    log = tmp_path_factory.mktemp("grpc") / "log.txt"
    few = "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (1024, 1024))"
    with started(log, {**SETTINGS, "CLASSIFIER_GRPC_PORT": str(port)}, first=few) as (process, address):
        yield Server(address, port, process.pid)
    assert "Traceback" not in log.read_text()


@pytest.fixture
def caller(server: Server) -> Iterator[grpc.Channel]:
    """A connection to it."""
    with channel(server.port) as connection:
        yield connection
