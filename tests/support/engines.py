"""Engines that others wrote, started for tests, each in the environment that `make test-engines` makes for it."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path

import pytest

from classifier.checkout import ROOT
from tests.support.watch import descendants

ENGINES = ROOT / "deploy/engines"
MODELS = ("efficientnet-lite0", "cifar10")


def python_of(name: str) -> Path:
    """The interpreter of an engine's environment."""
    python = Path(sys.prefix) / f"engines-{name}/bin/python"
    if not python.exists():
        pytest.skip(f"{python} is missing: `make test-engines` makes it, for Triton only where there is Python 3.12")
    return python


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on, all different."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


class Engine:
    """An engine; a second `start` after `kill` or `stop` gives it the same ports again.

    Attributes:
        name: as its folder in deploy/engines.
        http: its REST address.
        grpc: its gRPC address, `host:port`.
    """

    def __init__(self, name: str, folder: Path) -> None:
        """Args: name: as its folder in deploy/engines; folder: for its log and files."""
        self.name = name
        http, grpc, metrics = self._ports = free_ports(3)
        self.http, self.grpc = f"http://127.0.0.1:{http}", f"127.0.0.1:{grpc}"
        self.log = folder / f"{name}.log"
        self._command, self._environment, self._ready = COMMANDS[name](http, grpc, metrics, folder)
        self._process: subprocess.Popen[bytes] | None = None
        self._children: list[int] = []

    def start(self, seconds: float = 120) -> None:
        """Starts it and waits until it is ready."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, env={**os.environ, **self._environment}, cwd=ROOT, stdout=log, stderr=log
            )
        end = time.monotonic() + seconds
        while not self.ready():
            if self._process.poll() is not None or time.monotonic() > end:
                self.kill()
                pytest.fail(f"{self.name} does not start:\n{self.log.read_text()[-3000:]}")
            time.sleep(0.2)

    def ready(self) -> bool:
        """Whether it says that all its models are ready."""
        try:
            with urllib.request.urlopen(self.http + self._ready, timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def stop(self, seconds: float = 30) -> None:
        """Ends it as a container is ended, and all that it started, whatever that takes."""
        if self._process is None:
            return
        self._children = descendants(self._process.pid)
        self._process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)
        self._end()

    def kill(self) -> None:
        """Ends it and its child processes at once, as a lost machine does."""
        if self._process is None:
            return
        self._children = descendants(self._process.pid)
        self._process.kill()
        self._end()

    def _end(self) -> None:
        """Its child processes outlive it: Triton is one of PyTriton's."""
        assert self._process
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        for pid in self._children:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        self._process = None


Started = tuple[Sequence[str | Path], dict[str, str], str]


def _mlserver(http: int, grpc: int, metrics: int, folder: Path) -> Started:
    settings = {
        "PYTHONPATH": str(ENGINES / "mlserver"),
        "MLSERVER_HOST": "127.0.0.1",
        "MLSERVER_HTTP_PORT": str(http),
        "MLSERVER_GRPC_PORT": str(grpc),
        "MLSERVER_METRICS_PORT": str(metrics),
        "MLSERVER_PARALLEL_WORKERS": "0",
    }
    command: list[str | Path] = [python_of("mlserver").with_name("mlserver"), "start", ENGINES / "mlserver"]
    return command, settings, "/v2/health/ready"


def _kserve(http: int, grpc: int, _metrics: int, _folder: Path) -> Started:
    ports = ["--http_port", str(http), "--grpc_port", str(grpc)]
    return (
        [python_of("kserve"), ENGINES / "kserve/serve.py", *ports, *_packages()],
        {"PYTHONPATH": ""},
        "/v2/health/ready",
    )


def _triton(http: int, grpc: int, metrics: int, folder: Path) -> Started:
    python = python_of("triton")
    ask = "import sysconfig; print(sysconfig.get_config_var('LIBDIR'))"
    library = subprocess.run([python, "-c", ask], capture_output=True, text=True, check=True).stdout.strip()
    ports = ["--http-port", str(http), "--grpc-port", str(grpc), "--metrics-port", str(metrics)]
    settings = {"PYTHONPATH": "", "LD_LIBRARY_PATH": library, "PYTRITON_HOME": str(folder / "pytriton")}
    # The server is ready before PyTriton has bound the models, one after the other.
    return [python, ENGINES / "triton/serve.py", *ports, *_packages()], settings, f"/v2/models/{MODELS[-1]}/ready"


def _tensorflow_serving(http: int, grpc: int, _metrics: int, folder: Path) -> Started:
    stubs = Path(sys.prefix) / "engines-tensorflow-serving"
    if not (stubs / "tensorflow_serving").exists():
        pytest.skip(f"{stubs} is missing: `make test-engines` makes it")
    name = MODELS[0]
    options = {"port": grpc, "rest_api_port": http, "model_name": name, "model_base_path": folder / "models" / name}
    command = [
        sys.executable,
        "-m",
        "tests.engines.tensorflow_serving",
        *(f"--{key}={value}" for key, value in options.items()),
    ]
    return command, {"PYTHONPATH": f"{ROOT}{os.pathsep}{stubs}", "TF_CPP_MIN_LOG_LEVEL": "3"}, f"/v1/models/{name}"


def _packages() -> list[Path]:
    return [ROOT / "model" / name for name in MODELS]


COMMANDS = {"mlserver": _mlserver, "kserve": _kserve, "triton": _triton, "tensorflow_serving": _tensorflow_serving}
"""How each is started on three ports, for which the last says where it tells that it is ready."""
