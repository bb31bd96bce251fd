"""Packages come from mirrors where some are named, and an image does not tell from where."""

from __future__ import annotations

import http.server
import json
import os
import re
import shutil
import ssl
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.docker import build
from tests.container.conftest import BASE
from tests.support.docker import docker
from tests.support.photos import ROOT

ASK_PIP = "from pip._internal.models.index import PyPI; print(PyPI.simple_url)"


class Mirror(http.server.ThreadingHTTPServer):
    """Passes on what is asked of it, and remembers it.

    `/simple` is the index that pip uses without a mirror, with its links led to `/files/HOST`; all else is Debian's.
    """

    def __init__(self) -> None:
        super().__init__(("0.0.0.0", 0), Passing)
        index = subprocess.run([sys.executable, "-c", ASK_PIP], capture_output=True, text=True, check=True)
        self.index = index.stdout.strip().removesuffix("/simple")
        sources = docker("run", "--rm", BASE, "sh", "-c", "cat /etc/apt/sources.list* /etc/apt/sources.list.d/*; true")
        hosts: set[str] = set(re.findall(r"https?://[^/ ]+", sources))
        (self.debian,) = hosts
        self.asked: list[str] = []

    def upstream(self, path: str) -> str:
        """The address that has what is asked for."""
        if path.startswith("/simple/"):
            return self.index + path
        if path.startswith("/files/"):
            return f"https://{path.removeprefix('/files/')}"
        return self.debian + path


class Passing(http.server.BaseHTTPRequestHandler):
    """A request, passed on."""

    server: Mirror

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        asked = urllib.request.Request(self.server.upstream(self.path), headers={"Accept": "text/html"})
        try:
            with urllib.request.urlopen(asked, context=ssl.create_default_context()) as answer:
                status, kind, body = answer.status, answer.headers["Content-Type"] or "", answer.read()
        except urllib.error.HTTPError as error:
            status, kind, body = error.code, "text/plain", b""
        if kind.startswith("text/html"):
            body = re.sub(rb'href="https://', b'href="/files/', body)
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    do_HEAD = do_GET

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@pytest.fixture
def mirror() -> Iterator[Mirror]:
    with Mirror() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def test_an_image_is_built_from_mirrors_and_tells_nothing_of_them(mirror: Mirror) -> None:
    gateway = docker("network", "inspect", "bridge", "--format", "{{(index .IPAM.Config 0).Gateway}}")
    address = f"http://{gateway}:{mirror.server_port}"
    docker("tag", BASE, "mirrored-debian:13")
    given = {"BASE": "mirrored-debian:13", "APT_MIRROR": f"{address}/", "PIP_INDEX_URL": f"{address}/simple"}
    options = [part for name, value in given.items() for part in ("--build-arg", f"{name}={value}")]
    printed = build("image-classifier:mirrored", "edge", options=options)
    assert "mirrored-debian:13" in printed
    assert [path for path in mirror.asked if path.endswith("InRelease")]
    assert [path for path in mirror.asked if re.search(r"/python3[\w.-]*_.*\.deb$", path)]
    assert "/simple/streamlit/" in mirror.asked
    assert [path for path in mirror.asked if path.startswith("/files/") and "/streamlit-" in path]

    told = docker("history", "--no-trunc", "image-classifier:mirrored") + docker("inspect", "image-classifier:mirrored")
    search = ["grep", "-rlF", "-e", f"{gateway}:{mirror.server_port}", "/etc", "/opt", "/app", "/var", "/tmp"]
    options = ["--rm", "--network", "none", "--user", "0", "--entrypoint"]
    found = subprocess.run(
        ["docker", "run", *options, search[0], "image-classifier:mirrored", *search[1:]], capture_output=True
    )
    assert (found.returncode, found.stdout) == (1, b"")
    assert str(mirror.server_port) not in told
    docker("rmi", "image-classifier:mirrored", "mirrored-debian:13")


GIVEN = {"BASE": "b.example/debian", "APT_MIRROR": "http://a.example", "PIP_INDEX_URL": "http://p.example/simple"}


def test_compose_passes_mirrors_on() -> None:
    profiles = [part for name in ("cpu", "edge", "gpu", "dev", "proxy") for part in ("--profile", name)]
    command = ["docker", "compose", *profiles, "config", "--format", "json"]
    said = subprocess.run(command, cwd=ROOT, env={**os.environ, **GIVEN}, capture_output=True, check=True).stdout
    services = json.loads(said)["services"]
    assert len(services) == 5
    for service in services.values():
        assert service["build"]["args"].items() >= GIVEN.items()


def test_make_passes_mirrors_on_if_there_are_any() -> None:
    plain = {key: value for key, value in os.environ.items() if key not in GIVEN}
    for environment, expected in ((plain, {}), (plain | GIVEN, GIVEN)):
        command = ["make", "--dry-run", "image"]
        said = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True).stdout
        named = dict(re.findall(r'--build-arg "(\w+)=(.*?)"', said))
        assert named == expected


@pytest.mark.parametrize("told", ["pip.conf", "PIP_INDEX_URL"])
def test_make_installs_from_the_mirror_that_pip_was_told_of(told: str, mirror: Mirror, tmp_path: Path) -> None:
    for name in ("Makefile", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    shutil.copytree(ROOT / "requirements", tmp_path / "requirements")
    index = f"http://localhost:{mirror.server_port}/simple"
    withheld = ("PIP_", "UV_", "MAKE")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(withheld)}
    environment |= {"HOME": str(tmp_path), "UV_CACHE_DIR": str(tmp_path / "cache"), "PIP_NO_CACHE_DIR": "1"}
    if told == "pip.conf":
        (tmp_path / ".config/pip").mkdir(parents=True)
        (tmp_path / ".config/pip/pip.conf").write_text(f"[global]\nindex-url = {index}\n")
    else:
        environment["PIP_INDEX_URL"] = index
    command = ["make", f"PYTHON={sys.executable}", ".venv/sbom/stamp"]
    ended = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    for name in ("uv", "cyclonedx-bom"):  # the first by pip, the second by uv
        assert f"/simple/{name}/" in mirror.asked
        assert [path for path in mirror.asked if path.startswith("/files/") and f"/{name.replace('-', '_')}-" in path]
