"""A Ray cluster of a head and three nodes with replicas, and the shipped configuration on it."""

from __future__ import annotations

import json
import os
import secrets
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import yaml

from classifier.checkout import ROOT
from tests.ray.nodes import DASHBOARD, PATIENCE, Network, Node, RayError, run, until
from tests.support.ray import serve_env

NODES = 3
"""With a replica each; the head has none, as is advised where a cluster has more than one node."""

CPUS = 0.5
"""Of each node, also of the head."""

APPLICATION = "image-classifier"
TRIES = 4


PATIENT = {
    "RAY_raylet_start_wait_time_s": "240",
    "RAY_agent_register_timeout_ms": "240000",
    "RAY_SERVE_PROXY_READY_CHECK_TIMEOUT_S": "60",
    "RAY_SERVE_PROXY_HEALTH_CHECK_TIMEOUT_S": "30",
    "RAY_worker_niceness": "0",
}
"""Others use this machine, too: what takes long is not dead, and gets its turn."""


def environment(**variables: str) -> dict[str, str]:
    """Where Ray's commands are found, what deploy/ray/serve.env says, and these variables."""
    return {
        **os.environ,
        "PATH": f"{Path(sys.prefix, 'ray/bin')}{os.pathsep}{os.environ['PATH']}",  # made by `make test-ray`
        "PYTHONPATH": str(ROOT),
        **serve_env(),
        **PATIENT,
        **variables,
    }


class Cluster:
    """The nodes, and what is deployed on them."""

    def __init__(self, network: Network, folder: Path) -> None:
        """Args: network: that connects the nodes; folder: for Ray's files and logs."""
        self._network, self._folder = network, folder
        self._token = secrets.token_hex(32)
        self._environment = environment(
            RAY_AUTH_TOKEN=self._token,
            # A test does not wait for as long as a network that spans buildings.
            RAY_SERVE_HAPROXY_TIMEOUT_SERVER_S="10",
            RAY_SERVE_DIRECT_INGRESS_MIN_DRAINING_PERIOD_S="3",
        )
        files = folder / "r"
        files.mkdir()
        self.head, *self.nodes = (Node(network, number, files, self._environment) for number in range(1, NODES + 2))
        """The head, whose HAProxy the callers know, and the nodes with replicas."""

    def start(self, model: str) -> None:
        """Starts all nodes, each with a replica, and holds each to its part of a CPU.

        Only then, as Ray kills what takes long to start: on half a CPU, a head does not come up.
        """
        for number, node in enumerate([self.head, *self.nodes], 1):
            self._start(node, number)
        self.fixed(model, NODES)
        for node in (self.head, *self.nodes):
            node.limit(CPUS)

    def restart(self, node: Node) -> float:
        """Starts a node that was killed, and waits for its replica; returns how many seconds that took."""
        begin = time.monotonic()
        self._start(node, NODES + 1)
        self.settled(NODES)
        node.limit(CPUS)
        return time.monotonic() - begin

    def deploy(self, model: str, **deployment: Any) -> None:
        """Deploys the shipped configuration with some changes, and does not wait for what comes of it.

        Args:
            model: the default model.
            deployment: options of the deployment; None to leave one out.
        """
        config = yaml.safe_load((ROOT / "deploy/ray/config.yaml").read_text())
        (application,) = config["applications"]
        application["runtime_env"]["env_vars"]["CLASSIFIER_MODEL"] = model
        (about,) = application["deployments"]
        assert about["ray_actor_options"] == {"num_cpus": 1}  # so that each node takes one
        about.update(deployment)
        application["deployments"] = [{name: value for name, value in about.items() if value is not None}]
        file = self._folder / "config.yaml"
        file.write_text(yaml.safe_dump(config))
        self._in_network("serve", "deploy", "--address", f"http://{self.head.address}:{DASHBOARD}", str(file))

    def fixed(self, model: str, replicas: int) -> float:
        """Deploys so many replicas and waits until they run; returns how many seconds that took."""
        begin = time.monotonic()
        self.deploy(model, num_replicas=replicas, autoscaling_config=None)
        self.settled(replicas)
        return time.monotonic() - begin

    def settled(self, replicas: int) -> float:
        """Waits until so many replicas run and no others are there; returns how many seconds that took."""
        time.sleep(1)  # for what was deployed to begin
        return until(lambda: self.states() == ["RUNNING"] * replicas, f"there are not {replicas} replicas")

    def states(self) -> list[str]:
        """The states of all replicas; none while a change is on the way."""
        found = self._ask("/api/serve/applications/")
        application = found.get("applications", {}).get(APPLICATION, {})
        proxies = {proxy["status"] for proxy in found.get("proxies", {}).values()}
        if application.get("status") != "RUNNING" or not proxies <= {"HEALTHY", "DRAINING"}:  # where no replica is
            return []
        (deployment,) = application["deployments"].values()
        return [replica["state"] for replica in deployment["replicas"]] if deployment["status"] == "HEALTHY" else []

    def _start(self, node: Node, count: int) -> None:
        """Starts a node, with which there are so many; Ray gives up after 15 s of waiting for a part of its own."""
        for _ in range(TRIES):
            node.start(self.head.address)
            with suppress(RayError):
                until(lambda: self._alive() == count, "", PATIENCE / TRIES)
                return
            node.kill()
        raise RayError(f"there are not {count} nodes")

    def _alive(self) -> int:
        nodes = self._ask("/api/v0/nodes").get("data", {}).get("result", {}).get("result", [])
        return sum(node["state"] == "ALIVE" for node in nodes)

    def _ask(self, path: str) -> dict[str, Any]:
        """What the head says, nothing if it says nothing now."""
        address = f"http://{self.head.address}:{DASHBOARD}{path}"
        try:
            found: dict[str, Any] = json.loads(
                self._in_network("curl", "-sf", "-m", "10", "-H", f"Authorization: Bearer {self._token}", address)
            )
        except (RayError, ValueError):
            return {}
        return found

    def _in_network(self, *command: str) -> str:
        return run("nsenter", f"--net=/run/netns/{self._network.name}", *command, env=self._environment)
