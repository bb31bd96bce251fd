"""`compose.yaml` as docs/hosting.md uses it: limits, hardening, own models, restarts, nginx, development."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import ssl
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from tests.container.checkout import change, copy_to
from tests.kubernetes.crowd import TITLES, Crowd
from tests.support.docker import Container, docker, drive, exhaust_memory, get, kill, published, send
from tests.support.lost import route_of, seconds_to_go_on
from tests.support.photos import ROOT, photo
from tests.support.steps import ready

PROJECT = "image-classifier-test"
PANDA = photo("panda.webp").read_bytes()


@contextmanager
def up(
    *arguments: str, profiles: tuple[str, ...], folder: Path = ROOT, **variables: str
) -> Iterator[list[dict[str, Any]]]:
    """Starts what the profiles name and waits until it is healthy; what `docker inspect` says of each container."""
    given = {"BUILD_CA": os.environ.get("SSL_CERT_FILE", "/dev/null"), "PORTS": "0", "PROXY_PORTS": "0"}
    environment = {**os.environ, **given, "PROXY_TLS_PORTS": "0", "NETWORK": "10.201.78", **variables}
    compose = ["docker", "compose", "-p", PROJECT, *(part for name in profiles for part in ("--profile", name))]

    def run(*more: str) -> str:
        command = [*compose, *more]
        ended = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=900)
        assert ended.returncode == 0, ended.stderr[-3000:]
        return ended.stdout

    try:
        run("up", "--detach", "--build", "--wait", *arguments)
        yield json.loads(docker("inspect", *run("ps", "--quiet").split()))
    finally:
        run("down", "--volumes", "--timeout", "10")


def service(containers: list[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    return [one for one in containers if one["Config"]["Labels"]["com.docker.compose.service"] == name]


def addresses(container: dict[str, Any]) -> list[str]:
    return [network["IPAddress"] for network in container["NetworkSettings"]["Networks"].values()]


def test_the_usual_one_starts_without_any_option(cpu: str) -> None:
    services = subprocess.run(
        ["docker", "compose", "config", "--services"],
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if name != "COMPOSE_PROFILES"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert services == ["cpu"]
    with up(profiles=("cpu",)) as (container,):
        assert container["Config"]["Image"] == cpu
        assert get(f"http://{published(container)}", "/api/v1/info").json["device"] == "CPU (2 threads)"


def test_a_gpu_is_asked_for_by_its_own_profile_alone() -> None:
    shown = docker("compose", "--profile", "gpu", "config", "--format", "json")
    (name, gpu), *others = json.loads(shown)["services"].items()
    assert (name, others) == ("gpu", [])
    assert gpu["deploy"]["resources"]["reservations"]["devices"][0]["driver"] == "nvidia"
    assert gpu["build"]["args"]["FLAVOR"] == "cuda"


def test_every_log_is_bounded_and_nothing_has_few_descriptors() -> None:
    shown = docker("compose", "--profile", "*", "config", "--format", "json")
    services = json.loads(shown)["services"]
    assert set(services) == {"cpu", "edge", "gpu", "dev", "proxy"}
    for name, one in services.items():
        assert one["logging"] == {"driver": "json-file", "options": {"max-size": "10m", "max-file": "3"}}, name
        assert one["ulimits"]["nofile"] == {"soft": 16384, "hard": 16384}, name


def test_each_is_hardened_and_limited_and_serves_ones_own_models(edge: str, tmp_path: Path) -> None:
    tmp_path.chmod(0o755)  # the container's user must be able to read it
    shutil.copytree(ROOT / "model/efficientnet-lite0", tmp_path / "mine")
    manifest = tmp_path / "mine/model.toml"
    manifest.write_text(manifest.read_text("utf-8").replace('"efficientnet-lite0"', '"mine"'), "utf-8")
    with pytest.raises(AssertionError, match="bind source path does not exist"):
        up(profiles=("edge",), MODELS=str(tmp_path / "none")).__enter__()
    # Its only package needs no name.
    with up(profiles=("edge",), MODELS=str(tmp_path), CLASSIFIER_ACCESS_LOG="json") as (container,):
        host = container["HostConfig"]
        assert container["Config"]["Image"] == edge
        assert host["ReadonlyRootfs"]
        assert host["CapDrop"] == ["ALL"]
        assert host["SecurityOpt"] == ["no-new-privileges:true"]
        assert (host["Memory"], host["NanoCpus"], host["PidsLimit"]) == (512 << 20, 2_000_000_000, 128)
        assert host["LogConfig"] == {"Type": "json-file", "Config": {"max-file": "3", "max-size": "10m"}}
        assert [(one["Soft"], one["Hard"]) for one in host["Ulimits"]] == [(16384, 16384)]
        address = f"http://{published(container)}"
        assert [one["name"] for one in get(address, "/api/v1/models").json["models"]] == ["mine"]
        assert send(address, "POST", "/api/v1/classify", PANDA).status == 200
        running = Container(container["Id"])
        (line,) = [line for line in running.logs().splitlines() if "/api/v1/classify" in line]
        assert json.loads(line)["status"] == 200
        for end_it in (kill, exhaust_memory):
            before = running.state["Pid"]
            end_it(running)
            end = time.monotonic() + 60
            while running.state["Pid"] in (0, before) or running.health != "healthy":
                assert time.monotonic() < end, running.state
                time.sleep(0.1)
            assert send(f"http://{published(running.inspect())}", "POST", "/api/v1/classify", PANDA).status == 200


def test_several_behind_nginx_with_and_without_tls(edge: str, tmp_path: Path, browser: Browser) -> None:
    tmp_path.chmod(0o755)
    subject = ("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1")
    files = ("-keyout", str(tmp_path / "tls.key"), "-out", str(tmp_path / "tls.crt"))
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", *files, *subject], check=True)
    (tmp_path / "tls.key").chmod(0o644)  # nginx runs as another user
    with up("--scale", "edge=2", profiles=("edge", "proxy"), TLS=str(tmp_path)) as containers:
        (proxy,) = service(containers, "proxy")
        assert len(service(containers, "edge")) == 2
        assert proxy["Config"]["User"] == "1000:1000"
        assert proxy["HostConfig"]["ReadonlyRootfs"]
        # nginx alone is believed when it says who a client is.
        believed = {f"CLASSIFIER_TRUSTED_PROXIES={addresses(proxy)[0]}"}
        assert all(believed < set(one["Config"]["Env"]) for one in service(containers, "edge"))
        assert len({place for one in containers for place in addresses(one)}) == 3
        address = f"http://{published(proxy, 8080)}"
        plain = get(address, "/healthz").headers["Set-Cookie"]
        assert "Path=/;" in plain
        assert "Secure" not in plain
        assert get(address, "/metrics").json["code"] == "not_found"
        # Uploads, over websockets: each visit must find its own container again.
        drive(address, "tests/e2e/test_visit.py")
        for size in (22_000_000, 30_000_000):
            refused = send(address, "POST", "/api/v1/classify", bytes(size))
            assert refused.status == 413
            assert refused.headers["Content-Type"] == "application/problem+json"
            assert refused.json["code"] == "request_too_large"
        trusted = ssl.create_default_context(cafile=str(tmp_path / "tls.crt"))
        request = urllib.request.Request(f"https://{published(proxy, 8443)}/api/v1/classify", PANDA)
        request.add_header("Content-Type", "image/webp")
        with urllib.request.urlopen(request, context=trusted) as response:
            assert json.load(response)["results"][0]["predictions"][0]["label"] == "giant panda"
        with urllib.request.urlopen(f"https://{published(proxy, 8443)}/healthz", context=trusted) as response:
            assert response.headers["Set-Cookie"].endswith("; Secure")
        page = browser.new_page(ignore_https_errors=True)
        page.goto(f"https://{published(proxy, 8443)}")
        ready(page)
        files = page.evaluate(
            """performance.getEntriesByType("resource").filter((one) => one.name.endsWith(".js"))
            .map((one) => [one.nextHopProtocol, one.encodedBodySize < one.decodedBodySize])"""
        )
        assert len(files) > 60
        assert {protocol for protocol, _ in files} == {"h2"}
        assert sum(compressed for _, compressed in files) > 50  # those of Streamlit's
        page.close()


def test_a_lost_server_costs_no_request_and_no_picture(edge: str, browser: Browser) -> None:
    with up("--scale", "edge=3", profiles=("edge", "proxy")) as containers:
        servers = service(containers, "edge")
        (proxy,) = service(containers, "proxy")
        place = published(proxy, 8080)
        at = {route_of(*addresses(one)): one["Id"] for one in servers}
        command = [sys.executable, "tests/kubernetes/callers.py", place, "web/page/samples/koala.webp"]
        with subprocess.Popen(command, cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            people = Crowd(process)
            people.be(4, 0)
            time.sleep(1)
            people.begin()

            def losing(route: str) -> Callable[[], None]:
                return threading.Thread(target=docker, args=("kill", at.pop(route))).start

            done = seconds_to_go_on(browser, f"http://{place}", losing)
            docker("stop", at.popitem()[1])
            docker("start", *(one["Id"] for one in servers))
            time.sleep(10)
            found = people.end("lost servers")
            assert process.stdin is not None
            process.stdin.close()
        print(f"\nthe page has its bars {done:.1f} s after its server was lost\n{TITLES}\n{found.row()}")
        assert found.statuses.keys() == {"200"}
        assert done < 15


def test_under_a_path_everything_is_behind_nginx_too(edge: str) -> None:
    profiles = ("edge", "proxy")
    with up("--scale", "edge=2", profiles=profiles, CLASSIFIER_BASE_PATH="/demo", PASS_METRICS="1") as containers:
        (proxy,) = service(containers, "proxy")
        assert all(one["State"]["Health"]["Status"] == "healthy" for one in service(containers, "edge"))
        address = f"http://{published(proxy, 8080)}"
        assert "Path=/demo/;" in get(address, "/demo/healthz").headers["Set-Cookie"]
        print(f"\n{drive(f'{address}/demo', 'tests/e2e/test_base_path.py')}")


def test_the_largest_upload_passes_nginx(edge: str) -> None:
    picture = BytesIO()
    Image.new("RGB", (2580, 2583), "red").save(picture, "BMP")
    assert 19_990_000 < len(picture.getvalue()) <= 20_000_000
    with up(profiles=("edge", "proxy")) as containers:
        (proxy,) = service(containers, "proxy")
        answer = send(f"http://{published(proxy, 8080)}", "POST", "/api/v1/classify", picture.getvalue())
        assert answer.status == 200, answer.body


def test_what_is_saved_while_developing_is_served_without_a_build(page: Page, edge: str, tmp_path: Path) -> None:
    copy_to(tmp_path)
    with up(profiles=("dev",), folder=tmp_path) as (container,):
        assert container["Config"]["Image"] == edge
        address = f"http://{published(container)}"
        begun = container["State"]["StartedAt"]

        # The page: an open tab keeps its picture, and a reload shows the change.
        page.goto(address)
        page.locator("input[type=file]").set_input_files(photo("panda.webp"))
        meter = page.get_by_role("meter").first
        expect(meter).to_have_attribute("aria-label", "giant panda", timeout=30_000)
        begin = time.monotonic()
        change(
            tmp_path / "classifier/texts/en.toml", 'headline = "What is in your picture?"', 'headline = "Here it is"'
        )
        while "Here it is" not in shown(address):
            assert time.monotonic() - begin < 30
            time.sleep(0.1)
        expect(meter).to_have_attribute("aria-label", "giant panda")
        page.reload()
        expect(page.get_by_role("heading", name="Here it is")).to_be_visible()
        print(f"\nthe page's new heading was there after {time.monotonic() - begin:.1f} s")

        # The rest: the server is started again.
        begin = time.monotonic()
        change(tmp_path / "web/problems.py", "There is nothing at this path.", "Nothing is here.")
        while not said(address, "/api/nothing").startswith("Nothing is here."):
            assert time.monotonic() - begin < 30
            time.sleep(0.1)
        print(f"the API's after {time.monotonic() - begin:.1f} s")
        page.reload()
        expect(page.get_by_role("heading", level=1)).to_be_visible(timeout=30_000)

        # A slip ends the server, but not the container; the next change mends it.
        change(tmp_path / "web/problems.py", "Nothing is here.", 'Nothing"')
        while "starts again when a file is saved" not in docker("logs", container["Id"]):
            assert time.monotonic() - begin < 60
            time.sleep(0.1)
        change(tmp_path / "web/problems.py", 'Nothing"', "All is well.")
        while not said(address, "/api/nothing").startswith("All is well."):
            assert time.monotonic() - begin < 60
            time.sleep(0.1)
        assert json.loads(docker("inspect", container["Id"]))[0]["State"]["StartedAt"] == begun


def shown(address: str) -> str:
    """The page's HTML, or nothing while the server starts."""
    with suppress(OSError, http.client.HTTPException):
        return get(address, "/").body.decode()
    return ""


def said(address: str, path: str) -> str:
    """The detail of a problem, or nothing while the server starts."""
    with suppress(OSError, http.client.HTTPException):
        return str(get(address, path).json["detail"])
    return ""
