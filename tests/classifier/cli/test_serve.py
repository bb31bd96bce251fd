"""`classifier serve`: what is said before it starts, what the server is given, and the real server in its place."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from classifier import ModelPackage, cli
from classifier.checkout import ROOT
from classifier.cli import launcher
from tests.support.imported import place
from tests.support.packages import LITE0
from tests.support.tiny_tflite import Tiny

# What Kubernetes sets for a Service, after its name.
SERVICE = {
    "SERVICE_HOST": "10.96.1.1",
    "SERVICE_PORT": "80",
    "SERVICE_PORT_HTTP": "80",
    "PORT": "tcp://10.96.1.1:80",
    "PORT_80_TCP": "tcp://10.96.1.1:80",
    "PORT_80_TCP_PROTO": "tcp",
    "PORT_80_TCP_PORT": "80",
    "PORT_80_TCP_ADDR": "10.96.1.1",
}


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that something listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def launched(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What the launcher would give the server as its environment."""
    given: dict[str, str] = {}
    monkeypatch.setattr(launcher, "launch", given.update)
    monkeypatch.setattr(launcher, "port_problem", lambda *_: None)
    return given


def test_settings_become_streamlits(launched: dict[str, str]) -> None:
    cli.main(["serve", "--host", "0.0.0.0", "--port", "9000"])
    assert launched["STREAMLIT_SERVER_ADDRESS"] == "0.0.0.0"
    assert launched["STREAMLIT_SERVER_PORT"] == "9000"
    assert launched["STREAMLIT_BROWSER_SERVER_ADDRESS"] == "localhost"
    assert (launched["CLASSIFIER_HOST"], launched["CLASSIFIER_PORT"]) == ("0.0.0.0", "9000")
    assert "STREAMLIT_SERVER_BASE_URL_PATH" not in launched


def test_the_port_that_a_platform_asks_for_is_taken_unless_ours_is_set(
    launched: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PORT", "7860")
    cli.main(["serve"])
    assert launched["STREAMLIT_SERVER_PORT"] == "7860"
    monkeypatch.setenv("CLASSIFIER_PORT", "8000")
    cli.main(["serve"])
    assert launched["STREAMLIT_SERVER_PORT"] == "8000"
    cli.main(["serve", "--port", "9000"])
    assert launched["STREAMLIT_SERVER_PORT"] == "9000"
    monkeypatch.delenv("CLASSIFIER_PORT")
    monkeypatch.setenv("PORT", "http://10.0.0.1:80")
    assert cli.main(["serve"]) == 2
    assert capsys.readouterr().err == "classifier: PORT=http://10.0.0.1:80: it must be a number from 0 to 65535.\n"


def test_what_a_container_engine_sets_for_services_is_ignored_and_said_once(
    launched: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for service in ("CLASSIFIER", "CLASSIFIER_METRICS", "CLASSIFIER_MODEL", "STREAMLIT_SERVER", "OTHER"):
        for name, value in SERVICE.items():
            monkeypatch.setenv(f"{service}_{name}", value)
    monkeypatch.setenv("PORT", "tcp://10.96.1.1:80")
    cli.main(["serve", "--model", "efficientnet-lite0"])
    assert launched["STREAMLIT_SERVER_PORT"] == launched["CLASSIFIER_PORT"] == "8501"
    assert not [
        name for name, value in launched.items() if "10.96.1.1" in value and not name.startswith(("OTHER", "PYTEST"))
    ]
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    for name in ("CLASSIFIER", "CLASSIFIER_METRICS", "CLASSIFIER_MODEL", "STREAMLIT_SERVER"):
        assert f" {name}_PORT=tcp://10.96.1.1:80" in said
    assert " PORT=tcp://10.96.1.1:80" in said
    monkeypatch.setenv("PORT", "7860")
    cli.main(["serve", "--model", "efficientnet-lite0"])
    assert launched["STREAMLIT_SERVER_PORT"] == "7860"


def test_the_users_own_streamlit_variables_win_but_options_win_over_them(
    launched: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STREAMLIT_SERVER_PORT", "7000")
    monkeypatch.setenv("STREAMLIT_SERVER_WEBSOCKET_PING_INTERVAL", "50")
    cli.main(["serve"])
    assert launched["STREAMLIT_SERVER_PORT"] == "7000"
    assert launched["STREAMLIT_SERVER_WEBSOCKET_PING_INTERVAL"] == "50"
    cli.main(["serve", "--port", "7001"])
    assert launched["STREAMLIT_SERVER_PORT"] == "7001"


def test_relative_paths_lead_to_the_same_place_from_the_servers_folder(
    launched: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT / "model")
    cli.main(["serve", "--model", "./efficientnet-lite0"])
    assert Path(launched["CLASSIFIER_MODEL"]) == LITE0
    monkeypatch.setenv("CLASSIFIER_MODELS", ".")
    cli.main(["serve", "--model", "efficientnet-lite0", "--backend", "litert"])
    assert launched["CLASSIFIER_MODEL"] == "efficientnet-lite0"
    assert Path(launched["CLASSIFIER_MODELS"]) == ROOT / "model"
    assert launched["CLASSIFIER_BACKEND"] == "litert"


def test_who_may_use_it_reaches_the_server_as_it_was_checked(
    launched: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    cli.main(["serve"])
    assert [launched[f"CLASSIFIER_{name}"] for name in ("API_KEYS_FILE", "CORS_ORIGINS", "FRAME_ANCESTORS")] == [""] * 3
    monkeypatch.chdir(tmp_path)
    Path("keys").write_text(f"one {'a' * 16}")
    monkeypatch.setenv("CLASSIFIER_API_KEYS_FILE", "keys")
    monkeypatch.setenv("CLASSIFIER_CORS_ORIGINS", "https://A.example:443, http://localhost:3000")
    monkeypatch.setenv("CLASSIFIER_FRAME_ANCESTORS", "https://*.Example.org")
    cli.main(["serve"])
    assert launched["CLASSIFIER_API_KEYS_FILE"] == str(tmp_path / "keys")
    assert launched["CLASSIFIER_CORS_ORIGINS"] == "https://a.example,http://localhost:3000"
    assert launched["CLASSIFIER_FRAME_ANCESTORS"] == "https://*.example.org"


def test_a_wrong_file_of_keys_is_said_at_once(
    tmp_path: Path, launched: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "keys").write_text("one secret-but-short\ntwo tooshort\n")
    monkeypatch.setenv("CLASSIFIER_API_KEYS_FILE", str(tmp_path / "keys"))
    assert cli.main(["serve"]) == 1
    out, err = capsys.readouterr()
    assert err.startswith(f"classifier: Line 2 of the file of keys {tmp_path / 'keys'}: the key of two is too short")
    assert err.count("\n") == 1
    assert not launched
    (tmp_path / "keys").write_text("one secret-and-long-enough\n")
    cli.main(["serve"])
    assert launched
    assert "secret" not in out + err + "".join(capsys.readouterr())


def test_a_port_of_the_metrics_that_cannot_be_had_is_said(
    taken: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CLASSIFIER_METRICS_PORT", str(taken))
    assert cli.main(["serve", "--port", "0"]) == 1
    said = f"classifier: Port {taken} is in use already. Choose another with CLASSIFIER_METRICS_PORT, or "
    assert capsys.readouterr().err.startswith(said)
    monkeypatch.setenv("CLASSIFIER_METRICS_PORT", "7001")
    monkeypatch.setenv("STREAMLIT_SERVER_PORT", "7001")
    assert cli.main(["serve"]) == 1
    assert "Port 7001 is the page's" in capsys.readouterr().err
    assert cli.main(["serve", "--port", "7001"]) == 2
    assert "CLASSIFIER_METRICS_PORT=7001: the page has this port" in capsys.readouterr().err


def test_a_port_for_grpc_that_cannot_be_had_is_said(
    taken: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CLASSIFIER_GRPC_PORT", str(taken))
    assert cli.main(["serve", "--port", "0"]) == 1
    said = f"classifier: Port {taken} is in use already. Choose another with CLASSIFIER_GRPC_PORT, or "
    assert capsys.readouterr().err.startswith(said)


def test_grpc_that_is_not_installed_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *more: None if name == "grpc" else found(name, *more))
    monkeypatch.setenv("CLASSIFIER_GRPC_PORT", "7002")
    assert cli.main(["serve", "--port", "0"]) == 1
    assert "CLASSIFIER_GRPC_PORT=7002: gRPC is not installed. It is the extra `remote`" in capsys.readouterr().err
    monkeypatch.setenv("IMAGE_FLAVOR", "edge")
    assert cli.main(["serve", "--port", "0"]) == 1
    assert "This is the edge image; the cpu image has it" in capsys.readouterr().err


def test_a_package_that_is_wrong_is_said_and_a_file_is_imported_only_when_the_port_is_free(
    tmp_path: Path, taken: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "model.toml").write_text("format = ", "utf-8")
    assert cli.main(["serve", "--model", str(tmp_path)]) == 2
    assert "cannot be read as TOML" in capsys.readouterr().err
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    source = place(tmp_path / "mine", Tiny().build())
    assert cli.main(["serve", "--model", str(source), "--port", str(taken)]) == 1
    assert capsys.readouterr().err.startswith(f"classifier: Port {taken} is in use")
    assert {one.name for one in tmp_path.iterdir()} == {"model.toml", "mine"}


def test_the_server_is_given_the_package_that_a_bare_file_became(
    tmp_path: Path, launched: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    cli.main(["serve", "--model", str(place(tmp_path / "mine", Tiny().build()))])
    folder = Path(launched["CLASSIFIER_MODEL"])
    assert folder.parent.parent == tmp_path
    assert ModelPackage.load(folder).name == "model"


def test_a_port_in_use_is_said_at_once(taken: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["serve", "--port", str(taken)]) == 1
    err = capsys.readouterr().err
    assert err.startswith(f"classifier: Port {taken} is in use already.")
    assert "--port" in err


@pytest.mark.parametrize("host", ["not.a.host.invalid", "203.0.113.7"])
def test_an_address_that_is_not_ours_is_said(host: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["serve", "--host", host, "--port", "0"]) == 1
    assert host in capsys.readouterr().err


def test_an_unknown_model_is_said_before_the_server_starts(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert cli.main(["serve", "--model", "big"]) == 2
    assert "no model named 'big'" in capsys.readouterr().err


def test_trust_is_the_options_or_the_variables(launched: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    cli.main(["serve"])
    assert launched["CLASSIFIER_TRUST"] == "0"
    cli.main(["serve", "--trust"])
    assert launched["CLASSIFIER_TRUST"] == "1"
    monkeypatch.setenv("CLASSIFIER_TRUST", "yes")
    cli.main(["serve"])
    assert launched["CLASSIFIER_TRUST"] == "1"


@pytest.mark.slow
def test_the_first_start_on_a_desktop_opens_the_page_and_ends_when_asked(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    log = tmp_path / "log"
    opened, browser = tmp_path / "opened", tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" > {opened}\n')
    browser.chmod(0o700)
    # A desktop as it is the first time: a display, and no Streamlit settings of the user's.
    desktop = {"DISPLAY": ":99", "BROWSER": str(browser), "HOME": str(tmp_path)}
    environment = {**os.environ, **desktop, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "classifier", "serve", "--port", str(port)]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*command, "--model", "efficientnet-lite0", "--backend", "litert"],
            cwd=tmp_path,  # the page is found from anywhere
            env=environment,
            stdin=subprocess.PIPE,  # somebody who could be asked, and must not be
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        assert json.loads(_ready(process, port, log))
        end = time.monotonic() + 20
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/info", timeout=10) as answer:
            assert json.load(answer)["model"] == "efficientnet-lite0"
        while not opened.exists() or not opened.read_text():
            assert time.monotonic() < end, "no browser was opened"
            time.sleep(0.1)
        assert opened.read_text() == f"http://localhost:{port}\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) in (0, -signal.SIGTERM, 128 + signal.SIGTERM)
    finally:
        process.kill()
        process.wait()


def _ready(process: subprocess.Popen[bytes], port: int, log: Path) -> bytes:
    end = time.monotonic() + 90
    while time.monotonic() < end and process.poll() is None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as answer:
                content: bytes = answer.read()
                return content
        except (urllib.error.URLError, TimeoutError, ConnectionError):
            time.sleep(0.1)
    raise AssertionError(f"the server is not ready:\n{log.read_text()}")
