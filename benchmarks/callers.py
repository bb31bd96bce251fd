"""Callers of a server, each with a connection that it keeps, and the servers of others that they are compared on."""

from __future__ import annotations

import http.client
import json
import os
import random
import signal
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from classifier.checkout import ROOT

PEERS = Path(sys.prefix) / "peers/bin/python"
"""The interpreter of the peers' environment, which `make bench` makes."""

_BOUNDARY = b"picture-boundary"
_TYPE = {"Content-Type": f"multipart/form-data; boundary={_BOUNDARY.decode()}"}

Ask = Callable[[http.client.HTTPConnection, bytes], bytes]
"""Sends a picture and returns the answer."""


@dataclass(frozen=True)
class Load:
    """What callers saw.

    Attributes:
        rate: pictures a second, median over the rounds.
        waited: ms that each picture took, sorted.
        cpu: seconds of CPU that the server took for 1,000 pictures, median over the rounds.
    """

    rate: float
    waited: list[float] = field(repr=False)
    cpu: float

    def percentile(self, share: float) -> float:
        """The wait in ms that such a share of the pictures did not exceed."""
        return self.waited[min(len(self.waited) - 1, int(len(self.waited) * share))]


@dataclass(frozen=True)
class Server:
    """A server that runs: its process, its port, and how a picture is sent to it."""

    pid: int
    port: int
    ask: Ask

    def call(self, picture: bytes, callers: int, count: int) -> tuple[float, list[float]]:
        """`callers` callers send `count` pictures together; returns the seconds, and the ms of each."""

        def one(_: int) -> list[float]:
            connection = http.client.HTTPConnection("127.0.0.1", self.port)
            waited = []
            for _ in range(count // callers):
                start = time.perf_counter()
                self.ask(connection, picture)
                waited.append((time.perf_counter() - start) * 1000)
            connection.close()
            return waited

        start = time.perf_counter()
        with ThreadPoolExecutor(callers) as pool:
            waited = [one for some in pool.map(one, range(callers)) for one in some]
        return time.perf_counter() - start, waited


def in_turn(servers: Mapping[str, Server], picture: bytes, callers: int, count: int, rounds: int) -> dict[str, Load]:
    """Loads one server after the other, in random order in each round, after a round that does not count."""
    rates: dict[str, list[float]] = {name: [] for name in servers}
    waited: dict[str, list[float]] = {name: [] for name in servers}
    cpu: dict[str, list[float]] = {name: [] for name in servers}
    order = random.Random(0)  # noqa: S311  (no secret)
    for number in range(rounds + 1):
        for name in order.sample(list(servers), len(servers)):
            before = cpu_seconds(servers[name].pid)
            seconds, each = servers[name].call(picture, callers, count)
            if number:
                rates[name].append(len(each) / seconds)
                waited[name] += each
                cpu[name].append((cpu_seconds(servers[name].pid) - before) / len(each) * 1000)
    return {
        name: Load(statistics.median(rates[name]), sorted(waited[name]), statistics.median(cpu[name]))
        for name in servers
    }


def cpu_seconds(pid: int) -> float:
    """Seconds of CPU that a process and its descendants have taken, those that have ended included."""
    total = 0
    for process in _tree(pid):
        try:
            fields = Path(f"/proc/{process}/stat").read_text().rpartition(") ")[2].split()
        except OSError:
            continue
        total += sum(map(int, fields[11:15]))  # utime, stime, and those of children that were waited for
    return total / os.sysconf("SC_CLK_TCK")


def memory(pid: int) -> float:
    """MB that a process and its descendants take, what they share counted once."""
    total = 0
    for process in _tree(pid):
        try:
            lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total / 1000


def _tree(pid: int) -> Iterator[int]:
    yield pid
    for file in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            children = file.read_text().split()
        except OSError:
            continue
        for child in children:
            yield from _tree(int(child))


def ask_by_form(path: str) -> Ask:
    """A picture as the file of a form, as `curl -F file=@photo.jpg` sends it."""

    def ask(connection: http.client.HTTPConnection, picture: bytes) -> bytes:
        return _post(connection, path, _form("file", picture), _TYPE)

    return ask


def ask_gradio(connection: http.client.HTTPConnection, picture: bytes) -> bytes:
    """As Gradio's client does: the file, then the call, then the stream of its events until it is complete."""
    (path,) = json.loads(_post(connection, "/gradio_api/upload", _form("files", picture), _TYPE))
    data = {"data": [{"path": path, "meta": {"_type": "gradio.FileData"}}]}
    call = "/gradio_api/call/classify"
    event = json.loads(_post(connection, call, json.dumps(data).encode(), {"Content-Type": "application/json"}))
    connection.request("GET", f"{call}/{event['event_id']}")
    answer = connection.getresponse().read()
    if b"event: complete" not in answer:
        raise AssertionError(answer)
    return answer


def _form(name: str, picture: bytes) -> bytes:
    head = f'Content-Disposition: form-data; name="{name}"; filename="photo.jpg"\r\nContent-Type: image/jpeg\r\n\r\n'
    return b"--" + _BOUNDARY + b"\r\n" + head.encode() + picture + b"\r\n--" + _BOUNDARY + b"--\r\n"


def _post(connection: http.client.HTTPConnection, path: str, body: bytes, headers: dict[str, str]) -> bytes:
    connection.request("POST", path, body, headers)
    response = connection.getresponse()
    answer = response.read()
    if response.status != 200:
        raise AssertionError(answer)
    return answer


ASKS: dict[str, Ask] = {
    "fastapi": ask_by_form("/classify"),
    "litserve": ask_by_form("/classify"),
    "gradio": ask_gradio,
}
"""How each peer is asked, by the name of its file in benchmarks/peers."""


def version(name: str) -> str:
    """A peer's name with its version, for people."""
    code = f"import importlib.metadata as m; print(m.version({name!r}))"
    found = subprocess.run([PEERS, "-c", code], capture_output=True, text=True, check=True)
    return f"{ {'fastapi': 'FastAPI', 'litserve': 'LitServe', 'gradio': 'Gradio'}[name] } {found.stdout.strip()}"


@contextmanager
def peer(name: str) -> Iterator[Server]:
    """Runs the peer in `benchmarks/peers/NAME_app.py` until it is no longer needed."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [PEERS, ROOT / f"benchmarks/peers/{name}_app.py", str(port)],
        env={**os.environ, "GRADIO_ANALYTICS_ENABLED": "False"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # LitServe's processes outlive their parent
    )
    try:
        while not _answers(port):
            if process.poll() is not None:
                raise RuntimeError(f"benchmarks/peers/{name}_app.py has ended")
            time.sleep(0.2)
        yield Server(process.pid, port, ASKS[name])
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/")
        return connection.getresponse().status < 500
    except OSError:
        return False
    finally:
        connection.close()
