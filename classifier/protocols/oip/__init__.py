"""The Open Inference Protocol v2: its data types and its messages, as JSON with or without tensors in binary behind it.

https://github.com/kserve/open-inference-protocol describes the protocol, and Triton's documentation the extension for
binary tensors: little-endian, row-major data that follow the JSON, whose length the header `HEADER_LENGTH` says. Of a
tensor BYTES, each element is its length in 4 bytes and then itself.

Nothing here sends or receives, nor knows HTTP. What comes from outside is checked before anything is allocated for it.
"""

from classifier.protocols.oip.bounded_json import MOST_VALUES, read_json
from classifier.protocols.oip.decoding import (
    HEADER_LENGTH,
    decode_model_metadata,
    decode_request,
    decode_response,
    decode_server_metadata,
)
from classifier.protocols.oip.encoding import encode_request, encode_response
from classifier.protocols.oip.json_tensors import decode_base64
from classifier.protocols.oip.messages import (
    InferRequest,
    InferResponse,
    ModelMetadata,
    RequestedOutput,
    ServerMetadata,
    TensorMetadata,
)
from classifier.protocols.oip.tensors import (
    BYTES,
    DATATYPES,
    MOST_STRINGS,
    Parameters,
    Tensor,
    check_sent,
    check_shape,
    datatype_of,
    dtype_of,
    shown,
    strings,
    tensor_from_bytes,
    tensor_to_bytes,
)

BINARY = "binary_tensor_data"
"""How a server's metadata name the extension for binary tensors."""

__all__ = [
    "BINARY",
    "BYTES",
    "DATATYPES",
    "HEADER_LENGTH",
    "MOST_STRINGS",
    "MOST_VALUES",
    "InferRequest",
    "InferResponse",
    "ModelMetadata",
    "Parameters",
    "RequestedOutput",
    "ServerMetadata",
    "Tensor",
    "TensorMetadata",
    "check_sent",
    "check_shape",
    "datatype_of",
    "decode_base64",
    "decode_model_metadata",
    "decode_request",
    "decode_response",
    "decode_server_metadata",
    "dtype_of",
    "encode_request",
    "encode_response",
    "read_json",
    "shown",
    "strings",
    "tensor_from_bytes",
    "tensor_to_bytes",
]
