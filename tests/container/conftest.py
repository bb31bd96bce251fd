"""The images under test, built once. They need a Docker engine; `make test-container` gets one."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

import pytest

from tests.container.docker import docker
from tests.support.photos import ROOT

BASE = "debian:trixie-slim"


def build(tag: str, flavor: str, folder: Path = ROOT, options: Sequence[str] = ()) -> str:
    """Builds the image as docs/containers.md says; gives what the engine printed."""
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
