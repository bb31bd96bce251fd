"""What a request to classify may have as its body, for the OpenAPI document: a form, a picture, or JSON."""

from __future__ import annotations

from typing import Any

from web.api.parameters import Parameters
from web.uploads.forms import FILE, MAX_FILES
from web.uploads.json_reader import IMAGE

_PARAMETERS: dict[str, Any] = Parameters.model_json_schema()["properties"]
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
                    **_PARAMETERS,
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
                    **_PARAMETERS,
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
