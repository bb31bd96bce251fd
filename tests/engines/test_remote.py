"""The remote backend against engines that others wrote: scores, descriptions of models, going and coming back."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import pytest

from classifier import Classifier
from classifier.errors import ClassifierError, EngineUnavailableError
from classifier.settings import read_settings
from tests.engines.conftest import PHOTOS
from tests.support.engines import Engine
from tests.support.photos import ROOT, photo
from tests.support.server import running
from tests.support.waiting import until

LITE0 = "efficientnet-lite0"
OIP = [(name, scheme) for name in ("mlserver", "kserve", "triton") for scheme in ("http", "grpc")]
TFS = [("kserve", "http"), ("tensorflow_serving", "http"), ("tensorflow_serving", "grpc")]
WAYS = [(*way, "oip") for way in OIP] + [(*way, "tfs") for way in TFS]


def url(engine: Engine, scheme: str, model: str = "") -> str:
    """An engine's address as an operator writes it."""
    return f"{engine.http if scheme == 'http' else 'grpc://' + engine.grpc}{'/' if model else ''}{model}"


@contextmanager
def remote(address: str, protocol: str = "oip", model: str = LITE0) -> Iterator[Classifier]:
    """A model that runs in an engine."""
    settings = read_settings(backend="remote", remote_url=address, remote_protocol=protocol, remote_timeout=60)
    with Classifier.load(ROOT / "model" / model, settings=settings) as classifier:
        assert classifier.backend == "remote"
        yield classifier


@pytest.mark.parametrize(("name", "scheme", "protocol"), WAYS)
def test_scores_and_features_are_those_of_the_local_model(
    engine: Callable[[str], Engine],
    local: Callable[..., Any],
    batch: Callable[..., Any],
    name: str,
    scheme: str,
    protocol: str,
) -> None:
    with remote(url(engine(name), scheme), protocol) as there:
        here = local(LITE0)
        found, expected = there._backend.run(batch(LITE0)), here._backend.run(batch(LITE0))
        assert np.abs(found.scores - expected.scores).max() < 1e-4 * np.abs(expected.scores).max()
        assert np.abs(found.features - expected.features).max() < 1e-4 * np.abs(expected.features).max()
        for file in PHOTOS:
            answers = [one.classify(photo(file), top_k=5) for one in (here, there)]
            labels, scores = zip(
                *([[p.label for p in a.predictions], [p.score for p in a.predictions]] for a in answers), strict=False
            )
            assert labels[0] == labels[1]
            assert np.abs(np.subtract(*scores)).max() < 1e-4


@pytest.mark.parametrize(("name", "scheme"), OIP)
def test_a_model_without_features_whose_scores_are_probabilities(
    engine: Callable[[str], Engine], local: Callable[..., Any], name: str, scheme: str
) -> None:
    """The package says what the scores are; the engine calls them as the model does."""
    with remote(url(engine(name), scheme, "cifar10"), model="cifar10") as there:
        answers = [one.classify(photo("dog.webp"), top_k=10) for one in (local("cifar10"), there)]
    here, found = ({p.label: p.score for p in answer.predictions} for answer in answers)
    assert here == pytest.approx(found, abs=1e-4)


@pytest.mark.parametrize(("name", "scheme", "protocol"), WAYS)
def test_a_model_that_the_engine_lacks_is_one_sentence(
    engine: Callable[[str], Engine], name: str, scheme: str, protocol: str
) -> None:
    with remote(url(engine(name), scheme, "absent"), protocol) as there, pytest.raises(ClassifierError) as raised:
        there.classify(photo("dog.webp"))
    assert raised.type.__name__ in ("EngineAnswerError", "EngineUnavailableError")
    assert str(raised.value).startswith("The engine that runs the model")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(("name", "scheme", "protocol"), WAYS)
def test_an_engine_that_is_lost_is_one_sentence_until_it_is_back(
    engine: Callable[[str], Engine], name: str, scheme: str, protocol: str
) -> None:
    started = engine(name)
    with remote(url(started, scheme), protocol) as there:
        there.classify(photo("dog.webp"))
        started.kill()
        with pytest.raises(EngineUnavailableError) as raised:
            there.classify(photo("dog.webp"))
        assert raised.value.status == 503
        until(lambda: there.problem is not None, 20)
        start = time.monotonic()
        with pytest.raises(EngineUnavailableError):
            there.classify(photo("dog.webp"))
        assert time.monotonic() - start < 3  # the circuit is open
        engine(name)
        until(lambda: there.problem is None, 30)
        assert there.classify(photo("dog.webp")).predictions[0].label == "German Shepherd Dog"


@pytest.mark.parametrize("name", ["triton", "tensorflow_serving"])
def test_a_server_says_that_its_engine_is_lost_and_recovers(
    engine: Callable[[str], Engine], tmp_path: Path, name: str
) -> None:
    started = engine(name)
    protocol = "tfs" if name == "tensorflow_serving" else "oip"
    settings = {
        "CLASSIFIER_MODEL": LITE0,
        "CLASSIFIER_BACKEND": "remote",
        "CLASSIFIER_REMOTE_URL": url(started, "grpc"),
        "CLASSIFIER_REMOTE_PROTOCOL": protocol,
    }
    with running(tmp_path / "log.txt", settings) as address:
        assert classify(address).status_code == 200
        started.kill()
        until(lambda: httpx2.get(f"{address}/readyz").status_code == 503, 30)
        answer = classify(address)
        assert (answer.status_code, answer.json()["code"]) == (503, "engine_unavailable")
        assert answer.headers["retry-after"]
        assert httpx2.get(f"{address}/healthz").status_code == 200
        engine(name)
        until(lambda: httpx2.get(f"{address}/readyz").status_code == 200, 60)
        assert classify(address).json()["results"][0]["predictions"][0]["label"] == "German Shepherd Dog"


def classify(address: str) -> httpx2.Response:
    """The API's answer to a photo of a dog."""
    return httpx2.post(f"{address}/api/v1/classify", content=photo("dog.webp").read_bytes(), timeout=60)


@pytest.mark.parametrize(("name", "scheme"), [("mlserver", "grpc"), ("kserve", "grpc"), ("triton", "grpc")])
def test_more_pictures_than_the_engine_takes_in_a_message_are_sent_in_parts(
    engine: Callable[[str], Engine], local: Callable[..., Any], batch: Callable[..., Any], name: str, scheme: str
) -> None:
    """MLServer takes 4 MB in a message over gRPC, KServe 8 MB; 16 pictures are 9.6 MB."""
    many = np.concatenate([batch(LITE0)] * 4)
    with remote(url(engine(name), scheme)) as there:
        found, expected = there._backend.run(many).scores, local(LITE0)._backend.run(many).scores
    assert np.abs(found - expected).max() < 1e-4 * np.abs(expected).max()
