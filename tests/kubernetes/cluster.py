"""A cluster, by whatever command stands for kubectl, and our Deployments in it."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path("tests/kubernetes")
"""From the checkout's root, in which this runs: a command that stands for kubectl may see nothing else."""

NAMESPACE = "image-classifier-test"
CALLERS = "image-classifier-callers"
SERVER = "app.kubernetes.io/name=image-classifier"
DEFAULT_IMAGE = "image-classifier:edge"
PATIENCE = 300.0


class ClusterError(Exception):
    """A command failed; the message is what it printed."""


@dataclass(frozen=True)
class Commands:
    """What the environment says about the cluster."""

    kubectl: str = "kubectl"
    """KUBECTL: the command for the cluster."""
    manifest_filter: str = ""
    """MANIFEST_FILTER: rewrites manifests for a cluster that does not know all of them, standard input to output."""
    image: str = DEFAULT_IMAGE
    """IMAGE: the image to try."""
    load_image: str = ""
    """LOAD_IMAGE: brings an image, whose name follows, to the nodes."""
    lose_node: str = ""
    """LOSE_NODE: cuts the node $NODE off, as a power failure would."""
    return_node: str = ""
    """RETURN_NODE: undoes that."""

    @classmethod
    def read(cls) -> Commands:
        """Those of the environment."""
        given = {name: os.environ.get(name.upper(), "") for name in cls.__dataclass_fields__}
        return cls(**{name: value for name, value in given.items() if value})


def shell(command: str, data: str | None = None, **variables: str) -> str:
    """What a command prints."""
    ended = subprocess.run(
        command,
        shell=True,
        input=data,
        capture_output=True,
        text=True,
        timeout=2 * PATIENCE,
        env={**os.environ, **variables},
    )
    if ended.returncode:
        raise ClusterError(f"{command}: {ended.stderr.strip() or ended.stdout.strip()}")
    return ended.stdout


class Cluster:
    """The cluster."""

    def __init__(self, commands: Commands) -> None:
        """Args: commands: how to reach it."""
        self.commands = commands

    def kubectl(self, *arguments: str, data: str | None = None) -> str:
        """What kubectl prints."""
        return shell(f"{self.commands.kubectl} {shlex.join(arguments)}", data)

    def ours(self, *arguments: str) -> str:
        """The same in the namespace of what is tried."""
        return self.kubectl("--namespace", NAMESPACE, *arguments)

    def apply(self, manifests: str) -> None:
        """Applies manifests, with the image to try."""
        manifests = manifests.replace(DEFAULT_IMAGE, self.commands.image)
        if self.commands.manifest_filter:
            manifests = shell(self.commands.manifest_filter, manifests)
        self.kubectl("apply", "--filename", "-", data=manifests)

    def apply_folder(self, name: str) -> None:
        """Applies one of the kustomizations beside this."""
        self.apply(self.kubectl("kustomize", str(FOLDER / name)))

    def get(self, *arguments: str) -> list[dict[str, Any]]:
        """Objects of the namespace."""
        found: list[dict[str, Any]] = json.loads(self.ours("get", *arguments, "--output", "json"))["items"]
        return found

    def pods(self, selector: str = SERVER) -> list[dict[str, Any]]:
        """Our pods."""
        return self.get("pods", "--selector", selector)

    def ready(self, selector: str = SERVER) -> int:
        """How many of our pods are ready, and not ending."""
        return sum(
            any(condition["type"] == "Ready" and condition["status"] == "True" for condition in _conditions(pod))
            for pod in self.pods(selector)
            if "deletionTimestamp" not in pod["metadata"]
        )

    def nodes(self) -> list[str]:
        """The nodes on which pods may run."""
        nodes = json.loads(self.kubectl("get", "nodes", "--output", "json"))["items"]
        return [
            node["metadata"]["name"]
            for node in nodes
            if not any(taint["effect"] != "PreferNoSchedule" for taint in node["spec"].get("taints", []))
        ]

    def rolled_out(self) -> None:
        """Waits until all Deployments are as they should be, and the pods that had to go are gone."""
        for deployment in self.get("deployments"):
            name = deployment["metadata"]["name"]
            self.ours("rollout", "status", f"deployment/{name}", f"--timeout={PATIENCE:.0f}s")
        self.until(lambda: all("deletionTimestamp" not in pod["metadata"] for pod in self.pods()), "old pods stay")

    def until(self, condition: Callable[[], bool], otherwise: str, seconds: float = PATIENCE) -> None:
        """Waits for a condition."""
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end:
                raise ClusterError(f"{otherwise} after {seconds:.0f} s\n{self.ours('get', 'pods', '--output', 'wide')}")
            time.sleep(0.5)


def _conditions(pod: dict[str, Any]) -> list[dict[str, str]]:
    found: list[dict[str, str]] = pod["status"].get("conditions", [])
    return found
