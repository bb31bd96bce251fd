"""The metrics on a port of their own: there and not on the page's, and no way to harm the page."""

from __future__ import annotations

import socket
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from tests.support.server import running
from tests.support.wire import connected, head, send
from web.server import metrics_port


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of a server of metrics."""
    monkeypatch.setattr(metrics_port, "_SECONDS", 1.0)
    port = free_port()
    metrics_port.serve("127.0.0.1", port, lambda: b"metrics\n", "text/plain; version=1.0.0")
    return f"http://127.0.0.1:{port}"


def test_only_the_metrics_are_there(served: str) -> None:
    got = send(served, head("/metrics", "GET"))
    assert (got.status, got.body, got.headers["content-type"]) == (200, b"metrics\n", "text/plain; version=1.0.0")
    assert send(served, head("/metrics?name[]=x", "GET")).status == 200
    for path in ("/", "/metrics/x", "/api/v1/models", "/../metrics"):
        assert send(served, head(path, "GET")).status == 404
    assert send(served, head("/metrics", "POST", Content_Length="0")).status == 501


def test_a_connection_ends_after_its_time_however_slowly_it_sends(served: str) -> None:
    with connected(served) as silent, connected(served) as slow:
        begun = time.monotonic()
        while time.monotonic() < begun + 8:
            try:
                slow.sendall(b"x")
            except OSError:
                break
            time.sleep(0.1)
        else:
            raise AssertionError("it may send for as long as it likes")
        assert silent.recv(1) == b""
        assert send(served, head("/metrics", "GET")).status == 200


def test_an_address_that_is_taken_is_an_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(OSError, match="in use"):
        metrics_port.serve("127.0.0.1", taken.getsockname()[1], bytes, "text/plain")


@pytest.mark.slow
def test_the_pages_port_has_them_no_more(tmp_path: Path) -> None:
    port = free_port()
    with running(tmp_path / "log.txt", {"CLASSIFIER_METRICS_PORT": str(port)}) as address:
        send(address, head("/metrics", "GET")).problem(404, "not_found")
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as response:
            assert response.headers["content-type"].startswith("text/plain; version=")
            told = response.read().decode()
        assert "\nclassifier_ready 1.0\n" in told
        assert "\nclassifier_slots_busy 0.0\n" in told
        for path in ("/healthz", "/api/v1/models", "/"):
            with pytest.raises(urllib.error.HTTPError, match="404"):
                urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10)


@pytest.mark.slow
def test_a_port_that_is_taken_ends_the_server_with_one_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = rf"CLASSIFIER_METRICS_PORT={port}: nothing can listen there: Address already in use\."
        with (
            pytest.raises(AssertionError, match=said),
            running(tmp_path / "log.txt", {"CLASSIFIER_METRICS_PORT": str(port)}),
        ):
            pass
