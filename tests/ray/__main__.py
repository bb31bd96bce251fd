"""What callers notice when a Ray cluster does what clusters do: `make test-ray`.

Four nodes on this machine, each held to half a CPU, serve deploy/ray/application.py: a head, and three with a replica
each. Prints how throughput grows with the replicas, and a table of what came of the requests while replicas and nodes
were killed, the model was changed, and the deployment grew and shrank. Fails if a request failed. It takes root, to
make the nodes; see `nodes`.
"""

from __future__ import annotations

import argparse
import os
import platform
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from PIL import Image

from classifier.checkout import ROOT
from tests.kubernetes.crowd import Crowd, Phase, quantiles
from tests.ray.cluster import CPUS, NODES, Cluster
from tests.ray.nodes import SERVE, Network, until
from tests.support.photos import photo

CALLERS = 8
MODEL, OTHER = "efficientnet-lite0", "efficientnet-lite2"
FAST = {
    "min_replicas": 1,
    "max_replicas": NODES,
    "target_ongoing_requests": 2,
    "upscale_delay_s": 3,
    "downscale_delay_s": 10,
    "metrics_interval_s": 1,
    "look_back_period_s": 4,
}
"""Autoscaling for who does not want to wait."""

TITLES = "| phase | lasted | requests | failed | p50 | p95 | longest | |\n|---|---|---|---|---|---|---|---|"


class Trial:
    """One run through the phases."""

    def __init__(self, cluster: Cluster, callers: Crowd, rounds: int, seconds: float) -> None:
        """Args: cluster, callers: who call it; rounds, seconds: of the measurement of throughput."""
        self.cluster, self.callers = cluster, callers
        self.rounds, self.seconds = rounds, seconds
        self.broken: list[str] = []

    def throughput(self) -> None:
        """How many requests are answered with one, two and three replicas, each on a node of its own."""
        found: dict[int, list[float]] = {count: [] for count in range(1, NODES + 1)}
        used: dict[int, list[tuple[float, float]]] = {count: [] for count in found}
        for _ in range(self.rounds):
            for count in found:
                self.cluster.fixed(MODEL, count)
                self.callers.be(CALLERS, 0, pause=0)
                time.sleep(2)
                before = self._used()
                self.callers.begin()
                time.sleep(self.seconds)
                phase = self.callers.end(f"{count} replicas")
                after = self._used()
                self.callers.be(0, 0)
                self._check(phase)
                found[count].append(phase.statuses["200"] / phase.seconds)
                head, nodes = ((end - begin) / phase.seconds for begin, end in zip(before, after, strict=True))
                used[count].append((head, nodes))
        print("| replicas | requests per second | of linear growth | CPUs used by the head | by the other nodes |")
        print("|---|---|---|---|---|")
        base = statistics.median(found[1])
        for count, values in found.items():
            rate = statistics.median(values)
            head, nodes = (statistics.median(column) for column in zip(*used[count], strict=True))
            spread = f"{min(values):.1f} to {max(values):.1f}"
            cells = [count, f"{rate:.1f} ({spread})", f"{rate / base / count:.0%}", f"{head:.2f}", f"{nodes:.2f}"]
            print(f"| {' | '.join(map(str, cells))} |")
        print(flush=True)

    def _used(self) -> tuple[float, float]:
        return self.cluster.head.used(), sum(node.used() for node in self.cluster.nodes)

    def phase(self, name: str, happen: Callable[[], str], callers: int = 4, pause: float = 0.02) -> None:
        """Runs one phase under load, and prints its row."""
        self.callers.be(callers, 0, pause=pause)
        time.sleep(3)
        self.callers.begin()
        note = happen()
        phase = self.callers.end(name, note)
        self.callers.be(0, 0)
        p50, p95 = quantiles(phase.milliseconds)
        cells = [name, f"{phase.seconds:.0f} s", phase.sent, phase.failed, f"{p50:.0f} ms", f"{p95:.0f} ms"]
        cells += [f"{max(phase.milliseconds, default=0) / 1000:.1f} s", note]
        print(f"| {' | '.join(map(str, cells))} |", flush=True)
        self._check(phase)

    def steady(self) -> str:
        """Nothing happens."""
        time.sleep(15)
        return ""

    def killed_replica(self) -> str:
        """A replica is killed, and another one when it is replaced."""
        for node in self.cluster.nodes:
            (pid,) = node.replicas()
            os.kill(pid, signal.SIGKILL)
            time.sleep(2)
            self.cluster.settled(NODES)
        return f"{NODES} times, one of {NODES}"

    def killed_node(self) -> str:
        """All processes of a node are killed."""
        return self._lose(unplugged=False)

    def lost_node(self) -> str:
        """A node is gone, and its network with it: nobody says that connections are closed."""
        return self._lose(unplugged=True)

    def _lose(self, unplugged: bool) -> str:
        node = self.cluster.nodes[-1]
        node.kill(unplugged)
        time.sleep(15)
        return f"one of {NODES}; back with its replica {self.cluster.restart(node):.0f} s after it was started again"

    def other_model(self) -> str:
        """The configuration names another model."""
        return f"all replaced after {self.cluster.fixed(OTHER, NODES):.0f} s"

    def autoscaled(self) -> str:
        """Many callers come, and go."""
        up = until(lambda: len(self.cluster.states()) == NODES, "no replicas are added")
        time.sleep(10)
        self.callers.be(1, 0, pause=1.0)
        down = until(lambda: len(self.cluster.states()) == 1, "no replicas are taken away")
        return f"1 replica to {NODES} in {up:.0f} s; back to 1 in {down:.0f} s after the callers went"

    def all(self, only: list[str]) -> None:
        """All phases, or those of these names."""
        if not only or "throughput" in only:
            self.throughput()
        print(TITLES, flush=True)
        for name, happen in {
            "nothing happens": self.steady,
            "replica killed": self.killed_replica,
            "node killed": self.killed_node,
            "node lost with its network": self.lost_node,
            "another model": self.other_model,
        }.items():
            if not only or name in only:
                self.phase(name, happen)
        if not only or "autoscaled" in only:
            self.cluster.fixed(MODEL, 1)
            self.cluster.deploy(MODEL, autoscaling_config=FAST)
            self.cluster.settled(1)
            self.phase("autoscaled", self.autoscaled, callers=CALLERS, pause=0)

    def _check(self, phase: Phase) -> None:
        if phase.failed or phase.refused or not phase.sent:
            self.broken.append(f"{phase.name}: {dict(phase.statuses)}, {phase.refused} connections refused")


@contextmanager
def calling(network: Network, cluster: Cluster, folder: Path) -> Iterator[Crowd]:
    """The callers, none at first."""
    picture = folder / "photo.jpg"
    with Image.open(photo("dog.webp")) as image:
        image.convert("RGB").resize((640, 480)).save(picture, quality=85)
    script = ROOT / "tests/kubernetes/callers.py"
    command = [sys.executable, str(script), f"{cluster.head.address}:{SERVE}", str(picture)]
    process = subprocess.Popen(
        ["nsenter", f"--net=/run/netns/{network.name}", *command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    with process:
        yield Crowd(process)
        process.kill()


def main() -> int:
    """Runs the phases; returns 1 if a request failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.ray", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="of the measurement of throughput")
    parser.add_argument("--seconds", type=float, default=10, help="of each part of such a round")
    parser.add_argument("--only", action="append", default=[], help="phases, by their names in the table")
    options = parser.parse_args()
    if os.geteuid():
        sys.exit("This makes network namespaces and control groups, so it has to run as root.")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the nodes are removed
    load = os.getloadavg()[0]
    print(f"{os.cpu_count()} CPUs, load {load:.1f} before; Python {platform.python_version()}; ", end="")
    print(
        f"a head and {NODES} nodes, {CPUS:g} CPUs each; {MODEL}, a JPEG of 640 x 480, {CALLERS} callers\n", flush=True
    )
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ray", ignore_cleanup_errors=True)))
        network = Network()
        stack.callback(network.remove)
        cluster = Cluster(network, folder)
        for node in (cluster.head, *cluster.nodes):
            stack.callback(node.remove)
        cluster.start(MODEL)
        trial = Trial(cluster, stack.enter_context(calling(network, cluster, folder)), options.rounds, options.seconds)
        trial.all(options.only)
    print(f"\nload {os.getloadavg()[0]:.1f} after")
    for one in trial.broken:
        print(f"BROKEN: {one}")
    return bool(trial.broken)


if __name__ == "__main__":
    sys.exit(main())
