"""The remote backend against engines that work, that come and go, and that have much to do."""

from __future__ import annotations

import importlib.util
import os
import ssl
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from classifier.backends.remote import balancer
from classifier.classifier import Classifier
from classifier.errors import BackendError, EngineAnswerError, EngineUnavailableError
from classifier.package import ModelPackage
from classifier.preprocessing import normalise
from classifier.protocols import oip
from classifier.settings import read_settings
from tests.support.engine import Connect, Engine, close_to, engine
from tests.support.tls import certificate
from tests.support.waiting import until


@pytest.mark.parametrize("binary", [True, False])
def test_the_scores_are_those_of_the_local_backend(
    server: Engine, connect: Connect, pixels: NDArray[Any], scores: NDArray[Any], binary: bool
) -> None:
    server.extensions = ["binary_tensor_data"] if binary else []
    backend = connect(server.url)
    close_to(backend.run_one(pixels).scores[0], scores)
    assert server.inputs == {"image": "FP32"}
    assert ("Inference-Header-Content-Length" in server.seen) == binary
    assert backend.device == f"{server.url} (Open Inference Protocol v2 over REST)"


@pytest.mark.parametrize("described", [True, False])
def test_so_are_those_over_tensorflow_servings_rest(
    server: Engine, connect: Connect, pixels: NDArray[Any], scores: NDArray[Any], described: bool
) -> None:
    def side(size: int) -> dict[str, str]:
        return {"size": str(size), "name": ""}

    image = {"dtype": "DT_FLOAT", "tensor_shape": {"dim": [side(-1), side(224), side(224), side(3)]}}
    output = {"dtype": "DT_FLOAT", "tensor_shape": {"dim": [side(-1), side(10)]}}
    signature = {"serving_default": {"inputs": {"x": image}, "outputs": {"y": output}}}
    if described:
        server.described = {"metadata": {"signature_def": {"signature_def": signature}}}
    backend = connect(server.url, protocol="tfs")
    close_to(backend.run_one(pixels).scores[0], scores)


def test_a_classifier_gives_the_same_answer_remotely(
    server: Engine, package: ModelPackage, photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = Classifier.load(package, settings=read_settings(backend="litert")).classify(photo, 10)
    monkeypatch.setenv("CLASSIFIER_BACKEND", "remote")
    monkeypatch.setenv("CLASSIFIER_REMOTE_URL", f"{server.url}/{package.name}")
    there = Classifier.load(package).classify(photo, 10)
    assert [one.label for one in there.predictions] == [one.label for one in here.predictions]
    close_to([one.score for one in there.predictions], [one.score for one in here.predictions])
    assert there.backend == "remote"
    assert here.familiar is not None
    assert there.familiar is None  # this engine gives no features
    assert there.sure


def test_channels_come_first_where_the_engine_says_so(
    server: Engine, connect: Connect, pixels: NDArray[Any], scores: NDArray[Any]
) -> None:
    run = server.run
    server.metadata["inputs"][0]["shape"] = [-1, 3, 224, 224]
    server.run = lambda batch: run(batch.transpose(0, 2, 3, 1))
    close_to(connect(server.url).run_one(pixels).scores[0], scores)


def test_an_engine_of_this_project_gets_pixels_and_gives_scores(
    server: Engine, connect: Connect, pixels: NDArray[Any], scores: NDArray[Any]
) -> None:
    run = server.run
    server.metadata |= {
        "platform": "image-classifier",
        "inputs": [
            {"name": "picture", "datatype": "BYTES", "shape": [-1]},
            {"name": "pixels", "datatype": "UINT8", "shape": [-1, 224, 224, 3]},
            {"name": "values", "datatype": "FP32", "shape": [-1, 224, 224, 3]},
        ],
        "outputs": [
            {"name": "probabilities", "datatype": "FP32", "shape": [-1, 10]},
            {"name": "scores", "datatype": "FP32", "shape": [-1, 10]},
        ],
    }
    server.output = "scores"
    server.run = lambda batch: run(batch / np.float32(255))
    close_to(connect(server.url).run_one(pixels).scores[0], scores)
    assert server.inputs == {"pixels": "UINT8"}


def test_pictures_that_wait_go_together(
    server: Engine, connect: Connect, pixels: NDArray[Any], scores: NDArray[Any]
) -> None:
    backend = connect(server.url)
    server.seconds = 0.2
    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(lambda _: backend.run_one(pixels), range(16)))
    for one in found:
        close_to(one.scores[0], scores)
    assert sum(server.batches) == 16
    assert len(server.batches) < 10
    assert max(server.batches) <= 16


def test_each_goes_alone_where_the_engines_batch_is_fixed(
    server: Engine, connect: Connect, pixels: NDArray[Any]
) -> None:
    server.metadata["inputs"][0]["shape"][0] = 1
    backend = connect(server.url)
    server.seconds = 0.1
    with ThreadPoolExecutor(24) as pool:
        list(pool.map(lambda _: backend.run_one(pixels), range(24)))
    assert server.batches == [1] * 24


def test_each_goes_alone_where_an_engine_refuses_several(
    server: Engine, connect: Connect, pixels: NDArray[Any], scores: NDArray[Any]
) -> None:
    infer = server.infer

    def alone(batch: NDArray[Any]) -> NDArray[Any]:
        if len(batch) > 1:
            raise ValueError
        return infer(batch)

    def fault(handler: Any) -> bool:
        if not handler.path.endswith("/infer"):
            return False
        try:
            handler._oip()
        except ValueError:
            return bool(handler.answer({"error": "one at a time"}, 400))
        return True

    server.infer = alone  # type: ignore[method-assign]
    server.fault = fault
    server.seconds = 0.1
    backend = connect(server.url, timeout=20)
    with ThreadPoolExecutor(16) as pool:
        for one in pool.map(lambda _: backend.run_one(pixels), range(16)):
            close_to(one.scores[0], scores)


def test_an_engine_gets_as_many_at_a_time_as_it_takes(
    server: Engine, connect: Connect, pixels: NDArray[Any], scores: NDArray[Any]
) -> None:
    """Its description does not say how many that is; it may have more memory, or another limit, some time later."""
    takes = 5

    def fault(handler: Any) -> bool:
        if not handler.path.endswith("/infer"):
            return False
        pictures = oip.decode_request(handler.body, int(handler.headers[oip.HEADER_LENGTH])).inputs[0].shape[0]
        return pictures > takes and bool(handler.answer({"error": "too many"}, 400))

    server.fault = fault
    backend = connect(server.url)
    many = np.concatenate([normalise(pixels, backend._package.manifest.input)] * 16)
    for one in backend.run(many).scores:
        close_to(one, scores)
    assert server.batches == [4] * 4
    assert server.paths["/v2/models/cifar10/infer"] == 6
    takes, server.batches = 16, []
    for _ in range(2):
        backend._limit._until = 0.0  # a minute later
        backend.run(many)
    assert server.batches == [8, 8, 16]


@pytest.mark.parametrize("status", [401, 404])
def test_what_is_refused_for_another_reason_is_not_sent_again_in_parts(
    server: Engine, connect: Connect, pixels: NDArray[Any], status: int
) -> None:
    backend = connect(server.url)
    server.fault = lambda handler: handler.command == "POST" and bool(handler.answer(b"", status))
    with pytest.raises(EngineAnswerError):
        backend.run(np.concatenate([normalise(pixels, backend._package.manifest.input)] * 4))
    assert server.paths["/v2/models/cifar10/infer"] == 1


@pytest.mark.parametrize(("flavor", "remedy"), [("", "`make remote` adds it"), ("edge", "the cpu image has it")])
def test_grpc_that_is_not_installed_is_a_sentence_with_what_to_do(
    connect: Connect, monkeypatch: pytest.MonkeyPatch, flavor: str, remedy: str
) -> None:
    monkeypatch.setenv("IMAGE_FLAVOR", flavor)
    monkeypatch.setitem(sys.modules, "grpc", None)
    monkeypatch.delitem(sys.modules, "classifier.backends.remote.grpc_client", raising=False)
    monkeypatch.delitem(sys.modules, "classifier.backends.remote.oip_grpc", raising=False)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(BackendError, match=f"cannot speak with its engine. gRPC is not installed. .*{remedy}"):
        connect("grpc://127.0.0.1:8001")


def test_connections_are_kept(server: Engine, connect: Connect, pixels: NDArray[Any]) -> None:
    backend = connect(server.url)
    for _ in range(5):
        backend.run_one(pixels)
    assert server.connections == 1


def test_an_absent_engine_is_an_error_and_is_found_when_it_comes(
    connect: Connect, pixels: NDArray[Any], scores: NDArray[Any], package: ModelPackage
) -> None:
    with engine(package) as gone:
        port = gone.server_address[1]
    backend = connect(gone.url)
    start = time.monotonic()
    with pytest.raises(EngineUnavailableError, match="the connection is refused") as raised:
        backend.run_one(pixels)
    assert time.monotonic() - start < 2
    assert (raised.value.status, raised.value.retry_after) == (503, 2)
    assert isinstance(backend.problem, EngineUnavailableError)
    with engine(package, port):
        until(lambda: backend.problem is None)
        close_to(backend.run_one(pixels).scores[0], scores)


def test_callers_do_not_notice_a_short_restart(
    connect: Connect, pixels: NDArray[Any], scores: NDArray[Any], package: ModelPackage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(balancer, "_GRACE_SECONDS", 5.0)
    with engine(package) as first:
        backend = connect(first.url)
        backend.run_one(pixels)
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(backend.run_one, pixels)
        time.sleep(0.2)
        with engine(package, first.server_address[1]):
            close_to(asked.result().scores[0], scores)


def test_both_views_of_a_picture_go_in_one_request(
    server: Engine, package: ModelPackage, photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    local = Classifier.load(package, settings=read_settings(backend="litert"))
    monkeypatch.setenv("CLASSIFIER_BACKEND", "remote")
    monkeypatch.setenv("CLASSIFIER_REMOTE_URL", server.url)
    remote = Classifier.load(package)
    for view, batch in (("crop", 1), ("whole", 1), ("both", 2)):
        server.batches.clear()
        here, there = (one.classify(photo, 10, view=view) for one in (local, remote))  # type: ignore[arg-type]
        assert server.batches == [batch]
        assert here.box == there.box
        by_index = [sorted((one.index, one.score) for one in found.predictions) for found in (here, there)]
        close_to(np.array(by_index[1])[:, 1], np.array(by_index[0])[:, 1])
    server.metadata["inputs"][0]["shape"][0] = 1  # an engine that takes one at a time
    remote = Classifier.load(package)
    server.batches.clear()
    again = remote.classify(photo, 10, view="both")
    assert server.batches == [1, 1]
    assert again.predictions[0].score == pytest.approx(there.predictions[0].score, abs=1e-4)


def test_the_token_is_sent_and_read_again(
    server: Engine, connect: Connect, pixels: NDArray[Any], tmp_path: Path
) -> None:
    file = tmp_path / "token"
    file.write_text("first\n")
    backend = connect(server.url, token=file)
    backend.run_one(pixels)
    assert server.seen["Authorization"] == "Bearer first"
    file.write_text("the.second\n")
    backend.run_one(pixels)
    assert server.seen["Authorization"] == "Bearer the.second"


def test_a_package_needs_no_weights(server: Engine, tmp_path: Path, package: ModelPackage, photo: Path) -> None:
    for file in ("model.toml", "labels.en.txt", "labels.zh.txt"):
        (tmp_path / file).write_bytes((package.folder / file).read_bytes())
    settings = read_settings(backend="remote", remote_url=(server.url,), model=str(tmp_path))
    assert Classifier.load(tmp_path, settings=settings).classify(photo).predictions[0].label == "cat"
    text = (tmp_path / "model.toml").read_text()
    (tmp_path / "model.toml").write_text(text.partition("[weights.litert]")[0])
    assert Classifier.load(tmp_path, settings=settings).classify(photo).predictions[0].label == "cat"


def test_the_command_line_classifies_remotely(server: Engine, package: ModelPackage, photo: Path) -> None:
    environment = {"CLASSIFIER_BACKEND": "remote", "CLASSIFIER_REMOTE_URL": server.url, "CLASSIFIER_MODEL": "cifar10"}
    command = [sys.executable, "-m", "classifier", "classify", str(photo)]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **environment})
    assert done.returncode == 0, done.stderr
    assert "cat" in done.stdout
    server.fault = lambda handler: handler.answer({"error": "no"}, 404)
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **environment})
    assert done.returncode != 0
    assert "it knows no such model" in done.stderr
    assert "Traceback" not in done.stderr


def test_https_asks_for_a_certificate_that_the_system_knows(
    server: Engine,
    connect: Connect,
    pixels: NDArray[Any],
    scores: NDArray[Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made, key = certificate(tmp_path, "localhost")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(made, key)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    url = f"https://localhost:{server.server_address[1]}"
    monkeypatch.setattr(balancer, "_ips", lambda _: ["127.0.0.1"])
    with pytest.raises(EngineUnavailableError, match="its certificate is not accepted: self-signed certificate"):
        connect(url).run_one(pixels)
    monkeypatch.setenv("SSL_CERT_FILE", str(made))
    close_to(connect(url).run_one(pixels).scores[0], scores)
    with pytest.raises(EngineUnavailableError, match="its certificate is not accepted"):
        connect(url.replace("localhost", "other.test")).run_one(pixels)
