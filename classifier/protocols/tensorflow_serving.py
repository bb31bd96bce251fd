"""TensorFlow Serving's gRPC messages, as far as a client needs them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from classifier.errors import ProtocolError
from classifier.protocols.oip import ModelMetadata, Tensor, TensorMetadata
from classifier.protocols.protobuf import Message, message_class, parse
from classifier.protocols.signatures import preferred

PREDICTION_SERVICE = "tensorflow.serving.PredictionService"
MODEL_SERVICE = "tensorflow.serving.ModelService"
"""The names of the two services."""

AVAILABLE = 30
"""`ModelVersionStatus.State.AVAILABLE`: the version serves."""

# tensorflow.DataType, and the protocol's names for the same.
_TYPES = {
    1: ("FP32", "f4"),
    2: ("FP64", "f8"),
    3: ("INT32", "i4"),
    4: ("UINT8", "u1"),
    7: ("BYTES", ""),
    19: ("FP16", "f2"),
}
_NUMBERS = {np.dtype(kind): number for number, (_, kind) in _TYPES.items() if kind}
_VALUES = {1: "float_val", 2: "double_val"}


def message(name: str, /, **fields: object) -> Message:
    """A message, by its name without the package."""
    return message_class(f"tensorflow.serving.{name}")(**fields)


def predict_request(model: str, signature: str, tensors: Iterable[Tensor], outputs: Iterable[str]) -> Message:
    """A `PredictRequest`.

    Args:
        model: the model's name.
        signature: which of its signatures.
        tensors: the inputs.
        outputs: names of the outputs to answer; all if there are none.
    """
    made = message("PredictRequest", model_spec={"name": model, "signature_name": signature}, output_filter=outputs)
    for tensor in tensors:
        array = np.ascontiguousarray(tensor.data)
        written = made.inputs[tensor.name]
        written.dtype = _NUMBERS[array.dtype]
        for size in array.shape:
            written.tensor_shape.dim.add(size=size)
        written.tensor_content = array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes()
    return made


def outputs_from(response: Message) -> list[Tensor]:
    """The outputs in a `PredictResponse` that are floating-point numbers.

    Raises:
        ProtocolError: a tensor's values do not fit its shape.
    """
    return [
        Tensor(name, _array(name, tensor))
        for name, tensor in sorted(response.outputs.items())
        if tensor.dtype in (1, 2, 19)
    ]


def metadata_from(model: str, response: Message) -> tuple[str, ModelMetadata]:
    """What a `GetModelMetadataResponse` says of a model: a signature's name, and its inputs and outputs.

    Of several signatures, that is `serving_default` if the model has it, else the first that predicts.

    Raises:
        ProtocolError: it names no signature.
    """
    packed = response.metadata["signature_def"].value if "signature_def" in response.metadata else b""
    found = parse(message_class("tensorflow.serving.SignatureDefMap"), packed).signature_def
    names = [name for name in found if found[name].inputs]
    if not names:
        raise ProtocolError(f"The model {model!r} has no signature with inputs.")
    signature = found[preferred(names)]
    inputs, outputs = _described(signature.inputs), _described(signature.outputs)
    return preferred(names), ModelMetadata(model, "tensorflow_serving", inputs, outputs)


def is_available(response: Message) -> bool:
    """Whether a `GetModelStatusResponse` says that a version of the model serves."""
    return any(version.state == AVAILABLE for version in response.model_version_status)


def _described(tensors: Mapping[str, Any]) -> tuple[TensorMetadata, ...]:
    return tuple(
        TensorMetadata(
            name,
            _TYPES.get(tensor.dtype, (f"DT_{tensor.dtype}", ""))[0],
            tuple(dim.size for dim in tensor.tensor_shape.dim),
        )
        for name, tensor in sorted(tensors.items())
    )


def _array(name: str, tensor: Any) -> NDArray[Any]:
    shape = tuple(dim.size for dim in tensor.tensor_shape.dim)
    dtype = np.dtype(_TYPES[tensor.dtype][1])
    try:
        if tensor.tensor_content:
            return np.frombuffer(tensor.tensor_content, dtype.newbyteorder("<")).astype(dtype).reshape(shape)
        values = np.array(getattr(tensor, _VALUES[tensor.dtype]), dtype)
        # One value alone stands for all of them.
        return np.broadcast_to(values, shape) if values.size == 1 else values.reshape(shape)
    except (KeyError, ValueError) as error:
        raise ProtocolError(f"The tensor {name!r}: its values do not fit its shape {shape}.") from error
