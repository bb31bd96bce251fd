"""Nodes of a Ray cluster on this machine: each in a network and with processes of its own, and held to a part of a CPU.

A namespace in the middle connects them, as a switch does; the callers are in it, too. Docker's filters, which are in
the machine's own namespace, are not on the way. It takes root.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from classifier.checkout import ROOT

PERIOD = 100_000
"""Microseconds: of each such time, a node may use its part."""

PORT, DASHBOARD, SERVE = 6379, 8265, 8000
PATIENCE = 600.0
_VERSION_2 = Path("/sys/fs/cgroup/cgroup.controllers").exists()
_NAMES = f"ray{os.getpid()}"  # of network namespaces and control groups, for several runs at a time


class RayError(Exception):
    """Something did not happen; the message says what."""


def run(*command: str | Path, env: Mapping[str, str] | None = None, check: bool = True) -> str:
    """What a command prints."""
    done = subprocess.run(command, capture_output=True, text=True, env=env, cwd=ROOT, timeout=PATIENCE)
    if check and done.returncode:
        raise RayError(f"{' '.join(map(str, command))}: {(done.stderr or done.stdout)[-2000:]}")
    return done.stdout


def until(condition: Callable[[], bool], otherwise: str, seconds: float = PATIENCE) -> float:
    """Waits for a condition; returns how many seconds it took."""
    begin = time.monotonic()
    while not condition():
        if time.monotonic() > begin + seconds:
            raise RayError(f"{otherwise} after {seconds:.0f} s")
        time.sleep(0.3)
    return time.monotonic() - begin


class Network:
    """The namespace in the middle."""

    name = _NAMES

    def __init__(self) -> None:
        """Makes it."""
        run("ip", "netns", "add", self.name)
        self.inside("ip", "link", "set", "lo", "up")
        self.inside("sysctl", "-qw", "net.ipv4.ip_forward=1")

    def inside(self, *command: str) -> str:
        """What a command prints there."""
        return run("nsenter", f"--net=/run/netns/{self.name}", *command)

    def connect(self, name: str, number: int) -> str:
        """Makes a namespace that is connected with this one; returns its address."""
        here, there = f"{name}a", f"{name}b"
        run("ip", "netns", "add", name)
        self.inside("ip", "link", "add", here, "type", "veth", "peer", "name", there, "netns", name)
        self.inside("ip", "address", "add", f"10.213.{number}.1/24", "dev", here)
        self.inside("ip", "link", "set", here, "up")
        address = f"10.213.{number}.2"
        for command in (
            ("link", "set", "lo", "up"),
            ("address", "add", f"{address}/24", "dev", there),
            ("link", "set", there, "up"),
            ("route", "add", "default", "via", f"10.213.{number}.1"),
        ):
            run("nsenter", f"--net=/run/netns/{name}", "ip", *command)
        return address

    def cable(self, name: str, state: str) -> None:
        """Pulls a node's cable, "down", or plugs it in, "up"."""
        self.inside("ip", "link", "set", f"{name}a", state)

    def remove(self) -> None:
        """Removes it."""
        run("ip", "netns", "del", self.name, check=False)


class Node:
    """One node.

    Attributes:
        address: its address.
    """

    def __init__(self, network: Network, number: int, folder: Path, environment: Mapping[str, str]) -> None:
        """Prepares it.

        Args:
            network: which it is connected to.
            number: from 1 on; the first is the head.
            folder: for Ray's files.
            environment: variables, with Ray's environment in PATH.
        """
        self.name = f"{_NAMES}n{number}"
        self.address = network.connect(self.name, number)
        self._network, self._folder, self._environment = network, folder, environment
        self._head = number == 1
        self._process: subprocess.Popen[bytes] | None = None
        self._groups = [self._group("cpu"), *([] if _VERSION_2 else [self._group("cpuacct")])]
        for group in self._groups:
            group.mkdir(exist_ok=True)

    def start(self, head: str) -> None:
        """Starts Ray, for one replica, or none on the head, whose address is given."""
        self.limit(None)  # starting takes all CPUs there are for a moment, which is not what is tried here
        options = ["--head", f"--port={PORT}", "--dashboard-host=0.0.0.0", f"--temp-dir={self._folder}"]
        log = (self._folder.parent / f"{self.name}.log").open("ab")
        join = "; ".join(f"echo $$ > {group}/cgroup.procs" for group in self._groups)
        self._process = subprocess.Popen(
            [
                # Before what else runs here: Ray gives up on a node a part of which takes 15 s to start.
                *("nice", "-n", "-5", "nsenter", f"--net=/run/netns/{self.name}"),
                # The first process of a namespace takes all others with it when it is killed.
                *("unshare", "--pid", "--fork", "--kill-child", "--mount-proc"),
                *("sh", "-c", f'{join}; exec "$@"', "node", "ray", "start", "--block"),
                *(options if self._head else [f"--address={head}:{PORT}"]),
                *(
                    f"--node-ip-address={self.address}",
                    f"--num-cpus={int(not self._head)}",
                    "--object-store-memory=80000000",
                ),
            ],
            env=dict(self._environment),
            cwd=ROOT,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        log.close()

    def limit(self, cpus: float | None) -> None:
        """Holds the node to a part of a CPU, or no longer."""
        quota = round(cpus * PERIOD) if cpus else None
        if _VERSION_2:
            (self._groups[0] / "cpu.max").write_text(f"{quota or 'max'} {PERIOD}")
        else:
            (self._groups[0] / "cpu.cfs_period_us").write_text(str(PERIOD))
            (self._groups[0] / "cpu.cfs_quota_us").write_text(str(quota or -1))

    def used(self) -> float:
        """CPU seconds of all its processes so far."""
        if _VERSION_2:
            lines = (self._groups[0] / "cpu.stat").read_text().split()
            return int(lines[lines.index("usage_usec") + 1]) / 1e6
        return int((self._groups[1] / "cpuacct.usage").read_text()) / 1e9

    def replicas(self) -> list[int]:
        """The processes of its replicas."""
        found = []
        for pid in self._processes():
            try:
                title = Path(f"/proc/{pid}/cmdline").read_bytes()
            except OSError:
                continue
            if title.startswith(b"ray::ServeReplica"):
                found.append(pid)
        return found

    def kill(self, unplugged: bool = False) -> None:
        """Kills everything of it at once, as a power failure would, which also takes its network."""
        if unplugged:
            self._network.cable(self.name, "down")
        until(self._all_killed, f"{self.name} has processes")
        if self._process:
            self._process.wait()
        if unplugged:
            self._network.cable(self.name, "up")

    def remove(self) -> None:
        """Ends and removes it."""
        self.limit(None)
        self.kill()
        for group in self._groups:
            group.rmdir()
        run("ip", "netns", "del", self.name, check=False)

    def _processes(self) -> list[int]:
        return [int(pid) for pid in (self._groups[0] / "cgroup.procs").read_text().split()]

    def _all_killed(self) -> bool:
        # The first one, which takes the others with it, is the first to be listed.
        for pid in (found := self._processes()):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return not found

    def _group(self, controller: str) -> Path:
        folder = Path("/sys/fs/cgroup") if _VERSION_2 else Path("/sys/fs/cgroup", controller)
        return folder / self.name
