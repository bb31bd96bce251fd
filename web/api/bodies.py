"""What a request to classify may have as its body, for the OpenAPI document: a form, a picture, or JSON."""

from __future__ import annotations

from typing import Any

from web.api.parameters import Parameters
from web.uploads.forms import FILE, MAX_FILES
from web.uploads.json_reader import IMAGE


def _in_json() -> dict[str, Any]:
    """The schema of each parameter."""
    found: dict[str, dict[str, Any]] = Parameters.model_json_schema()["properties"]
    return {
        name: {key: value for key, value in schema.items() if key not in ("default", "title")}
        for name, schema in found.items()
    }


def _in_form() -> dict[str, Any]:
    """The same for the field of a form, which cannot be null; the docs page fills fields in with their examples."""
    fields = {}
    for name, schema in _in_json().items():
        kind = schema.get("anyOf", [schema])[0]
        shown = {"example": ""} if kind == {"type": "string"} else {}  # counts as absent; else it would be "string"
        fields[name] = {**kind, "description": schema["description"], **shown}
    return fields


_BASE64 = {
    "type": "string",
    "contentEncoding": "base64",
    "description": "the bytes of a picture's file in base64, as they are or in a data URL",
}
_SQUARE = (  # 64 x 64 pixels, all red: it can be sent as it is
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAEAAAABAAQMAAACQp+OdAAAAA1BMVEXcKB6Eu2JHAAAAD0lEQVR42mNgGAWjgHwAAAJA"
    "AAHgTR1EAAAAAElFTkSuQmCC"
)
_BYTES = {"type": "string", "format": "binary"}

BODY: dict[str, Any] = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": [FILE],
                "properties": {
                    FILE: {
                        "type": "array",
                        "items": _BYTES,
                        "minItems": 1,
                        "maxItems": MAX_FILES,
                        "description": "one or several pictures",
                    },
                    **_in_form(),
                },
            }
        },
        "image/*": {"schema": _BYTES},
        "application/octet-stream": {"schema": _BYTES},
        "application/json": {
            "schema": {
                "type": "object",
                "required": [IMAGE],
                "properties": {
                    IMAGE: {
                        "oneOf": [
                            _BASE64,
                            {"type": "array", "items": _BASE64, "minItems": 1, "maxItems": MAX_FILES},
                        ],
                        "description": "one or several pictures",
                    },
                    **_in_json(),
                },
                "additionalProperties": False,
            },
            "examples": {
                "one": {"summary": "a picture", "value": {IMAGE: _SQUARE, "top_k": 3}},
                "several": {"summary": "several pictures", "value": {IMAGE: [_SQUARE, _SQUARE], "lang": "en"}},
            },
        },
    },
}
"""The request body, as OpenAPI describes one."""
