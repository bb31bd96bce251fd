"""A running container as the tests see it."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import pytest

from benchmarks.docker import DockerError, detached, docker
from tests.support.photos import ROOT

__all__ = [
    "HARDENED",
    "Answer",
    "Container",
    "DockerError",
    "docker",
    "drive",
    "exhaust_memory",
    "get",
    "kill",
    "published",
    "ready",
    "send",
    "started",
]

HARDENED = (
    *("--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL"),
    *("--security-opt", "no-new-privileges", "--pids-limit", "128"),
)
"""How SECURITY.md says to run it."""


@dataclass(frozen=True)
class Answer:
    """What the server answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


@dataclass(frozen=True)
class Container:
    """A container that was started."""

    id: str
    port: int = 8501

    @property
    def address(self) -> str:
        """Of the server, by the container's own address: Docker's proxy would answer for one that has ended."""
        networks = self.inspect()["NetworkSettings"]["Networks"].values()
        return f"http://{next(network['IPAddress'] for network in networks)}:{self.port}"

    def inspect(self) -> dict[str, Any]:
        """All that Docker knows about it."""
        found: dict[str, Any] = json.loads(docker("inspect", self.id))[0]
        return found

    @property
    def state(self) -> dict[str, Any]:
        """Status, health, exit status and what else belongs to them."""
        state: dict[str, Any] = self.inspect()["State"]
        return state

    @property
    def health(self) -> str:
        """`starting`, `healthy` or `unhealthy`."""
        return str(self.state["Health"]["Status"])

    def logs(self) -> str:
        """What it printed."""
        ended = subprocess.run(["docker", "logs", self.id], capture_output=True, timeout=60)
        return (ended.stdout + ended.stderr).decode()

    def run(self, *command: str, user: str = "1000") -> str:
        """What a command in it prints."""
        return docker("exec", "--user", user, self.id, *command)

    def wait(self, seconds: float = 120) -> float:
        """Waits until the server is ready; the seconds that took."""
        begin = time.monotonic()
        while time.monotonic() - begin < seconds:
            try:
                if get(self.address, "/readyz").status == 200:
                    return time.monotonic() - begin
            except (OSError, http.client.HTTPException):
                pass
            if self.state["Status"] not in ("running", "created", "restarting"):
                break
            time.sleep(0.05)
        raise AssertionError(f"the server is not ready: {self.state}\n{self.logs()}")

    def classify(self, picture: bytes, query: str = "") -> Answer:
        """Asks the API about a picture."""
        return send(self.address, "POST", f"/api/v1/classify{query}", picture)

    def memory_peak(self) -> int:
        """The most bytes that its cgroup ever held, page cache included."""
        files = "/sys/fs/cgroup/memory.peak /sys/fs/cgroup/memory/memory.max_usage_in_bytes"
        return int(self.run("sh", "-c", f"cat {files} 2>/dev/null || true").split()[0])

    def killed_for_memory(self) -> int:
        """How many of its processes the kernel ended because memory ran out."""
        files = "/sys/fs/cgroup/memory.events /sys/fs/cgroup/memory/memory.oom_control"
        lines = self.run("sh", "-c", f"cat {files} 2>/dev/null || true").splitlines()
        return sum(int(line.split()[1]) for line in lines if line.startswith("oom_kill "))


def get(address: str, path: str) -> Answer:
    """Asks for a path."""
    return send(address, "GET", path)


def send(address: str, method: str, path: str, body: bytes | None = None, timeout: float = 120) -> Answer:
    """One request on a connection of its own; an answer that comes before all is sent is read, too."""
    place = urlsplit(address)
    connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=timeout)
    headers = {"Content-Type": "application/octet-stream"} if body else {}
    try:
        with suppress(BrokenPipeError, ConnectionResetError):
            connection.request(method, path, body, headers)
        response = connection.getresponse()
        return Answer(response.status, dict(response.headers), response.read())
    finally:
        connection.close()


def published(container: dict[str, Any], port: int = 8501) -> str:
    """Where on this machine, and on no other, a port of a container is, by what `docker inspect` says of it."""
    (place,) = container["NetworkSettings"]["Ports"][f"{port}/tcp"]
    assert place["HostIp"] == "127.0.0.1"
    return f"127.0.0.1:{place['HostPort']}"


def drive(address: str, *tests: str) -> str:
    """Runs browser tests against an address, a local one: browsers give the camera to no other without TLS.

    Returns:
        How many passed, in pytest's last line.
    """
    command = [sys.executable, "-m", "pytest", "-q", *tests, "--server", address]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600)
    assert ended.returncode == 0, ended.stdout[-5000:]
    return ended.stdout.strip().splitlines()[-1]


@contextmanager
def started(image: str, *options: str, command: tuple[str, ...] = (), port: int = 8501) -> Iterator[Container]:
    """A container in the background, gone at the end of the block."""
    with detached(image, *options, command=command) as identity:
        yield Container(identity, port)


@contextmanager
def ready(image: str, *options: str, port: int = 8501) -> Iterator[Container]:
    """The same, once the server in it is ready."""
    with started(image, *options, port=port) as container:
        container.wait()
        yield container


def kill(container: Container) -> None:
    """Ends it from outside, as no process in it could: its first one is protected from its own."""
    try:
        os.kill(container.state["Pid"], signal.SIGKILL)
    except (PermissionError, ProcessLookupError) as error:
        pytest.skip(f"the container's process cannot be reached from here: {error}")


def exhaust_memory(container: Container) -> None:
    """Takes all its memory, and has the kernel end the server for it."""
    code = "open('/proc/1/oom_score_adj', 'w').write('1000'); held = [bytearray(1 << 20) for _ in range(1024)]"
    with suppress(DockerError):
        container.run("python", "-c", code, user="0")  # what is the server's in /proc is root's
