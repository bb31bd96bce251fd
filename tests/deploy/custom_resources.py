"""The kinds of other projects that our manifests use, as far as they use them, as those projects define them.

Of August 2026: KServe 0.20, KEDA 2.20, the Prometheus operator 0.93 and the Gateway API 1.6, experimental channel.
Their own definitions fill 3 MB. A pod's fields, which KServe passes on, are checked as a pod's.
"""

from __future__ import annotations

from collections.abc import Iterator

Shape = dict[str, object]

_METADATA: Shape = {"name": str, "namespace": str, "labels": None, "annotations": None}
_BEHAVIOR: Shape = {
    "stabilizationWindowSeconds": int,
    "policies": [{"type": str, "value": int, "periodSeconds": int}],
}

# What a field holds: its fields, a list of such, a type, or None for what is looked at elsewhere or may be anything.
SHAPES: dict[tuple[str, str], Shape] = {
    ("serving.kserve.io/v1alpha1", "ServingRuntime"): {
        "supportedModelFormats": [{"name": str, "version": str, "autoSelect": bool}],
        "protocolVersions": [str],
        "containers": None,
        "volumes": None,
    },
    ("serving.kserve.io/v1beta1", "InferenceService"): {
        "predictor": {
            "minReplicas": int,
            "maxReplicas": int,
            "scaleMetric": str,
            "scaleTarget": int,
            "model": {"modelFormat": {"name": str}, "runtime": str, "protocolVersion": str},
            "automountServiceAccountToken": bool,
            "enableServiceLinks": bool,
            "terminationGracePeriodSeconds": int,
            "securityContext": None,
        },
    },
    ("keda.sh/v1alpha1", "ScaledObject"): {
        "scaleTargetRef": {"name": str},
        "minReplicaCount": int,
        "maxReplicaCount": int,
        "pollingInterval": int,
        # Numbers in a trigger's metadata are strings.
        "triggers": [
            {
                "type": str,
                "metricType": str,
                "metadata": {"value": str, "serverAddress": str, "query": str, "threshold": str},
            }
        ],
        "fallback": {"failureThreshold": int, "replicas": int, "behavior": str},
        "advanced": {"horizontalPodAutoscalerConfig": {"behavior": {"scaleUp": _BEHAVIOR, "scaleDown": _BEHAVIOR}}},
    },
    ("monitoring.coreos.com/v1", "ServiceMonitor"): {
        "selector": {"matchLabels": None},
        "podTargetLabels": [str],
        "endpoints": [{"port": str, "path": str, "interval": str}],
    },
    ("gateway.networking.k8s.io/v1", "HTTPRoute"): {
        "parentRefs": [{"name": str, "namespace": str}],
        "hostnames": [str],
        "rules": [
            {
                "matches": [{"path": {"type": str, "value": str}}],
                "backendRefs": [{"name": str, "port": int}],
                "sessionPersistence": {"type": str},
            }
        ],
    },
}


def misfits(manifest: dict[str, object]) -> Iterator[str]:
    """What in a manifest of one of these kinds does not fit."""
    spec = SHAPES[str(manifest["apiVersion"]), str(manifest["kind"])]
    whole: Shape = {"apiVersion": str, "kind": str, "metadata": _METADATA, "spec": spec}
    yield from unlike(manifest, whole, str(manifest["kind"]))


def unlike(value: object, shape: object, place: str) -> Iterator[str]:
    """What in a value does not fit a shape."""
    if isinstance(shape, dict):
        if not isinstance(value, dict):
            yield f"{place} has no fields"
            return
        for key, inside in value.items():
            if key not in shape:
                yield f"{place} has no field {key}"
            else:
                yield from unlike(inside, shape[key], f"{place}.{key}")
    elif isinstance(shape, list):
        if not isinstance(value, list):
            yield f"{place} is no list"
            return
        for inside in value:
            yield from unlike(inside, shape[0], f"{place}[]")
    elif isinstance(shape, type) and type(value) is not shape:
        yield f"{place} is not of type {shape.__name__}: {value}"
