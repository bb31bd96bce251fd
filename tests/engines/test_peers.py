"""Clients that others wrote, unmodified, ask this project's server."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.engines import free_ports, python_of
from tests.support.photos import photo
from tests.support.server import running

LITE0 = "efficientnet-lite0"
SHEPHERD = 235


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """The server's addresses over HTTP and gRPC."""
    (port,) = free_ports(1)
    settings = {"CLASSIFIER_MODEL": LITE0, "CLASSIFIER_GRPC_PORT": str(port)}
    with running(tmp_path_factory.mktemp("server") / "log.txt", settings) as address:
        yield address, f"127.0.0.1:{port}"


@pytest.mark.parametrize("kind", ["http", "grpc"])
def test_nvidias_client(server: tuple[str, str], plain: Callable[..., Any], kind: str) -> None:
    address = server[0].removeprefix("http://") if kind == "http" else server[1]
    picture = np.array([photo("dog.webp").read_bytes()], dtype=object)
    said, outputs = plain(kind, address, LITE0, "picture", picture)
    assert said["ready"]
    assert outputs["probabilities"].argmax() == SHEPHERD


def test_kserves_clients(server: tuple[str, str]) -> None:
    script = Path(__file__).with_name("kserve_client.py")
    command = [str(python_of("kserve")), str(script), *server, LITE0, str(photo("dog.webp"))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
    assert json.loads(done.stdout.splitlines()[-1]) == {"rest": SHEPHERD, "grpc": SHEPHERD}
