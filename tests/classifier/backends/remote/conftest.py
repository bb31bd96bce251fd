"""A package, the scores that it has in this process, and an engine that runs it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from classifier.backends.remote import address, balancer
from classifier.backends.remote.addresses import Engine as Addresses
from classifier.backends.remote.addresses import ProtocolName, parsed
from classifier.backends.remote.backend import RemoteBackend
from classifier.checkout import ROOT
from classifier.classifier import Classifier
from classifier.package import ModelPackage
from classifier.settings import read_settings
from tests.support.engine import Connect, Engine, engine


@pytest.fixture(scope="session")
def package() -> ModelPackage:
    return ModelPackage.load(ROOT / "model/cifar10")


@pytest.fixture(scope="session")
def photo() -> Path:
    return ROOT / "tests/cifar10_photos/cat/kitten.webp"


@pytest.fixture(scope="session")
def pixels(package: ModelPackage, photo: Path) -> NDArray[np.uint8]:
    found = Classifier.load(package, settings=read_settings(backend="litert"))
    return found._runner.prepare(photo.read_bytes(), package.manifest.input.geometry).pixels


@pytest.fixture(scope="session")
def scores(package: ModelPackage, photo: Path, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """What the model gives for the photo in this process."""
    found = Classifier.load(package, settings=read_settings(backend="litert"))
    output, _ = found._runner.infer(pixels, found._backend)
    return np.asarray(output.scores[0])


@pytest.fixture
def server(package: ModelPackage) -> Iterator[Engine]:
    with engine(package) as found:
        yield found


@pytest.fixture
def connect(package: ModelPackage, monkeypatch: pytest.MonkeyPatch) -> Iterator[Connect]:
    """Makes remote backends, which are closed after the test; what they wait for is shorter than usual."""
    monkeypatch.setattr(balancer, "_GRACE_SECONDS", 0.3)
    monkeypatch.setattr(balancer, "_TICK", 0.02)
    monkeypatch.setattr(address, "_LONGEST_PAUSE", 0.2)
    made: list[RemoteBackend] = []

    def one(
        *urls: str, protocol: ProtocolName = "oip", timeout: float = 5.0, token: Path | None = None
    ) -> RemoteBackend:
        made.append(RemoteBackend(package, Addresses(tuple(map(parsed, urls)), protocol, timeout, token)))
        return made[-1]

    yield one
    for backend in made:
        backend.close()
