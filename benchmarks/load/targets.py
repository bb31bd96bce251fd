"""What is loaded: the server as one process, as a container, as replicas behind nginx, or whatever has an address."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.callers import cpu_seconds, memory
from benchmarks.docker import detached, docker
from benchmarks.server import ready, serving
from classifier.checkout import ROOT

IMAGE = "image-classifier:edge"
PROJECT = "image-classifier-load"
NETWORK = "10.201.79"
PORT = "8089"


@dataclass(frozen=True)
class Target:
    """A server under load.

    Attributes:
        name: for people.
        address: where it answers.
        cpu: seconds of CPU that it has taken, if that can be known here.
        memory: MB that it takes now, if that can be known here.
    """

    name: str
    address: str
    cpu: Callable[[], float] | None = None
    memory: Callable[[], float] | None = None


@contextmanager
def process() -> Iterator[Target]:
    """The server as `make demo` starts it; it believes what a proxy on this machine says about its callers."""
    environment = {"CLASSIFIER_TRUSTED_PROXIES": "127.0.0.0/8"}
    with (
        tempfile.TemporaryDirectory() as folder,
        serving(Path(folder) / "log.txt", environment=environment) as (server, address),
    ):
        yield _measured("one process", address, [server.pid])


@contextmanager
def container() -> Iterator[Target]:
    """The image with the limits of compose.yaml."""
    options = ["--cpus", "2", "--memory", "512m", "--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL"]  # noqa: S108
    trusted = ["--env", "CLASSIFIER_TRUSTED_PROXIES=0.0.0.0/0"]
    with detached(IMAGE, *options, *trusted, "--publish", f"127.0.0.1:{PORT}:8501") as name:
        address = _address(name, 8501)
        _wait(address)
        yield _measured("a container", address, _pids([name]))


@contextmanager
def replicas(count: int = 2) -> Iterator[Target]:
    """Several containers behind nginx, as compose.yaml has them."""
    environment = {
        **os.environ,
        "PORTS": "8601-8619",
        "PROXY_PORTS": PORT,
        "PROXY_TLS_PORTS": "8489",
        "NETWORK": NETWORK,
        "TRUSTED_PROXIES": f"{NETWORK}.0/24",
    }
    compose = ["docker", "compose", "-p", PROJECT, "--profile", "edge", "--profile", "proxy"]

    def run(*arguments: str) -> str:
        command = [*compose, *arguments]
        return subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True, text=True).stdout

    try:
        run("up", "--detach", "--wait", "--scale", f"edge={count}")
        address = _address(run("ps", "--quiet", "proxy").strip(), 8080)
        _wait(address)
        yield _measured(f"{count} containers behind nginx", address, _pids(run("ps", "--quiet").split()))
    finally:
        run("down", "--volumes")


KINDS = {"process": process, "container": container, "replicas": replicas}


@contextmanager
def target(text: str) -> Iterator[Target]:
    """The target of a name in `KINDS`, or of `NAME=ADDRESS` for one that runs already."""
    if text in KINDS:
        with KINDS[text]() as found:
            yield found
    else:
        name, _, address = text.partition("=")
        yield Target(name, address)


def _address(container: str, port: int) -> str:
    """Where a container answers: on Linux itself, since a published port may lead through a process of Docker's."""
    if sys.platform != "linux":
        return f"http://127.0.0.1:{PORT}"
    networks = "{{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}"
    return f"http://{docker('inspect', '--format', networks, container).split()[0]}:{port}"


def _pids(containers: Iterable[str]) -> list[int]:
    """The first process of each container, as the machine sees it."""
    return [int(docker("inspect", "--format", "{{.State.Pid}}", name)) for name in containers]


def _measured(name: str, address: str, pids: Sequence[int]) -> Target:
    return Target(name, address, lambda: sum(map(cpu_seconds, pids)), lambda: sum(map(memory, pids)))


def _wait(address: str) -> None:
    end = time.monotonic() + 90
    while not ready(address):
        if time.monotonic() > end:
            raise AssertionError(f"{address} is not ready")
        time.sleep(0.2)
