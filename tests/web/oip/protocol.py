"""The protocol as an OpenAPI document, as https://github.com/kserve/open-inference-protocol describes it.

Written for these tests. Stricter than the protocol where we promise more: every failure is a problem with an `error`.
"""

from __future__ import annotations

from typing import Any

from classifier.protocols.oip import DATATYPES


def _object(required: dict[str, Any], **optional: Any) -> dict[str, Any]:
    return {"type": "object", "properties": {**required, **optional}, "required": list(required)}


def _list(items: Any) -> dict[str, Any]:
    return {"type": "array", "items": items}


def _ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


TEXT = {"type": "string"}
NUMBER = {"type": "integer"}
BOOL = {"type": "boolean"}
DATATYPE = {"enum": list(DATATYPES)}
TENSOR = {"name": TEXT, "shape": _list({"type": "integer", "minimum": 0}), "datatype": DATATYPE}

SCHEMAS = {
    "parameters": {"type": "object"},
    "data": _list({"anyOf": [_ref("data"), {"type": "number"}, TEXT, BOOL]}),
    "described": _object({"name": TEXT, "datatype": DATATYPE, "shape": _list(NUMBER)}),
    "server": _object({"name": TEXT, "version": TEXT, "extensions": _list(TEXT)}),
    "model": _object(
        {"name": TEXT, "platform": TEXT, "inputs": _list(_ref("described")), "outputs": _list(_ref("described"))},
        versions=_list(TEXT),
    ),
    "live": _object({"live": BOOL}),
    "ready": _object({"name": TEXT, "ready": BOOL}),
    "input": _object({**TENSOR, "data": _ref("data")}, parameters=_ref("parameters")),
    "asked": _object({"name": TEXT}, parameters=_ref("parameters")),
    "request": _object(
        {"inputs": _list(_ref("input"))}, id=TEXT, parameters=_ref("parameters"), outputs=_list(_ref("asked"))
    ),
    "response": _object(
        {"model_name": TEXT, "outputs": _list(_ref("input"))},
        model_version=TEXT,
        id=TEXT,
        parameters=_ref("parameters"),
    ),
    "problem": _object({"error": TEXT, "detail": TEXT, "code": TEXT, "title": TEXT, "status": NUMBER, "type": TEXT}),
}


def _answers(schema: str, *problems: int) -> dict[str, Any]:
    problem = {"description": "failed", "content": {"application/json": {"schema": _ref("problem")}}}
    good = {"description": "done", "content": {"application/json": {"schema": _ref(schema)}}}
    return {"200": good, **{str(status): problem for status in problems}}


def _path(method: str, answers: dict[str, Any], body: str = "", *names: str) -> dict[str, Any]:
    operation: dict[str, Any] = {"responses": answers}
    if body:
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": _ref(body)}}}
    known = {"model": ["cifar10", "efficientnet-lite0", "none"], "version": ["1", "2"]}
    operation["parameters"] = [
        {"name": name, "in": "path", "required": True, "schema": {"enum": known[name]}} for name in names
    ]
    return {method: operation}


def document() -> dict[str, Any]:
    """The document."""
    paths = {
        "/v2": _path("get", _answers("server")),
        "/v2/": _path("get", _answers("server")),
        "/v2/health/live": _path("get", _answers("live")),
        "/v2/health/ready": _path("get", _answers("live", 503)),
    }
    for version, names in (("", ("model",)), ("/versions/{version}", ("model", "version"))):
        model = f"/v2/models/{{model}}{version}"
        paths[model] = _path("get", _answers("model", 404, 503), "", *names)
        paths[f"{model}/ready"] = _path("get", _answers("ready", 404, 503), "", *names)
        failures = (400, 404, 408, 413, 415, 422, 429, 503)
        paths[f"{model}/infer"] = _path("post", _answers("response", *failures), "request", *names)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Open Inference Protocol", "version": "2"},
        "paths": paths,
        "components": {"schemas": SCHEMAS},
    }
