"""The manifests keep what they promise: restricted pods, the code's own numbers, traffic that is named, one way in."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any

import pytest

from classifier.settings import PREFIX, Settings
from tests.deploy.conftest import COMBINATIONS
from tests.support.manifests import OVERLAYS, Manifest, loader, of_kind, pods, selects, settings, strings
from tests.support.photos import ROOT
from web import metrics
from web.server import shutdown

PORT = Settings.model_fields["port"].default


def container(pod: Manifest) -> Manifest:
    (only,) = pod["spec"]["containers"]
    return only  # type: ignore[no-any-return]


def assert_restricted(pod: Manifest) -> None:
    """https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted, and what it leaves out."""
    spec = pod["spec"]
    assert not {"hostNetwork", "hostPID", "hostIPC", "initContainers", "ephemeralContainers"} & set(spec)
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["runAsUser"] > 0
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    allowed = {"configMap", "csi", "downwardAPI", "emptyDir", "image", "persistentVolumeClaim", "projected", "secret"}
    assert {key for volume in spec["volumes"] for key in volume} - {"name"} <= allowed
    security = container(pod)["securityContext"]
    assert security["allowPrivilegeEscalation"] is False
    assert security["capabilities"] == {"drop": ["ALL"]}
    assert not {"privileged", "procMount", "seLinuxOptions", "appArmorProfile"} & set(security)
    assert all("hostPort" not in port for port in container(pod).get("ports", []))
    # Beyond the standard.
    assert security["readOnlyRootFilesystem"] is True
    assert spec["automountServiceAccountToken"] is False
    assert spec["enableServiceLinks"] is False


def test_every_pod_is_what_the_restricted_standard_asks_for(manifests: list[Manifest]) -> None:
    assert pods(manifests)
    for pod in [*pods(manifests).values(), loader()]:
        assert_restricted(pod)


def test_a_pod_writes_into_memory_alone(manifests: list[Manifest]) -> None:
    for pod in pods(manifests).values():
        assert all(mount.get("readOnly") for mount in container(pod)["volumeMounts"] if mount["mountPath"] != "/tmp")
        (scratch,) = (volume["emptyDir"] for volume in pod["spec"]["volumes"] if "emptyDir" in volume)
        assert scratch["medium"] == "Memory"  # no picture touches a disk


def test_the_namespace_admits_such_pods_only(manifests: list[Manifest]) -> None:
    (namespace,) = of_kind(manifests, "Namespace").values()
    modes = ("enforce", "warn", "audit")
    labels = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in modes}
    assert namespace["metadata"]["labels"].items() >= labels.items()
    inside = {one["metadata"]["namespace"] for one in manifests if one["kind"] != "Namespace"}
    assert inside == {namespace["metadata"]["name"]}


def test_ports_and_paths_are_the_servers(manifests: list[Manifest]) -> None:
    served = {"/healthz", "/readyz", "/v2/health/live", "/v2/health/ready"}
    for pod in pods(manifests).values():
        ports = {port["name"].rstrip("1"): port["containerPort"] for port in container(pod)["ports"]}
        assert ports["http"] == PORT
        assert ports.get("metrics", 9100) == int(settings(pod)[f"{PREFIX}METRICS_PORT"]) == 9100
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            request = container(pod)[probe]["httpGet"]
            assert request["path"] in served
            assert request["port"] in ("http", PORT)
    for policy in of_kind(manifests, "NetworkPolicy").values():
        for rule in policy["spec"].get("ingress", []):
            assert {port["port"] for port in rule["ports"]} <= {PORT, 9100}


def test_every_setting_is_one(manifests: list[Manifest]) -> None:
    for pod in pods(manifests).values():
        fields = {name.removeprefix(PREFIX).lower(): value for name, value in settings(pod).items()}
        assert set(fields) <= set(Settings.model_fields)
        paths = ("api_keys_file", "models")  # of the container, which are not here
        given: dict[str, Any] = {name: value for name, value in fields.items() if name not in paths}
        Settings(**given)


def test_a_pod_has_the_time_that_its_end_takes(manifests: list[Manifest]) -> None:
    for pod in pods(manifests).values():
        command, seconds = container(pod)["lifecycle"]["preStop"]["exec"]["command"]
        assert command == "sleep"
        needed = float(seconds) + float(settings(pod)[f"{PREFIX}STOP_DELAY"]) + shutdown._END_SECONDS
        assert needed + 5 <= pod["spec"]["terminationGracePeriodSeconds"] <= needed + 15


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_memory_and_cpus_are_those_of_compose(sets: dict[str, list[Manifest]], overlay: str) -> None:
    compose = (ROOT / "compose.yaml").read_text(encoding="utf-8")
    profile = {"split": "edge"}.get(overlay, overlay)
    (part,) = re.findall(rf"^  {profile}:\n(?:    .*\n)+", compose, re.M)
    (memory,) = re.findall(r"memory: (\d+[MG])", part)
    for pod in pods(sets[overlay]).values():
        resources = container(pod)["resources"]
        assert resources["limits"]["memory"] == resources["requests"]["memory"] == f"{memory}i"
        if found := re.findall(r'cpus: "(\d+)"', part):
            assert resources["limits"]["cpu"] == found[0]
        # In Compose /tmp is as large.
        (scratch,) = (volume["emptyDir"] for volume in pod["spec"]["volumes"] if "emptyDir" in volume)
        assert f"size={scratch['sizeLimit'].removesuffix('Mi')}m," in compose


def test_kserve_runs_what_the_small_image_runs_elsewhere(sets: dict[str, list[Manifest]]) -> None:
    (own,), (kserves,) = pods(sets["edge"]).values(), pods(sets["kserve"]).values()
    for key in ("terminationGracePeriodSeconds", "securityContext", "volumes"):
        assert kserves["spec"][key] == own["spec"][key]
    for key in ("image", "env", "resources", "lifecycle", "volumeMounts"):
        assert container(kserves)[key] == container(own)[key]


def test_what_is_named_is_there(manifests: list[Manifest]) -> None:
    services, deployments = of_kind(manifests, "Service"), of_kind(manifests, "Deployment")
    labels = [pod["metadata"]["labels"] for pod in pods(manifests).values()]
    for service in services.values():
        (name,) = {port["targetPort"] for port in service["spec"]["ports"]}
        chosen = [
            pod
            for pod in pods(manifests).values()
            if selects({"matchLabels": service["spec"]["selector"]}, pod["metadata"]["labels"])
        ]
        assert chosen
        assert all(name in {port["name"] for port in container(pod)["ports"]} for pod in chosen)
    for kind in ("PodDisruptionBudget", "NetworkPolicy"):
        for one in of_kind(manifests, kind).values():
            selector = one["spec"].get("selector") or one["spec"].get("podSelector")
            assert any(selects(selector or {}, one) for one in labels)
    for kind in ("HorizontalPodAutoscaler", "ScaledObject"):
        for one in of_kind(manifests, kind).values():
            # Nothing sets back the number of pods that the autoscaler chose.
            assert "replicas" not in deployments[one["spec"]["scaleTargetRef"]["name"]]["spec"]
    for ingress in of_kind(manifests, "Ingress").values():
        for path in ingress["spec"]["rules"][0]["http"]["paths"]:
            target = path["backend"]["service"]
            assert target["port"]["name"] in {port["name"] for port in services[target["name"]]["spec"]["ports"]}
    for route in of_kind(manifests, "HTTPRoute").values():
        for rule in route["spec"]["rules"]:
            (target,) = rule["backendRefs"]
            assert target["port"] in {port["port"] for port in services[target["name"]]["spec"]["ports"]}
    for monitor in of_kind(manifests, "ServiceMonitor").values():
        chosen = [
            one for one in services.values() if selects(monitor["spec"]["selector"], one["metadata"].get("labels", {}))
        ]
        assert [one["metadata"]["name"] for one in chosen] == ["classifier-metrics"]
        assert monitor["spec"]["endpoints"][0]["port"] in {port["name"] for port in chosen[0]["spec"]["ports"]}
    for pod in pods(manifests).values():
        if url := settings(pod).get(f"{PREFIX}REMOTE_URL"):
            host, port = url.removeprefix("http://").split(":")
            # The name stands for the pods, so the port is theirs.
            assert services[host]["spec"]["clusterIP"] == "None"
            assert [one["port"] for one in services[host]["spec"]["ports"]] == [int(port)] == [PORT]


def test_no_client_is_held_to_a_pod_but_a_page_by_its_cookie(manifests: list[Manifest]) -> None:
    for name, service in of_kind(manifests, "Service").items():
        assert "sessionAffinity" not in service["spec"]
        assert ("sticky" in " ".join(service["metadata"].get("annotations", {}))) == (name == "classifier-page")
    ingresses = of_kind(manifests, "Ingress")
    assert not ingresses or set(ingresses) == {"classifier-api", "classifier-page"}
    assert len({one["spec"]["rules"][0]["host"] for one in ingresses.values()}) <= 1
    goals = {
        path["path"]: path["backend"]["service"]["name"]
        for one in ingresses.values()
        for path in one["spec"]["rules"][0]["http"]["paths"]
    }
    assert not goals or goals == {"/": "classifier-page"} | dict.fromkeys(("/api", "/v2", "/page"), "classifier")
    for route in of_kind(manifests, "HTTPRoute").values():
        sticky = {
            match["path"]["value"]: "sessionPersistence" in rule
            for rule in route["spec"]["rules"]
            for match in rule["matches"]
        }
        assert sticky == {"/": True, "/api": False, "/v2": False, "/page": False}


def rules(manifests: list[Manifest], pod: Manifest, way: str) -> list[Manifest]:
    """The rules that hold for a pod one way: `ingress` or `egress`."""
    found = []
    for policy in of_kind(manifests, "NetworkPolicy").values():
        if selects(policy["spec"]["podSelector"], pod["metadata"]["labels"]):
            found += policy["spec"].get(way, [])
    return found


def test_only_traffic_that_is_named_passes(sets: dict[str, list[Manifest]]) -> None:
    for manifests in sets.values():
        denies = of_kind(manifests, "NetworkPolicy")["default-deny"]["spec"]
        assert denies == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    # One tier asks nobody.
    for name in ("edge", "edge, all", "cpu, all others", "kserve"):
        (pod,) = pods(sets[name]).values()
        assert rules(sets[name], pod, "egress") == []
    # Without an ingress the port is open to all; with one, to its namespace alone; the metrics are Prometheus'.
    (pod,) = pods(sets["edge"]).values()
    assert rules(sets["edge"], pod, "ingress") == [{"ports": [{"port": PORT, "protocol": "TCP"}]}]
    for name, namespace in (("edge, all", "traefik"), ("cpu, all others", "envoy-gateway-system")):
        (pod,) = pods(sets[name]).values()
        entrances = {
            rule["from"][0]["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"]: rule["ports"][0]["port"]
            for rule in rules(sets[name], pod, "ingress")
        }
        assert entrances == {namespace: PORT, "monitoring": 9100}


@pytest.mark.parametrize("name", [name for name, (overlay, _) in COMBINATIONS.items() if overlay == "split"])
def test_the_model_tier_is_for_the_page_alone(sets: dict[str, list[Manifest]], name: str) -> None:
    tiers = pods(sets[name])
    page, model = tiers["classifier"], tiers["classifier-model"]
    (way_out, names) = rules(sets[name], page, "egress")
    assert selects(way_out["to"][0]["podSelector"], model["metadata"]["labels"])
    assert not selects(way_out["to"][0]["podSelector"], page["metadata"]["labels"])
    assert way_out["ports"] == [{"port": PORT, "protocol": "TCP"}]
    assert {port["port"] for port in names["ports"]} == {53}
    assert rules(sets[name], model, "egress") == []
    (way_in,) = (rule for rule in rules(sets[name], model, "ingress") if rule["ports"][0]["port"] == PORT)
    assert len(way_in["from"]) == 1
    assert selects(way_in["from"][0]["podSelector"], page["metadata"]["labels"])
    # No key is asked for between the tiers, and no visitor's address is told there.
    assert f"{PREFIX}API_KEYS_FILE" not in settings(model)
    assert f"{PREFIX}TRUSTED_PROXIES" not in settings(model)


def test_the_autoscaler_looks_at_the_queue_that_the_server_tells(sets: dict[str, list[Manifest]]) -> None:
    (scaled,) = of_kind(sets["cpu, all others"], "ScaledObject").values()
    (trigger,) = (one for one in scaled["spec"]["triggers"] if one["type"] == "prometheus")
    assert re.findall(r"classifier_\w+", trigger["metadata"]["query"]) == [metrics.WAITING._name]
    assert f'job="{"classifier-metrics"}"' in trigger["metadata"]["query"]
    assert "classifier-metrics" in of_kind(sets["cpu, all others"], "Service")
    assert float(trigger["metadata"]["threshold"]) == Settings.model_fields["queue"].default / 4


def test_both_autoscalers_keep_the_same_bounds(sets: dict[str, list[Manifest]]) -> None:
    (cpu,) = of_kind(sets["edge, all"], "HorizontalPodAutoscaler").values()
    (queue,) = of_kind(sets["cpu, all others"], "ScaledObject").values()
    assert cpu["spec"]["minReplicas"] == queue["spec"]["minReplicaCount"] == 2
    assert cpu["spec"]["maxReplicas"] == queue["spec"]["maxReplicaCount"]
    assert cpu["spec"]["behavior"] == queue["spec"]["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]
    (target,) = (one["resource"]["target"]["averageUtilization"] for one in cpu["spec"]["metrics"])
    assert queue["spec"]["triggers"][0]["metadata"]["value"] == str(target)


def test_two_pods_are_left_while_one_is_away(manifests: list[Manifest]) -> None:
    deployments = of_kind(manifests, "Deployment")
    assert set(of_kind(manifests, "PodDisruptionBudget")) == set(deployments)
    for deployment in deployments.values():
        spreads = deployment["spec"]["template"]["spec"]["topologySpreadConstraints"]
        assert [one["topologyKey"] for one in spreads] == ["kubernetes.io/hostname", "topology.kubernetes.io/zone"]
        for one in spreads:
            assert selects(one["labelSelector"], deployment["spec"]["template"]["metadata"]["labels"])
        assert deployment["spec"].get("replicas", 2) == 2
    for one, other in pairwise(deployments.values()):
        for spread in one["spec"]["template"]["spec"]["topologySpreadConstraints"]:
            assert not selects(spread["labelSelector"], other["spec"]["template"]["metadata"]["labels"])


def test_images_are_ours_by_flavour(sets: dict[str, list[Manifest]]) -> None:
    flavours = {"edge": "edge", "cpu": "cpu", "gpu": "cuda", "split": "edge", "kserve": "edge"}
    for name, flavour in flavours.items():
        assert {container(pod)["image"] for pod in pods(sets[name]).values()} == {f"image-classifier:{flavour}"}
    assert not [text for manifests in sets.values() for text in strings(manifests) if ":latest" in text]
