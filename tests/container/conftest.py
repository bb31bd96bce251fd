"""The images under test, built once. They need a Docker engine; `make test-container` gets one."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import pytest

from benchmarks.docker import build, docker

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
