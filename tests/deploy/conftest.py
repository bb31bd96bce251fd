"""The manifests under test. They need kubectl and the linters; `make lint-container` gets both."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.support.manifests import FOLDER, OVERLAYS, Manifest, kustomization, rendered

# Every component at least once, and those that are instead of each other in turn; the overlays by themselves, too.
COMBINATIONS = {
    **{overlay: (overlay, ()) for overlay in OVERLAYS},
    "edge, all": ("edge", ("autoscale", "ingress", "monitoring", "api-keys", "models-pvc")),
    "cpu, all others": ("cpu", ("autoscale-queue", "gateway", "monitoring", "models-image")),
    "gpu, all": ("gpu", ("autoscale", "ingress", "monitoring", "api-keys", "models-image")),
    "split, all": ("split", ("autoscale-queue", "ingress", "monitoring", "api-keys", "models-pvc")),
    "split, all others": ("split", ("autoscale", "gateway", "monitoring", "models-image")),
}


@pytest.fixture(scope="session", autouse=True)
def tools() -> None:
    """Fails early, and says why, where a tool is missing."""
    missing = [tool for tool in ("kubectl", "kubernetes-validate", "checkov") if not shutil.which(tool)]
    assert not missing, f"{', '.join(missing)} is missing: run `make lint-container`"


@pytest.fixture(scope="session")
def sets(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Manifest]]:
    """What a cluster gets, by the names of COMBINATIONS, and for KServe."""
    folder = tmp_path_factory.mktemp("manifests")
    shutil.copytree(FOLDER, folder / "kubernetes")
    found = {
        name: rendered(kustomization(folder / str(number), overlay, components))
        for number, (name, (overlay, components)) in enumerate(COMBINATIONS.items())
    }
    return {**found, "kserve": rendered(Path(FOLDER / "kserve"))}


@pytest.fixture(params=[*COMBINATIONS, "kserve"])
def manifests(request: pytest.FixtureRequest, sets: dict[str, list[Manifest]]) -> list[Manifest]:
    """What a cluster gets, for each of the combinations in turn."""
    return sets[request.param]
