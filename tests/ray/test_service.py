"""The application in Ray Serve on this machine: the same answers as the server that has the page."""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from tests.ray.cluster import environment
from tests.support.engines import free_ports
from tests.support.photos import ROOT, photo
from tests.support.server import running

triton = pytest.importorskip("tritonclient.http", reason="its dependencies have wheels on Linux alone")

LITE0 = "efficientnet-lite0"
PHOTO = photo("dog.webp").read_bytes()


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The server with the page."""
    with running(tmp_path_factory.mktemp("own") / "log.txt", {"CLASSIFIER_MODEL": LITE0}) as address:
        yield address


@pytest.fixture(scope="module")
def ray(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The application in a cluster of this machine alone, as `serve run` starts it."""
    folder = tmp_path_factory.mktemp("ray")
    (port,) = free_ports(1)
    config = yaml.safe_load((ROOT / "deploy/ray/config.yaml").read_text())
    config["http_options"] |= {"host": "127.0.0.1", "port": port}
    config["applications"][0]["runtime_env"]["env_vars"]["CLASSIFIER_MODEL"] = LITE0
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    log = folder / "log.txt"
    with log.open("wb") as out:
        process = subprocess.Popen(
            ["serve", "run", folder / "config.yaml"],
            cwd=ROOT,
            # Not a cluster that is there already, such as that of another test.
            env=environment(RAY_ADDRESS="local", RAY_AUTH_TOKEN="0" * 64),
            stdout=out,
            stderr=out,
        )
    address, end = f"http://127.0.0.1:{port}", time.monotonic() + 240
    try:
        while ask(address, "/readyz")[0] != 200:
            assert process.poll() is None, log.read_text()[-3000:]
            assert time.monotonic() < end, log.read_text()[-3000:]
            time.sleep(0.5)
        yield address
    finally:
        process.terminate()
        process.wait(60)


def ask(address: str, path: str, data: bytes | None = None) -> tuple[int, Any]:
    """The status and the JSON of an answer, which may come before all is sent; 0 if there is none."""
    connection = HTTPConnection(address.removeprefix("http://"), timeout=30)
    try:
        connection.putrequest("GET" if data is None else "POST", path)
        if data is not None:
            connection.putheader("Content-Type", "application/octet-stream")
            connection.putheader("Content-Length", str(len(data)))
        with suppress(BrokenPipeError, ConnectionResetError):
            connection.endheaders(data)
        answer = connection.getresponse()
        body = answer.read()
        return answer.status, json.loads(body) if body.startswith(b"{") else body.decode()
    except OSError:
        return 0, None
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("path", "data"),
    [
        ("/api/v1/classify?top_k=3", PHOTO),
        ("/api/v1/classify?model=cifar10", PHOTO),
        ("/api/v1/classify?model=none", PHOTO),
        ("/api/v1/classify?top_k=none", PHOTO),
        ("/api/v1/classify", b"no picture"),
        ("/api/v1/classify", PHOTO[:1000]),
        ("/api/v1/classify", b"0" * 21_000_000),
        ("/api/v1/models", None),
        ("/api/v1/none", None),
        ("/api/openapi.json", None),
        ("/v2", None),
        (f"/v2/models/{LITE0}", None),
        ("/v2/models/none/infer", b"{}"),
        (f"/v2/models/{LITE0}/infer", b"{}"),
        ("/healthz", None),
        ("/readyz", None),
    ],
    ids=lambda value: str(value)[:40],
)
def test_answers_are_those_of_the_server_with_the_page(ray: str, own: str, path: str, data: bytes | None) -> None:
    def comparable(answer: tuple[int, Any]) -> tuple[int, str]:
        times = r'"(queue|decode|preprocess|inference|total)": [0-9.]+'
        return answer[0], re.sub(r'"device": "[^"]*"', "", re.sub(times, "", json.dumps(answer[1])))

    assert comparable(ask(ray, path, data)) == comparable(ask(own, path, data))


def test_nvidias_client_gets_the_same_scores(ray: str, own: str) -> None:
    picture = triton.InferInput("picture", [1], "BYTES")
    picture.set_data_from_numpy(np.array([PHOTO], dtype=object))

    def scores(address: str) -> list[float]:
        client = triton.InferenceServerClient(address.removeprefix("http://"))
        found: list[float] = client.infer(LITE0, [picture]).as_numpy("probabilities").tolist()
        return found

    assert scores(ray) == scores(own)


def test_a_replica_has_the_cpus_that_ray_gave_it(ray: str) -> None:
    assert ask(ray, "/api/v1/info")[1]["cpus"] == 1
    assert Path(ROOT, "deploy/ray/config.yaml").read_text().count("num_cpus: 1\n") == 1


def test_haproxy_keeps_whole_requests_to_send_them_again(ray: str) -> None:
    found = [path.read_text() for path in Path("/tmp/haproxy-serve").glob("*/haproxy.cfg")]
    (ours,) = [text for text in found if f":{ray.rpartition(':')[2]}\n" in text]
    for line in ("retry-on conn-failure empty-response response-timeout", "option http-buffer-request"):
        assert re.search(rf"^\s*{line}$", ours, re.M)
