"""The images at work, run as SECURITY.md says: page, API, command line, health, other users, no network, the end."""

from __future__ import annotations

import csv
import io
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from benchmarks.visitor import opened
from tests.support import tiny_onnx
from tests.support.caller import Caller
from tests.support.docker import (
    HARDENED,
    Container,
    DockerError,
    docker,
    drive,
    exhaust_memory,
    get,
    kill,
    published,
    ready,
    started,
)
from tests.support.photos import photo

PANDA = photo("panda.webp").read_bytes()


@pytest.fixture(scope="module")
def server(edge: str) -> Iterator[Container]:
    """The small image, run as it should be, at an address of this machine as docs/containers.md publishes it."""
    options = ("--memory", "512m", "--cpus", "2", "--publish", "127.0.0.1::8501")
    with ready(edge, *HARDENED, *options) as container:
        yield container


def best(answer_body: bytes) -> str:
    label: str = json.loads(answer_body)["results"][0]["predictions"][0]["label"]
    return label


def test_the_api_classifies(server: Container) -> None:
    answer = server.classify(PANDA)
    assert answer.status == 200
    assert best(answer.body) == "giant panda"
    assert server.classify(b"no picture").status == 415


def test_the_page_works_in_a_browser(server: Container) -> None:
    tests = ["tests/e2e/test_visit.py", "tests/e2e/test_docs.py", "tests/e2e/test_policy.py"]
    print(f"\n{drive(f'http://{published(server.inspect())}', *tests)}")


def test_it_has_no_rights_that_it_does_not_need(server: Container) -> None:
    status = dict(line.split(":\t", 1) for line in server.run("cat", "/proc/1/status").splitlines() if ":\t" in line)
    assert status["Uid"].split() == ["1000"] * 4
    assert int(status["CapEff"], 16) == 0
    assert status["NoNewPrivs"] == "1"
    assert status["Seccomp"] == "2"
    with pytest.raises(DockerError, match="Read-only file system"):
        server.run("touch", "/app/x", user="0")


def test_the_log_says_what_runs_the_model_and_why_and_nothing_alarming(server: Container) -> None:
    log = server.logs()
    assert "efficientnet-lite2: litert backend on CPU (2 threads) (LiteRT is the fastest on a CPU" in log
    assert [line for line in log.splitlines() if any(word in line for word in ("Traceback", "Error", "WARNING"))] == []


def test_a_picture_is_piped_through_the_command(edge: str) -> None:
    options = ("run", "--rm", "--interactive", *HARDENED, "--network", "none", edge)
    rows = list(csv.DictReader(io.StringIO(docker(*options, "classify", "--csv", "-", data=PANDA))))
    assert rows[0]["label"] == "giant panda"
    with pytest.raises(DockerError, match=r"Standard input is empty\."):
        docker(*options, "classify", "-")


@pytest.mark.parametrize(
    ("flavor", "options"),
    [("edge", ("--read-only", "--memory", "256m", "--memory-swap", "256m")), ("cpu", HARDENED)],
)
def test_the_doctor_finds_nothing_wrong(request: pytest.FixtureRequest, flavor: str, options: tuple[str, ...]) -> None:
    found = json.loads(docker("run", "--rm", *options, request.getfixturevalue(flavor), "doctor", "--json"))
    assert found["ok"]
    assert [check for check in found["checks"] if check["status"] != "ok"] == []


def test_the_doctor_fails_nothing_where_the_server_works(edge: str) -> None:
    # With so little memory the trial may find none beside the doctor's own; the server does: see test_limits.
    limit = ("--memory", "192m", "--memory-swap", "192m")
    found = json.loads(docker("run", "--rm", "--read-only", *limit, edge, "doctor", "--json"))
    assert found["ok"]
    assert {check["name"] for check in found["checks"] if check["status"] == "warn"} <= {"trial"}


@pytest.mark.parametrize("flavor", ["edge", "cpu"])
def test_a_gpu_that_the_image_does_not_use_is_told(request: pytest.FixtureRequest, flavor: str) -> None:
    # What an NVIDIA device looks like to a container that asked for no computing; there is none on most machines.
    options = (*HARDENED, "--device", "/dev/null:/dev/nvidia0")
    image = request.getfixturevalue(flavor)
    checks = json.loads(docker("run", "--rm", *options, image, "doctor", "--json"))["checks"]
    (check,) = (check for check in checks if check["name"] == "GPU")
    assert check["status"] == "warn"
    assert f"this is the {flavor} image: run the cuda image" in check["detail"]
    with ready(image, *options) as container:
        assert "run the cuda image" in container.logs()


def test_tensorflow_runs_in_the_usual_image(cpu: str) -> None:
    with ready(cpu, *HARDENED, "--memory", "1g", "--env", "CLASSIFIER_BACKEND=tensorflow") as container:
        answer = container.classify(PANDA)
        assert best(answer.body) == "giant panda"
        assert get(container.address, "/api/v1/info").json["backend"] == "tensorflow"
        assert container.killed_for_memory() == 0


def test_onnx_runtime_runs_in_the_usual_image_and_is_not_in_the_small_one(edge: str, cpu: str, tmp_path: Path) -> None:
    folder = tiny_onnx.package(tmp_path / "tiny", tiny_onnx.network()).folder
    tmp_path.chmod(0o755)
    options = ("--volume", f"{folder}:/models/tiny:ro", "--env", "CLASSIFIER_MODEL=/models/tiny")
    with ready(cpu, *HARDENED, "--memory", "512m", *options) as container:
        assert best(container.classify(PANDA).body) in ("cat", "dog", "hen")
        info = get(container.address, "/api/v1/info").json
        assert (info["model"], info["backend"]) == ("tiny", "onnx")
        assert "onnxruntime" not in container.logs()
    with pytest.raises(
        DockerError, match=r"ONNX Runtime, which is not installed\. This is the edge image; the cpu image has"
    ):
        docker("run", "--rm", "-i", *options, edge, "classify", "-", data=PANDA)


@pytest.mark.parametrize("user", ["12345:0", "0:0"])
def test_any_user_may_run_it(edge: str, user: str) -> None:
    with ready(edge, *HARDENED, "--user", user, "--env", "CLASSIFIER_MODEL=efficientnet-lite0") as container:
        assert best(container.classify(PANDA).body) == "giant panda"
        assert container.run("id", "-u", user=user) == user.partition(":")[0]


def test_without_a_tmpfs_nothing_can_be_written_and_nothing_needs_to_be(edge: str) -> None:
    with ready(edge, "--read-only", "--env", "CLASSIFIER_MODEL=efficientnet-lite0") as container:
        assert best(container.classify(PANDA).body) == "giant panda"


def test_the_port_that_a_platform_asks_for_is_served_and_checked(edge: str) -> None:
    with ready(edge, *HARDENED, "--env", "PORT=7860", port=7860) as container:
        assert get(container.address, "/readyz").status == 200
        until_healthy(container)


def test_without_any_network_it_starts_and_classifies(edge: str) -> None:
    ask = (
        "import sys, urllib.request as u; "
        "print(u.urlopen(u.Request('http://127.0.0.1:8501/api/v1/classify', sys.stdin.buffer.read(), "
        "{'Content-Type': 'image/webp'})).read().decode())"
    )
    with started(edge, *HARDENED, "--network", "none") as container:
        until_healthy(container)
        answer = docker("exec", "--interactive", container.id, "python", "-c", ask, data=PANDA)
        assert best(answer.encode()) == "giant panda"


def test_it_asks_no_other_host_for_anything(edge: str) -> None:
    gateway = json.loads(docker("network", "inspect", "bridge"))[0]["IPAM"]["Config"][0]["Gateway"]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as names:
        try:
            names.bind((gateway, 53))
        except OSError as error:
            pytest.skip(f"no name server can be put at {gateway}:53: {error}")
        names.setblocking(False)
        with ready(edge, *HARDENED, "--dns", gateway) as container:
            with opened(container.address) as tab:
                assert tab.show(PANDA).labels[0] == "giant panda"
            assert best(container.classify(PANDA).body) == "giant panda"
            time.sleep(5)  # the API's own import, and what else comes later
            with pytest.raises(BlockingIOError):
                raise AssertionError(f"it asked for {names.recv(512)!r}")
            with pytest.raises(DockerError):  # so that the above could have failed
                container.run("timeout", "2", "getent", "hosts", "example.org")
            assert b"example" in names.recv(512)


def until_healthy(container: Container, seconds: float = 60) -> list[str]:
    """The healths that were seen until it was healthy."""
    seen: list[str] = []
    end = time.monotonic() + seconds
    while time.monotonic() < end and "healthy" not in seen:
        health = container.health
        if health not in seen:
            seen.append(health)
        time.sleep(0.1)
    assert "healthy" in seen, container.state["Health"]
    return seen


def test_it_is_healthy_no_earlier_than_the_model_has_answered(edge: str) -> None:
    check = ("python", "-I", "-S", "/app/deploy/image/healthcheck.py")
    with started(edge, *HARDENED, "--cpus", "0.5", "--health-interval", "1s") as container:
        with pytest.raises(DockerError):
            container.run(*check)
        assert until_healthy(container) == ["starting", "healthy"]
        assert get(container.address, "/readyz").status == 200
        begin = time.monotonic()
        container.run(*check)
        print(f"\na check of the health, with Docker's own time for it: {time.monotonic() - begin:.2f} s")


@pytest.mark.parametrize(("options", "status"), [((), 0), (("--init",), 143)])
def test_it_ends_soon_when_asked(edge: str, options: tuple[str, ...], status: int) -> None:
    with ready(edge, *HARDENED, *options) as container:
        begin = time.monotonic()
        docker("stop", container.id)
        assert time.monotonic() - begin < 10
        assert container.state["ExitCode"] == status


def test_every_request_sent_before_the_end_is_answered(edge: str) -> None:
    gone = threading.Event()
    callers = [Caller() for _ in range(12)]
    with ready(edge, *HARDENED, "--env", "CLASSIFIER_QUEUE=4") as container, ThreadPoolExecutor(12) as pool:
        address = container.address
        for caller in callers:
            pool.submit(caller.run, address, PANDA, gone)
        try:
            end = time.monotonic() + 60
            while not all(caller.answered for caller in callers):
                assert time.monotonic() < end
                time.sleep(0.01)
            signalled = time.monotonic()
            docker("stop", container.id)
            assert container.state["ExitCode"] == 0
        finally:
            gone.set()
    assert [what for caller in callers for sent, what in caller.lost if sent < signalled] == []
    assert {status for caller in callers for sent, status in caller.answered if sent < signalled} <= {200, 503}


@pytest.mark.parametrize("end_it", [kill, exhaust_memory])
def test_a_server_that_is_killed_is_started_again(edge: str, end_it: Callable[[Container], None]) -> None:
    options = (*HARDENED, "--memory", "512m", "--memory-swap", "512m", "--restart", "unless-stopped")
    with ready(edge, *options) as container:
        end_it(container)
        end = time.monotonic() + 60
        while container.inspect()["RestartCount"] == 0:
            assert time.monotonic() < end
            time.sleep(0.1)
        container.wait()
        assert best(container.classify(PANDA).body) == "giant panda"
