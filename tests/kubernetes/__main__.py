"""What callers and visitors notice when a cluster does what clusters do: `make test-kubernetes`.

It works on the cluster of `kubectl`, in two namespaces of its own that it makes and removes, and prints a table. It
fails if a request to the API failed in any phase but the loss of a node, where those fail that were in flight on it, or
if a visitor did not get the page again. The environment may name other commands: see `cluster.Commands`.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable

from tests.kubernetes.cluster import NAMESPACE, Cluster, ClusterError, Commands, shell
from tests.kubernetes.crowd import TITLES, Crowd, Phase, crowd, quantiles

ENTRY = "app.kubernetes.io/component=server"
MODEL = "app.kubernetes.io/component=model"


class Trial:
    """One run through the phases."""

    def __init__(self, cluster: Cluster, people: Crowd, victim: str | None) -> None:
        """Args: cluster: the cluster; people: who calls; victim: a node on which they are not, if there is one."""
        self.cluster, self.people, self.victim = cluster, people, victim

    def steady(self) -> str:
        """Nothing happens."""
        time.sleep(15)
        return ""

    def rolling_update(self) -> str:
        """A new version, of which only the date is new."""
        begin = time.monotonic()
        self.cluster.ours("rollout", "restart", "deployment/classifier")
        self.cluster.ours("rollout", "status", "deployment/classifier")
        seconds = time.monotonic() - begin
        self.cluster.rolled_out()
        return f"new version after {seconds:.0f} s"

    def deleted_pod(self) -> str:
        """Somebody deletes a pod."""
        self.cluster.ours("delete", "pod", self._a_pod())
        self.cluster.rolled_out()
        return ""

    def ended_container(self) -> str:
        """The server is ended in its container, of which the cluster hears only afterwards."""
        pod = self._a_pod()
        self.cluster.ours("exec", pod, "--", "sh", "-c", "kill 1")
        self.cluster.until(
            lambda: self._restarts(pod) > 0 and self.cluster.ready(ENTRY) == 2, "the container stays away"
        )
        return ""

    def drained_node(self) -> str:
        """A node is to be repaired, and its pods go elsewhere, as the budget allows."""
        assert self.victim
        begin = time.monotonic()
        try:
            self.cluster.kubectl(
                "drain", self.victim, "--ignore-daemonsets", "--delete-emptydir-data", f"--pod-selector={ENTRY}"
            )
            seconds = time.monotonic() - begin
            self.cluster.rolled_out()
        finally:
            self.cluster.kubectl("uncordon", self.victim)
        return f"drained in {seconds:.0f} s"

    def lost_node(self) -> str:
        """A node is gone without a word."""
        assert self.victim
        commands = self.cluster.commands
        begin = time.monotonic()
        shell(commands.lose_node, NODE=self.victim)
        try:
            self.cluster.until(lambda: self._ready_elsewhere() == 2, "the lost pods are not replaced")
            seconds = time.monotonic() - begin
        finally:
            shell(commands.return_node, NODE=self.victim)
        self.cluster.rolled_out()
        return f"all pods elsewhere after {seconds:.0f} s"

    def autoscaled(self) -> str:
        """Many callers come, and go."""
        self.cluster.apply_folder("autoscale")
        begin = time.monotonic()
        self.people.be(16, self.people.visitors, pause=0.0)
        self.cluster.until(lambda: self.cluster.ready(ENTRY) > 2, "no pods are added")
        up = time.monotonic() - begin
        time.sleep(15)
        most = self.cluster.ready(ENTRY)
        begin = time.monotonic()
        self.people.be(1, self.people.visitors, pause=3.0)
        self.cluster.until(lambda: len(self.cluster.pods(ENTRY)) == 2, "no pods are taken away")
        down = time.monotonic() - begin
        self.cluster.ours("delete", "horizontalpodautoscaler", "classifier")
        self.cluster.rolled_out()
        return f"a third pod after {up:.0f} s, at most {most}; 2 again after {down:.0f} s"

    def split(self) -> str:
        """The page and the model become tiers of their own."""
        self.cluster.apply_folder("split")
        self.cluster.rolled_out()
        return ""

    def deleted_model_pod(self) -> str:
        """One of the model's pods is deleted."""
        self.cluster.ours("delete", "pod", str(self.cluster.pods(MODEL)[0]["metadata"]["name"]))
        self.cluster.rolled_out()
        return ""

    def killed_model_tier(self) -> str:
        """All of the model's pods are killed at once, and come back; nothing can be answered meanwhile."""
        begin = time.monotonic()
        self.cluster.ours("delete", "pod", "--selector", MODEL, "--grace-period=0", "--force")
        self.cluster.until(lambda: self.cluster.ready(MODEL) == 2, "the model tier stays away")
        back = time.monotonic()
        self.people.look()
        while {said for said, _, _ in self.people.look()["requests"]} != {"200"}:
            if time.monotonic() > back + 60:
                raise ClusterError("The page's tier does not find the model tier again.")
            time.sleep(2)
        return f"back after {back - begin:.0f} s"

    def spread(self) -> None:
        """Has a pod on each node again, which nothing does by itself."""
        for _ in range(5):
            if len({pod["spec"]["nodeName"] for pod in self.cluster.pods(ENTRY)}) == 2 or not self.victim:
                return
            self.cluster.ours("delete", "pod", self._a_pod())
            self.cluster.rolled_out()

    def _a_pod(self) -> str:
        return str(self.cluster.pods(ENTRY)[0]["metadata"]["name"])

    def _restarts(self, pod: str) -> int:
        (found,) = [one for one in self.cluster.pods(ENTRY) if one["metadata"]["name"] == pod]
        return sum(container["restartCount"] for container in found["status"]["containerStatuses"])

    def _ready_elsewhere(self) -> int:
        return sum(
            pod["spec"].get("nodeName") != self.victim
            and any(each["type"] == "Ready" and each["status"] == "True" for each in pod["status"]["conditions"])
            for pod in self.cluster.pods(ENTRY)
        )


def phases(trial: Trial) -> list[tuple[str, Callable[[], str], bool]]:
    """The phases: a name, what happens, and whether this cluster can do it."""
    commands = trial.cluster.commands
    try:
        trial.cluster.kubectl("top", "nodes")
        metered = True
    except ClusterError:
        metered = False
    return [
        ("nothing", trial.steady, True),
        ("rolling update", trial.rolling_update, True),
        ("deleted pod", trial.deleted_pod, True),
        ("ended container", trial.ended_container, True),
        ("drained node", trial.drained_node, bool(trial.victim)),
        ("autoscaled", trial.autoscaled, metered),
        ("lost node", trial.lost_node, bool(trial.victim and commands.lose_node and commands.return_node)),
        ("split in tiers", trial.split, True),
        ("deleted model pod", trial.deleted_model_pod, True),
        ("killed model tier", trial.killed_model_tier, True),
    ]


def throughput(trial: Trial) -> None:
    """Prints how many requests a second some replicas answer."""
    for replicas in (1, 2, 4):
        trial.cluster.ours("scale", "deployment/classifier", f"--replicas={replicas}")
        trial.cluster.rolled_out()
        trial.people.be(16, 0, pause=0.0)
        time.sleep(5)
        trial.people.begin()
        time.sleep(15)
        found = trial.people.end("")
        p50, p95 = quantiles(found.milliseconds)
        rate = found.statuses["200"] / found.seconds
        print(f"| {replicas} | {rate:.0f} | {p50:.0f} ms | {p95:.0f} ms | {found.failed} |", flush=True)
        trial.people.be(0, 0)


def wrong(found: Phase, callers: int) -> bool:
    """Whether a phase broke the promise: in flight on a lost node was at most one request of each caller."""
    if found.name == "killed model tier":
        return not found.statuses.keys() <= {"200", "503"}
    return found.failed > (callers if found.name == "lost node" else 0)


def main() -> int:
    """Runs the phases and prints the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.kubernetes", description=__doc__)
    parser.add_argument("--callers", type=int, default=4, help="callers of the API (default: 4)")
    parser.add_argument("--visitors", type=int, default=3, help="visitors of the page (default: 3)")
    parser.add_argument("--only", action="append", help="a phase to run; all if not given")
    parser.add_argument("--throughput", action="store_true", help="measure replicas instead")
    parser.add_argument("--keep", action="store_true", help="leave what was made in the cluster")
    args = parser.parse_args()
    commands = Commands.read()
    cluster = Cluster(commands)
    if commands.load_image:
        shell(f"{commands.load_image} {commands.image}")
    nodes = cluster.nodes()
    broken = []
    try:
        cluster.apply_folder("single")
        cluster.rolled_out()
        with crowd(cluster, nodes[0]) as people:
            trial = Trial(cluster, people, nodes[1] if len(nodes) > 1 else None)
            if args.throughput:
                throughput(trial)
                return 0
            print(TITLES, flush=True)
            for name, happen, possible in phases(trial):
                if args.only and name not in args.only:
                    continue
                if not possible:
                    print(f"| {name} | not possible here |", flush=True)
                    continue
                trial.spread()
                people.be(0, args.visitors)
                people.all_present()
                people.be(args.callers, args.visitors)
                time.sleep(2)
                people.begin()
                note = happen()
                found = people.end(name, note)
                print(found.row(), flush=True)
                if wrong(found, args.callers):
                    broken.append(f"{name}: {dict(found.statuses)}")
    finally:
        if not args.keep:
            cluster.kubectl("delete", "namespace", NAMESPACE, "--wait=false", "--ignore-not-found")
    for one in broken:
        print(f"BROKEN: {one}")
    return bool(broken)


if __name__ == "__main__":
    sys.exit(main())
