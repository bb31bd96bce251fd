"""docs/kubernetes.md tells of the manifests that there are, and what it shows renders."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import yaml

from tests.support.manifests import FOLDER, OVERLAYS, Manifest, of_kind, pods, rendered, settings
from tests.support.pages import DOCS, ROOT, blocks, text

PAGE = DOCS / "kubernetes.md"


def rows(name: str) -> list[list[str]]:
    """The cells of a table between two comments, without its head."""
    (table,) = re.findall(rf"<!-- {name}: .*?-->\n(.*?)<!-- /{name} -->", text(PAGE), re.S)
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]]


def test_every_overlay_is_told_of_with_its_image_and_memory(sets: dict[str, list[Manifest]]) -> None:
    told = {name.strip("`"): (image.strip("`"), memory) for name, image, memory, _ in rows("overlays")}
    for overlay in OVERLAYS:
        for pod in pods(sets[overlay]).values():
            (container,) = pod["spec"]["containers"]
            memory = re.sub(r"(\d+)([MG]i)", r"\1 \2B", container["resources"]["limits"]["memory"])
            assert told[overlay] == (container["image"], memory)
    assert set(told) == set(OVERLAYS)


def test_every_component_is_told_of() -> None:
    told = {row[0].strip("`") for row in rows("components")}
    assert told == {one.name for one in (FOLDER / "components").iterdir()}


def shown(tmp_path: Path, *contents: Manifest) -> list[list[Manifest]]:
    """What kustomizations give that lie beside a checkout."""
    shutil.copytree(FOLDER, tmp_path / "image-classifier/deploy/kubernetes")
    found = []
    for number, content in enumerate(contents):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "kustomization.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
        found.append(rendered(folder))
    return found


def test_the_kustomizations_that_are_shown_do_what_is_said(tmp_path: Path) -> None:
    own, models = map(yaml.safe_load, blocks(PAGE, "yaml"))
    whole = {key: own[key] for key in ("apiVersion", "kind", "namespace", "resources")}
    component = "../image-classifier/deploy/kubernetes/components/models-image"
    first, second = shown(tmp_path, own, {**whole, "components": [component], **models})

    for ingress in of_kind(first, "Ingress").values():
        assert [rule["host"] for rule in ingress["spec"]["rules"]] == ["photos.example.org"]
        assert [one["hosts"] for one in ingress["spec"]["tls"]] == [["photos.example.org"]]
    (pod,) = pods(first).values()
    (container,) = pod["spec"]["containers"]
    assert container["image"] == "ghcr.io/you/image-classifier:0.1.0-edge"
    # Added to what was there.
    assert {"CLASSIFIER_MODEL", "CLASSIFIER_ALLOWED_HOSTS", "CLASSIFIER_STOP_DELAY"} <= set(settings(pod))
    for probe, path in (("startupProbe", "/healthz"), ("readinessProbe", "/readyz"), ("livenessProbe", "/healthz")):
        assert container[probe]["httpGet"]["path"] == path
        assert container[probe]["httpGet"]["httpHeaders"] == [{"name": "Host", "value": "photos.example.org"}]

    (pod,) = pods(second).values()
    (volume,) = (volume for volume in pod["spec"]["volumes"] if volume["name"] == "models")
    assert volume["image"] == {"reference": "registry.example.org/photo-models:2", "pullPolicy": "IfNotPresent"}


def test_commands_name_what_is_there() -> None:
    named = set(re.findall(r"deploy/kubernetes/[\w./-]+", text(PAGE)))
    assert len(named) > 5
    assert [one for one in named if not (ROOT / one.rstrip(".")).exists()] == []


def test_the_steps_of_an_end_are_those_of_the_manifests(sets: dict[str, list[Manifest]]) -> None:
    tiers = pods(sets["split"])
    (container,) = tiers["classifier"]["spec"]["containers"]
    seconds = container["lifecycle"]["preStop"]["exec"]["command"][1]
    delays = {name: settings(pod)["CLASSIFIER_STOP_DELAY"] for name, pod in tiers.items()}
    page = text(PAGE)
    assert f"`preStop` waits {seconds} seconds" in page
    assert f"accepts for {delays['classifier']} seconds more" in page
    assert f"in the model tier {delays['classifier-model']}" in page
    grace = tiers["classifier"]["spec"]["terminationGracePeriodSeconds"]
    assert f"`terminationGracePeriodSeconds: {grace}`" in page
