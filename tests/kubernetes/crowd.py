"""The callers and visitors in their pod, and what came of their requests and visits in each phase."""

from __future__ import annotations

import json
import shlex
import statistics
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tests.kubernetes.cluster import CALLERS, FOLDER, PATIENCE, Cluster, ClusterError

PICTURE = "/app/web/page/samples/koala.webp"


@dataclass(frozen=True)
class Phase:
    """What came of one phase."""

    name: str
    seconds: float
    statuses: Counter[str]
    milliseconds: list[float]
    """Of the requests that were answered."""
    refused: int
    """Connections that could not be made at first."""
    gaps: list[float]
    """Seconds that visitors were without the page, once they had it again."""
    note: str = ""

    @property
    def sent(self) -> int:
        """Requests."""
        return sum(self.statuses.values())

    @property
    def failed(self) -> int:
        """Requests without a result."""
        return self.sent - self.statuses["200"]

    def row(self) -> str:
        """The phase as a row of the table."""
        p50, p95 = quantiles(self.milliseconds)
        cut = f"{len(self.gaps)} for at most {max(self.gaps):.1f} s" if self.gaps else "0"
        cells = [
            self.name,
            f"{self.seconds:.0f} s",
            self.sent,
            self.failed,
            self.refused,
            f"{p50:.0f} ms",
            f"{p95:.0f} ms",
        ]
        return f"| {' | '.join(map(str, [*cells, cut, self.note]))} |"


TITLES = """\
| phase | lasted | sent | failed | refused | p50 | p95 | visits cut off | |
|---|---|---|---|---|---|---|---|---|"""


def quantiles(values: list[float]) -> tuple[float, float]:
    """The median, and what 95 of 100 are below."""
    if len(values) < 2:
        return (values * 2 or [float("nan")] * 2)[0], (values or [float("nan")])[-1]
    return statistics.median(values), statistics.quantiles(values, n=20)[-1]


class Crowd:
    """Callers and visitors; see `callers.py`, which runs in the pod."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.callers = self.visitors = 0
        self._begin = time.monotonic()
        self._requests: list[tuple[str, float, int]] = []
        self._gaps: list[float] = []

    def be(self, callers: int, visitors: int, pause: float = 0.1) -> dict[str, Any]:
        """Says how many there are from now on; returns what came of the time before."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        self.callers, self.visitors, self._pause = callers, visitors, pause
        stdin.write(json.dumps({"callers": callers, "visitors": visitors, "pause": pause}) + "\n")
        stdin.flush()
        line = stdout.readline()
        if not line:
            raise ClusterError("The callers have ended; see what they printed above.")
        found: dict[str, Any] = json.loads(line)
        self._requests += found["requests"]
        self._gaps += found["gaps"]
        return found

    def look(self) -> dict[str, Any]:
        """What came of the time since this was last asked, while everybody goes on."""
        return self.be(self.callers, self.visitors, self._pause)

    def all_present(self) -> None:
        """Waits until each visitor has the page."""
        end = time.monotonic() + PATIENCE
        while self.look()["present"] < self.visitors:
            if time.monotonic() > end:
                raise ClusterError("Not all visitors have the page.")
            time.sleep(0.5)

    def begin(self) -> None:
        """Begins a phase."""
        self.look()
        self._requests, self._gaps = [], []
        self._begin = time.monotonic()

    def end(self, name: str, note: str = "") -> Phase:
        """Ends a phase."""
        seconds = time.monotonic() - self._begin
        self.look()
        requests = list(self._requests)
        self.all_present()  # a visitor who is still without the page gets it, or this fails
        return Phase(
            name,
            seconds,
            Counter(said for said, _, _ in requests),
            [milliseconds for said, milliseconds, _ in requests if said == "200"],
            sum(refused for _, _, refused in requests),
            self._gaps,
            note,
        )


@contextmanager
def crowd(cluster: Cluster, node: str) -> Iterator[Crowd]:
    """Callers and visitors on a node, none of either at first."""
    cluster.kubectl("delete", "namespace", CALLERS, "--ignore-not-found", "--wait")
    cluster.kubectl("create", "namespace", CALLERS)
    code = f"--from-file={FOLDER / 'callers.py'}"
    cluster.kubectl("--namespace", CALLERS, "create", "configmap", "callers", code)
    cluster.apply((FOLDER / "callers.yaml").read_text().replace("NODE", node))
    cluster.kubectl(
        "--namespace", CALLERS, "wait", "--for=condition=Ready", "pod/callers", f"--timeout={PATIENCE:.0f}s"
    )
    service = json.loads(cluster.ours("get", "service", "classifier", "--output", "json"))["spec"]
    place = f"{service['clusterIP']}:{service['ports'][0]['port']}"
    command = ["exec", "--stdin", "--namespace", CALLERS, "callers", "--", "python", "-u", "/code/callers.py"]
    process = subprocess.Popen(
        [*shlex.split(cluster.commands.kubectl), *command, place, PICTURE],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield Crowd(process)
    finally:
        process.terminate()
        process.wait(30)
        cluster.kubectl("delete", "namespace", CALLERS, "--wait=false")
