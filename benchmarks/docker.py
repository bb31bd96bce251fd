"""Docker's command line: images built as docs/containers.md says, and containers of them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from classifier.checkout import ROOT


class DockerError(Exception):
    """A docker command failed; the message is what it printed."""


def docker(*arguments: str, data: bytes | None = None, timeout: float = 900) -> str:
    """What a docker command prints, without the blanks around it.

    Raises:
        DockerError: the command ended with a status other than 0.
    """
    command = ["docker", *arguments]
    ended = subprocess.run(command, input=data, capture_output=True, timeout=timeout, cwd=ROOT)
    if ended.returncode:
        raise DockerError(f"{' '.join(command)}: {ended.stderr.decode().strip()[-3000:]}")
    return ended.stdout.decode().strip()


def build(tag: str, flavor: str, folder: Path = ROOT, options: Sequence[str] = ()) -> str:
    """Builds the image as docs/containers.md says; returns what the engine printed."""
    authority = os.environ.get("SSL_CERT_FILE")
    secret = ["--secret", f"id=ca,src={authority}"] if authority else []
    command = ["docker", "build", "--progress", "plain", "--build-arg", f"FLAVOR={flavor}", "--tag", tag, *secret]
    ended = subprocess.run(
        [*command, *options, str(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "DOCKER_BUILDKIT": "1"},
        timeout=3600,
    )
    assert ended.returncode == 0, ended.stdout[-5000:]
    return ended.stdout


@contextmanager
def detached(image: str, *options: str, command: tuple[str, ...] = ()) -> Iterator[str]:
    """Runs a container in the background and gives its id; removes it at the end of the `with` block."""
    container = docker("run", "--detach", *options, image, *command)
    try:
        yield container
    finally:
        docker("rm", "--force", "--volumes", container)
