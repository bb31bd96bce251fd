"""The manifests of deploy/kubernetes as a cluster gets them, rendered by kubectl."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from tests.support.photos import ROOT

FOLDER = ROOT / "deploy/kubernetes"
OVERLAYS = ("edge", "cpu", "gpu", "split")

Manifest = dict[str, Any]


def rendered(folder: Path) -> list[Manifest]:
    """What `kubectl apply -k` would send for a folder."""
    done = subprocess.run(("kubectl", "kustomize", str(folder)), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return list(yaml.safe_load_all(done.stdout))


def kustomization(folder: Path, overlay: str, components: tuple[str, ...]) -> Path:
    """Writes a kustomization such as a user's, of an overlay and components, into a new folder beside ours."""
    folder.mkdir()
    content = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "namespace": "image-classifier",
        "resources": [f"../kubernetes/overlays/{overlay}"],
        "components": [f"../kubernetes/components/{name}" for name in components],
    }
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    return folder


def of_kind(manifests: list[Manifest], kind: str) -> dict[str, Manifest]:
    """The manifests of a kind by name."""
    return {one["metadata"]["name"]: one for one in manifests if one["kind"] == kind}


def pods(manifests: list[Manifest]) -> dict[str, Manifest]:
    """The pods that come of these, by name; for KServe's kinds the one that KServe puts together of them."""
    found = {
        name: {"apiVersion": "v1", "kind": "Pod", **one["spec"]["template"]}
        for name, one in of_kind(manifests, "Deployment").items()
    }
    for name, service in of_kind(manifests, "InferenceService").items():
        predictor = service["spec"]["predictor"]
        runtime = of_kind(manifests, "ServingRuntime")[predictor["model"]["runtime"]]
        own = {"minReplicas", "maxReplicas", "scaleMetric", "scaleTarget", "model"}
        fields = {key: value for key, value in predictor.items() if key not in own}
        parts = {key: runtime["spec"][key] for key in ("containers", "volumes")}
        labels = {"serving.kserve.io/inferenceservice": name}
        found[name] = {"apiVersion": "v1", "kind": "Pod", "metadata": {"labels": labels}, "spec": {**fields, **parts}}
    return found


def loader() -> Manifest:
    """The pod that fills the volume of models."""
    content = (FOLDER / "components/models-pvc/loader.yaml").read_text(encoding="utf-8")
    return yaml.safe_load(content)  # type: ignore[no-any-return]


def selects(selector: Manifest, labels: Manifest) -> bool:
    """Whether a label selector of labels alone fits; one that is empty fits all."""
    wanted = selector.get("matchLabels", {})
    assert set(selector) <= {"matchLabels"}
    return all(labels.get(key) == value for key, value in wanted.items())


def settings(pod: Manifest) -> dict[str, str]:
    """The environment of a pod's only container."""
    (container,) = pod["spec"]["containers"]
    return {one["name"]: one["value"] for one in container["env"]}


def strings(value: object) -> Iterator[str]:
    """Every string in a manifest."""
    if isinstance(value, dict):
        for one in value.values():
            yield from strings(one)
    elif isinstance(value, list):
        for one in value:
            yield from strings(one)
    elif isinstance(value, str):
        yield value
