"""Reads messages of the Open Inference Protocol."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from classifier.errors import ProtocolError
from classifier.protocols.oip.bounded_json import MOST_VALUES, read_json
from classifier.protocols.oip.json_tensors import tensor_from_json
from classifier.protocols.oip.messages import (
    InferRequest,
    InferResponse,
    ModelMetadata,
    RequestedOutput,
    ServerMetadata,
    TensorMetadata,
)
from classifier.protocols.oip.tensors import (
    MOST_STRINGS,
    Buffer,
    Parameters,
    Tensor,
    check_sent,
    shown,
    tensor_from_bytes,
)

HEADER_LENGTH = "Inference-Header-Content-Length"
"""The HTTP header with the length of the JSON, in bytes, if tensors in binary follow it."""


def decode_request(
    body: Buffer,
    header_length: int | None = None,
    *,
    most_values: int = MOST_VALUES,
    most_strings: int = MOST_STRINGS,
) -> InferRequest:
    """Decodes a request.

    Args:
        body: all of it.
        header_length: the length of its JSON, as the header `HEADER_LENGTH` says; None if the header is absent.
        most_values: the most values, lists and objects in the JSON.
        most_strings: the most elements of a tensor BYTES.

    Raises:
        ProtocolError: it is none.
    """
    head, data = _split_body(body, header_length, most_values)
    outputs = [
        RequestedOutput(_name(part, "an output"), _parameters(part))
        for part in _objects(head.get("outputs"), "outputs")
    ]
    _check_unique((output.name for output in outputs), "output")
    return InferRequest(
        inputs=_tensors(head, "inputs", data, most_strings),
        outputs=outputs,
        id=_optional_text(head, "id"),
        parameters=_parameters(head),
    )


def decode_response(
    body: Buffer, header_length: int | None = None, *, most_values: int = MOST_VALUES, most_strings: int = MOST_STRINGS
) -> InferResponse:
    """Decodes an answer.

    Args:
        body: as for `decode_request`.
        header_length: as for `decode_request`.
        most_values: as for `decode_request`.
        most_strings: as for `decode_request`.

    Raises:
        ProtocolError: it is none.
    """
    head, data = _split_body(body, header_length, most_values)
    return InferResponse(
        model_name=_text(head.get("model_name", ""), "model_name"),
        outputs=_tensors(head, "outputs", data, most_strings),
        model_version=_optional_text(head, "model_version"),
        id=_optional_text(head, "id"),
        parameters=_parameters(head),
    )


def decode_server_metadata(body: Buffer) -> ServerMetadata:
    """Decodes what `/v2` answers.

    Raises:
        ProtocolError: it is none.
    """
    head = read_json(body)
    extensions = head.get("extensions") or []
    return ServerMetadata(
        _text(head.get("name", ""), "name"),
        _text(head.get("version", ""), "version"),
        tuple(part for part in extensions if isinstance(part, str)) if isinstance(extensions, list) else (),
    )


def decode_model_metadata(body: Buffer) -> ModelMetadata:
    """Decodes what `/v2/models/M` answers.

    Raises:
        ProtocolError: it is none.
    """
    head = read_json(body)
    versions = head.get("versions") or []
    return ModelMetadata(
        _text(head.get("name", ""), "name"),
        _text(head.get("platform") or "", "platform"),
        _described_tensors(head, "inputs"),
        _described_tensors(head, "outputs"),
        tuple(str(part) for part in versions) if isinstance(versions, list) else (),
    )


def _split_body(body: Buffer, header_length: int | None, most_values: int) -> tuple[dict[str, Any], memoryview]:
    view = memoryview(body).cast("B")
    length = len(view) if header_length is None else header_length
    if not 0 <= length <= len(view):
        raise ProtocolError(f"{HEADER_LENGTH} is {length}, but the body has {len(view)} bytes.")
    try:
        return read_json(view[:length], most_values), view[length:]
    except ProtocolError as error:
        if header_length is not None:
            error.message += f" {HEADER_LENGTH} says that it is the first {length} of {len(view)} bytes."
        elif b'"binary_data_size"' in view.tobytes():
            error.message += f" Where tensors in binary follow it, the header {HEADER_LENGTH} must say its length."
        raise


def _tensors(head: dict[str, Any], key: str, data: memoryview, most_strings: int) -> list[Tensor]:
    found, start = [], 0
    for part in _objects(head.get(key), key):
        name, parameters = _name(part, "a tensor"), _parameters(part)
        check_sent(name, parameters)
        size = parameters.pop("binary_data_size", None)
        if size is None:
            found.append(tensor_from_json(name, part, parameters, most_strings))
            continue
        if type(size) is not int or not 0 <= size <= len(data) - start:
            raise ProtocolError(
                f"The tensor {name!r}: its binary_data_size is {shown(size)}, but {len(data) - start} bytes are left."
            )
        if part.get("data") is not None:
            raise ProtocolError(f"The tensor {name!r} has both data and binary_data_size. Send one of them.")
        piece = data[start : start + size]
        found.append(
            tensor_from_bytes(
                name, part.get("datatype", ""), part.get("shape"), piece, parameters, most_strings=most_strings
            )
        )
        start += size
    if start != len(data):
        raise ProtocolError(f"{len(data) - start} bytes follow the last tensor.")
    _check_unique((tensor.name for tensor in found), "tensor")
    return found


def _described_tensors(head: dict[str, Any], key: str) -> tuple[TensorMetadata, ...]:
    found = []
    for part in _objects(head.get(key), key):
        shape = part.get("shape")
        if not isinstance(shape, list) or not all(isinstance(size, int) for size in shape):
            raise ProtocolError(f"{key} has a tensor whose shape is not a list of whole numbers.")
        name = _name(part, "a tensor")
        found.append(TensorMetadata(name, _text(part.get("datatype", ""), "datatype"), tuple(shape)))
    return tuple(found)


def _objects(value: object, key: str) -> list[dict[str, Any]]:
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(part, dict) for part in value):
        raise ProtocolError(f"{key} must be a list of objects.")
    return value


def _name(part: Mapping[str, Any], what: str) -> str:
    name = part.get("name")
    if not isinstance(name, str) or not name:
        raise ProtocolError(f"{what.capitalize()} has no name.")
    return name


def _parameters(part: Mapping[str, Any]) -> Parameters:
    parameters = part.get("parameters")
    if parameters is None:
        return {}
    if not isinstance(parameters, dict):
        raise ProtocolError("parameters must be an object.")
    return dict(parameters)


def _text(value: object, key: str) -> str:
    if not isinstance(value, str):
        raise ProtocolError(f"{key} must be a text.")
    return value


def _optional_text(head: Mapping[str, Any], key: str) -> str:
    """A member that may be absent, or null, as some libraries write it."""
    value = head.get(key)
    return "" if value is None else _text(value, key)


def _check_unique(names: Iterable[str], what: str) -> None:
    found = list(names)
    if len(set(found)) != len(found):
        raise ProtocolError(f"Two {what}s have the same name.")
