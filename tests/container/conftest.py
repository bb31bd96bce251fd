"""The images under test, built once. They need a Docker engine; `make test-container` gets one."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path

import pytest

from benchmarks.docker import build, docker
from tests.support.nginx import Nginx, Upstream, nginx, upstream

BASE = "debian:trixie-slim"


@pytest.fixture(scope="session")
def image() -> Callable[[str], str]:
    """Gives the tag of a flavour's image, built when first asked for."""

    @cache
    def tag(flavor: str) -> str:
        name = f"image-classifier:{flavor}"
        build(name, flavor)
        return name

    return tag


@pytest.fixture(scope="session")
def edge(image: Callable[[str], str]) -> str:
    """The tag of the small image."""
    return image("edge")


@pytest.fixture(scope="session")
def cpu(image: Callable[[str], str]) -> str:
    """The tag of the usual image."""
    return image("cpu")


@pytest.fixture(scope="session", autouse=True)
def engine() -> None:
    """Fails early, and says why, where there is no engine or no base image."""
    docker("info")
    docker("image", "inspect", BASE)


@pytest.fixture
def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def server() -> Upstream:
    return upstream()


@pytest.fixture
def started(tmp_path: Path, server: Upstream, free_port: int) -> Iterator[Callable[..., Nginx]]:
    with ExitStack() as stack:
        yield lambda **variables: stack.enter_context(nginx(tmp_path, server.port, free_port, **variables))
