"""KubeRay's manifest says the same as the files that are used without Kubernetes."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import yaml

from classifier.checkout import ROOT
from tests.deploy.custom_resources import unlike
from tests.support.ray import serve_env

FOLDER = ROOT / "deploy/ray"
MANIFEST = yaml.safe_load((FOLDER / "rayservice.yaml").read_text(encoding="utf-8"))
CLUSTER = MANIFEST["spec"]["rayClusterConfig"]
GROUPS = [CLUSTER["headGroupSpec"], *CLUSTER["workerGroupSpecs"]]

# The fields that are used, as KubeRay 1.5 defines them; a pod's are checked as a pod's.
SHAPE = {
    "serveConfigV2": str,
    "rayClusterConfig": {
        "rayVersion": str,
        "authOptions": {"mode": str},
        "enableInTreeAutoscaling": bool,
        "autoscalerOptions": {"idleTimeoutSeconds": int},
        "headGroupSpec": {"rayStartParams": None, "template": None},
        "workerGroupSpecs": [
            {
                "groupName": str,
                "replicas": int,
                "minReplicas": int,
                "maxReplicas": int,
                "rayStartParams": None,
                "template": None,
            }
        ],
    },
}


def test_it_has_no_field_that_kuberay_does_not_know() -> None:
    assert list(unlike(MANIFEST["spec"], SHAPE, "spec")) == []
    assert all(isinstance(value, str) for group in GROUPS for value in group["rayStartParams"].values())


def test_it_serves_what_serve_deploy_serves() -> None:
    config = yaml.safe_load((FOLDER / "config.yaml").read_text(encoding="utf-8"))
    assert yaml.safe_load(MANIFEST["spec"]["serveConfigV2"]) == config
    (workers,) = CLUSTER["workerGroupSpecs"]
    (container,) = workers["template"]["spec"]["containers"]
    most = config["applications"][0]["deployments"][0]["autoscaling_config"]["max_replicas"]
    assert workers["maxReplicas"] * int(container["resources"]["limits"]["cpu"]) >= most  # there is room for all


def test_every_node_has_the_environment_of_nodes_elsewhere() -> None:
    expected = serve_env()
    assert expected.pop("RAY_AUTH_MODE") == CLUSTER["authOptions"]["mode"]
    for group in GROUPS:
        (container,) = group["template"]["spec"]["containers"]
        assert {one["name"]: one["value"] for one in container["env"]} == expected


def test_the_version_of_ray_is_the_one_that_is_locked() -> None:
    locked = re.search(r"^ray==(\S+)", (ROOT / "requirements/ray.txt").read_text(encoding="utf-8"), re.MULTILINE)
    assert locked
    assert CLUSTER["rayVersion"] == locked[1]


def test_kubernetes_takes_the_pods(tmp_path: Path) -> None:
    pods: list[dict[str, Any]] = [
        {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": f"ray-{number}"}, **group["template"]}
        for number, group in enumerate(GROUPS)
    ]
    file = tmp_path / "pods.yaml"
    file.write_text(yaml.safe_dump_all(pods), encoding="utf-8")
    command = ["kubernetes-validate", "--strict", "--quiet", "-k", "1.34", str(file)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
