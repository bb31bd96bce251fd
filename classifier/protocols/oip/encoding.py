"""Writes messages of the Open Inference Protocol."""

from __future__ import annotations

import base64
import json
from collections.abc import Collection, Iterable, Sequence
from typing import Any

from classifier.errors import ProtocolError
from classifier.protocols.oip.messages import InferRequest, InferResponse
from classifier.protocols.oip.tensors import BYTES, Parameters, Tensor, tensor_to_bytes


def encode_request(request: InferRequest, *, binary: bool) -> tuple[bytes, int | None]:
    """Encodes a request.

    Args:
        request: the request.
        binary: whether tensors go in binary; else in JSON, where elements of BYTES that are no text are base64, and the
            parameter `content_type` says so.

    Returns:
        The body, and the length of its JSON if tensors in binary follow, for the header `HEADER_LENGTH`.
    """
    head: dict[str, Any] = {"id": request.id} if request.id else {}
    if request.parameters:
        head["parameters"] = request.parameters
    if request.outputs:
        head["outputs"] = [_described(output.name, output.parameters) for output in request.outputs]
    names = {tensor.name for tensor in request.inputs} if binary else ()
    return _encode(head, "inputs", request.inputs, names)


def encode_response(response: InferResponse, binary: Collection[str] = ()) -> tuple[bytes, int | None]:
    """Encodes an answer.

    Args:
        response: the answer.
        binary: names of the outputs that go in binary, see `InferRequest.binary_outputs`.

    Returns:
        As `encode_request` does.

    Raises:
        ProtocolError: an output that goes as JSON has NaN or infinity.
    """
    head: dict[str, Any] = {"model_name": response.model_name}
    if response.model_version:
        head["model_version"] = response.model_version
    if response.id:
        head["id"] = response.id
    if response.parameters:
        head["parameters"] = response.parameters
    return _encode(head, "outputs", response.outputs, binary)


def _encode(
    head: dict[str, Any], key: str, tensors: Iterable[Tensor], binary: Collection[str]
) -> tuple[bytes, int | None]:
    parts: list[bytes] = []
    described = []
    for tensor in tensors:
        about = {"name": tensor.name, "shape": list(tensor.shape), "datatype": tensor.datatype}
        parameters = dict(tensor.parameters)
        if tensor.name in binary:
            parts.append(tensor_to_bytes(tensor))
            parameters["binary_data_size"] = len(parts[-1])
        elif tensor.datatype == BYTES:
            about["data"], more = _texts(tensor.elements)
            parameters |= more
        else:
            about["data"] = tensor.data.ravel().tolist()
        described.append(about | ({"parameters": parameters} if parameters else {}))
    try:
        text = json.dumps({**head, key: described}, allow_nan=False, separators=(",", ":")).encode()
    except ValueError:
        raise ProtocolError("A tensor has NaN or infinity, which JSON cannot say. Ask for binary data.") from None
    return b"".join([text, *parts]), len(text) if parts else None


def _texts(elements: Sequence[bytes]) -> tuple[list[str], Parameters]:
    try:
        return [part.decode() for part in elements], {}
    except UnicodeDecodeError:
        return [base64.b64encode(part).decode() for part in elements], {"content_type": "base64"}


def _described(name: str, parameters: Parameters) -> dict[str, Any]:
    return {"name": name, **({"parameters": parameters} if parameters else {})}
