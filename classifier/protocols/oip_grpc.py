"""The Open Inference Protocol's messages as protobuf: what `classifier.protocols.oip` says in JSON, for gRPC.

Typed contents are read, and raw ones, which are what is written: they are copied as they are, and every engine reads
them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from classifier.errors import ProtocolError
from classifier.protocols.oip import (
    BYTES,
    MOST_STRINGS,
    InferRequest,
    InferResponse,
    ModelMetadata,
    RequestedOutput,
    ServerMetadata,
    Tensor,
    TensorMetadata,
    check_sent,
    check_shape,
    dtype_of,
    strings,
    tensor_from_bytes,
    tensor_to_bytes,
)
from classifier.protocols.protobuf import Message, message_class

SERVICE = "inference.GRPCInferenceService"
"""The name of the service."""

ERROR_CODE = "classifier-code"
"""The trailing metadata in which this project's server sends the code of an error."""

_CONTENTS = {
    "BOOL": "bool_contents",
    **dict.fromkeys(("INT8", "INT16", "INT32"), "int_contents"),
    "INT64": "int64_contents",
    **dict.fromkeys(("UINT8", "UINT16", "UINT32"), "uint_contents"),
    "UINT64": "uint64_contents",
    "FP32": "fp32_contents",
    "FP64": "fp64_contents",
    BYTES: "bytes_contents",
}
"""The field of typed contents for each data type. FP16 has none."""


def message(name: str, /, **fields: object) -> Message:
    """A message of the protocol, by its name without the package."""
    return message_class(f"inference.{name}")(**fields)


def request_from(found: Message, most_strings: int = MOST_STRINGS) -> InferRequest:
    """The request in a `ModelInferRequest`.

    Raises:
        ProtocolError: its tensors are not as the protocol says.
    """
    outputs = [RequestedOutput(output.name, _values(output.parameters)) for output in found.outputs]
    _check_unique((output.name for output in outputs), "output")
    inputs = _tensors(found.inputs, found.raw_input_contents, most_strings)
    return InferRequest(inputs, outputs, found.id, _values(found.parameters))


def request_to(model: str, version: str, request: InferRequest) -> Message:
    """The `ModelInferRequest` for a model, with raw contents."""
    made = message("ModelInferRequest", model_name=model, model_version=version, id=request.id)
    _write_values(made.parameters, request.parameters)
    _write_tensors(made.inputs, made.raw_input_contents, request.inputs)
    for output in request.outputs:
        _write_values(made.outputs.add(name=output.name).parameters, output.parameters)
    return made


def response_from(found: Message, most_strings: int = MOST_STRINGS) -> InferResponse:
    """The answer in a `ModelInferResponse`.

    Raises:
        ProtocolError: its tensors are not as the protocol says.
    """
    outputs = _tensors(found.outputs, found.raw_output_contents, most_strings)
    return InferResponse(found.model_name, outputs, found.model_version, found.id, _values(found.parameters))


def response_to(response: InferResponse) -> Message:
    """The `ModelInferResponse`, with raw contents."""
    made = message(
        "ModelInferResponse", model_name=response.model_name, model_version=response.model_version, id=response.id
    )
    _write_values(made.parameters, response.parameters)
    _write_tensors(made.outputs, made.raw_output_contents, response.outputs)
    return made


def model_metadata_from(found: Message) -> ModelMetadata:
    """What a `ModelMetadataResponse` says of a model."""
    inputs, outputs = (
        tuple(TensorMetadata(tensor.name, tensor.datatype, tuple(tensor.shape)) for tensor in tensors)
        for tensors in (found.inputs, found.outputs)
    )
    return ModelMetadata(found.name, found.platform, inputs, outputs, tuple(found.versions))


def model_metadata_to(metadata: ModelMetadata) -> Message:
    """The `ModelMetadataResponse`."""
    made = message("ModelMetadataResponse", name=metadata.name, platform=metadata.platform, versions=metadata.versions)
    for tensors, described in ((made.inputs, metadata.inputs), (made.outputs, metadata.outputs)):
        for tensor in described:
            tensors.add(name=tensor.name, datatype=tensor.datatype, shape=tensor.shape)
    return made


def server_metadata_from(found: Message) -> ServerMetadata:
    """What a `ServerMetadataResponse` says of a server."""
    return ServerMetadata(found.name, found.version, tuple(found.extensions))


def server_metadata_to(metadata: ServerMetadata) -> Message:
    """The `ServerMetadataResponse`."""
    return message(
        "ServerMetadataResponse", name=metadata.name, version=metadata.version, extensions=metadata.extensions
    )


def _tensors(described: Any, raw: Any, most_strings: int) -> list[Tensor]:
    if raw and len(raw) != len(described):
        raise ProtocolError(f"The message has {len(described)} tensors, but raw contents of {len(raw)}.")
    found = []
    for index, tensor in enumerate(described):
        shape, parameters = tuple(tensor.shape), _values(tensor.parameters)
        check_sent(tensor.name, parameters)
        if not raw:
            found.append(_typed(tensor, shape, parameters, most_strings))
        elif tensor.contents.ByteSize():  # MLServer sends an empty message beside raw contents
            raise ProtocolError(f"The tensor {tensor.name!r} has both contents and raw contents. Send one of them.")
        else:
            found.append(
                tensor_from_bytes(
                    tensor.name, tensor.datatype, shape, raw[index], parameters, most_strings=most_strings
                )
            )
    _check_unique((tensor.name for tensor in found), "tensor")
    return found


def _typed(tensor: Any, shape: tuple[int, ...], parameters: dict[str, Any], most_strings: int) -> Tensor:
    """A tensor with typed contents."""
    name, dtype = tensor.name, dtype_of(tensor.datatype)
    sizes = check_shape(shape, name)
    field = _CONTENTS.get(tensor.datatype)
    if field is None:
        raise ProtocolError(f"The tensor {name!r}: {tensor.datatype} has raw contents only.")
    others = [other.name for other, _ in tensor.contents.ListFields() if other.name != field]
    values = getattr(tensor.contents, field)
    if others or len(values) != math.prod(sizes):
        raise ProtocolError(
            f"The tensor {name!r}: {tensor.datatype} of this shape needs {math.prod(sizes)} values in {field}, "
            f"and nothing else; {len(values)} were sent{' and ' + ', '.join(others) if others else ''}."
        )
    if tensor.datatype == BYTES:
        if len(values) > most_strings:
            raise ProtocolError(f"The tensor {name!r} has more than {most_strings} elements. Send less at a time.")
        return Tensor(name, strings(name, values, sizes).data, parameters)
    array = np.array(values, dtype.newbyteorder("=") if dtype.kind in "bf" else np.dtype(f"{dtype.kind}8"))
    if dtype.kind in "iu" and array.size:
        bounds = np.iinfo(dtype)
        if array.min() < bounds.min or array.max() > bounds.max:
            raise ProtocolError(f"The tensor {name!r}: a value does not fit {tensor.datatype}.")
    return Tensor(name, array.astype(dtype, copy=False).reshape(sizes), parameters)


def _write_tensors(described: Any, raw: Any, tensors: Iterable[Tensor]) -> None:
    for tensor in tensors:
        made = described.add(name=tensor.name, datatype=tensor.datatype, shape=tensor.shape)
        _write_values(made.parameters, tensor.parameters)
        raw.append(tensor_to_bytes(tensor))


def _values(parameters: Any) -> dict[str, Any]:
    found = {name: (value, value.WhichOneof("parameter_choice")) for name, value in parameters.items()}
    return {name: getattr(value, choice) for name, (value, choice) in found.items() if choice}


def _write_values(parameters: Any, values: Mapping[str, Any]) -> None:
    fields = {bool: "bool_param", int: "int64_param", str: "string_param", float: "double_param"}
    for name, value in values.items():
        setattr(parameters[name], fields[type(value)], value)


def _check_unique(names: Iterable[str], what: str) -> None:
    seen = set()
    for name in names:
        if name in seen:
            raise ProtocolError(f"The {what} {name!r} comes twice.")
        seen.add(name)
