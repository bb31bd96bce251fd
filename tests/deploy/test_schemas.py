"""The manifests are what Kubernetes and the other projects' definitions take, and what policies ask for."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.deploy.conftest import COMBINATIONS
from tests.deploy.custom_resources import SHAPES, misfits
from tests.support.manifests import FOLDER, Manifest, loader, pods, rendered

# All that Kubernetes' own project has not given up, and then some.
VERSIONS = ("1.32", "1.33", "1.34", "1.35", "1.36", "1.37")


def others(manifest: Manifest) -> bool:
    return (manifest["apiVersion"], manifest["kind"]) in SHAPES


@pytest.fixture(scope="session")
def own(sets: dict[str, list[Manifest]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of all that is of Kubernetes' own kinds, each once, and of the pods that KServe makes of its kinds."""
    found = [one for manifests in sets.values() for one in manifests if not others(one)]
    found += [{**pod, "metadata": {"name": name}} for name, pod in pods(sets["kserve"]).items()]
    found.append(loader())
    path = tmp_path_factory.mktemp("own") / "own.yaml"
    path.write_text("---\n".join(dict.fromkeys(map(yaml.safe_dump, found))), encoding="utf-8")
    return path


@pytest.mark.parametrize("version", VERSIONS)
def test_every_version_of_kubernetes_takes_them(version: str, own: Path) -> None:
    command = ["kubernetes-validate", "--strict", "--quiet", "-k", version, str(own)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_slip_is_found(tmp_path: Path) -> None:
    manifests = rendered(FOLDER / "overlays/edge")
    (deployment,) = (one for one in manifests if one["kind"] == "Deployment")
    deployment["spec"]["template"]["spec"]["enableServiceLink"] = False
    (tmp_path / "slip.yaml").write_text(yaml.safe_dump(deployment), encoding="utf-8")
    command = ["kubernetes-validate", "--strict", "--quiet", str(tmp_path / "slip.yaml")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode
    assert "enableServiceLink" in done.stdout + done.stderr


def test_the_kinds_of_other_projects_are_as_those_define_them(manifests: list[Manifest]) -> None:
    assert [problem for one in manifests if others(one) for problem in misfits(one)] == []


def test_every_kind_of_another_project_is_looked_at(sets: dict[str, list[Manifest]]) -> None:
    assert {(one["apiVersion"], one["kind"]) for manifests in sets.values() for one in manifests if others(one)} == set(
        SHAPES
    )
    slip: Manifest = {"apiVersion": "monitoring.coreos.com/v1", "kind": "ServiceMonitor", "spec": {"endpoint": []}}
    assert list(misfits(slip)) == ["ServiceMonitor.spec has no field endpoint"]


def test_policies_find_nothing(sets: dict[str, list[Manifest]], tmp_path: Path) -> None:
    for name in ("gpu, all", "split, all", "split, all others"):
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump_all(sets[name]), encoding="utf-8")
    command = [
        "checkov",
        "--config-file",
        str(FOLDER / "checkov.yaml"),
        "--directory",
        str(tmp_path),
        "--output",
        "json",
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    assert '"failed": 0' in done.stdout, done.stdout + done.stderr
    assert int(re.findall(r'"passed": (\d+)', done.stdout)[0]) > 300


def test_what_is_tried_is_all_that_there_is() -> None:
    tried = {component for _, components in COMBINATIONS.values() for component in components}
    assert tried == {one.name for one in (FOLDER / "components").iterdir()}
    assert {overlay for overlay, _ in COMBINATIONS.values()} == {one.name for one in (FOLDER / "overlays").iterdir()}
