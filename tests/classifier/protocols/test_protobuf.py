"""The messages of gRPC services: what is committed is what the `.proto` files say, and nothing clashes with others'."""

from __future__ import annotations

import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from google.protobuf import descriptor_pb2
from hypothesis import given
from hypothesis import strategies as st

from classifier.errors import ProtocolError
from classifier.protocols import oip, oip_grpc, tensorflow_serving
from classifier.protocols.oip import InferRequest, InferResponse, RequestedOutput, Tensor
from classifier.protocols.protobuf import DESCRIPTORS, bounds, message_class, parse

NUMBERS = [name for name in oip.DATATYPES if name != oip.BYTES]
REQUEST = message_class("inference.ModelInferRequest")


def test_the_descriptors_are_those_of_the_proto_files(tmp_path: Path) -> None:
    pytest.importorskip("grpc_tools", reason="grpcio-tools is not installed")
    files = sorted(path.name for path in DESCRIPTORS.parent.glob("*.proto"))
    command = [sys.executable, "-m", "grpc_tools.protoc", "--proto_path=.", f"--descriptor_set_out={tmp_path / 'new'}"]
    subprocess.run([*command, *files], cwd=DESCRIPTORS.parent, check=True)
    new, present = (
        descriptor_pb2.FileDescriptorSet.FromString(file.read_bytes()) for file in (tmp_path / "new", DESCRIPTORS)
    )
    assert new == present, "run `make protocols`"


def test_the_same_names_may_be_defined_elsewhere_in_the_process() -> None:
    """tritonclient and KServe define `inference.ModelInferRequest` in protobuf's default pool, each in its way."""
    script = """
from google.protobuf import descriptor_pb2, descriptor_pool
from classifier.protocols.protobuf import message_class

other = descriptor_pb2.FileDescriptorProto(name="another.proto", package="inference", syntax="proto3")
other.message_type.add(name="ModelInferRequest").field.add(name="something", number=1, type=5, label=1)
descriptor_pool.Default().Add(other)
assert "raw_input_contents" in message_class("inference.ModelInferRequest").DESCRIPTOR.fields_by_name
"""
    subprocess.run([sys.executable, "-c", script], check=True)  # here, the name would be taken for other tests


@pytest.mark.slow
def test_tensorflows_own_messages_are_the_same_bytes() -> None:
    meta_graph = pytest.importorskip("tensorflow.core.protobuf.meta_graph_pb2")
    tensor_pb2 = pytest.importorskip("tensorflow.core.framework.tensor_pb2")
    values = np.arange(6, dtype=np.float32).reshape(1, 2, 3)
    sent = tensorflow_serving.predict_request("m", "s", [Tensor("input", values)], ["scores"])
    theirs = tensor_pb2.TensorProto.FromString(sent.inputs["input"].SerializeToString())
    assert (theirs.dtype, [dim.size for dim in theirs.tensor_shape.dim]) == (1, [1, 2, 3])
    assert theirs.tensor_content == values.tobytes()
    signature = meta_graph.SignatureDef(method_name="tensorflow/serving/predict")
    signature.inputs["input"].dtype = 1
    for size in (-1, 224, 224, 3):
        signature.inputs["input"].tensor_shape.dim.add(size=size)
    ours = parse(message_class("tensorflow.serving.SignatureDef"), signature.SerializeToString())
    assert ours.method_name == "tensorflow/serving/predict"
    assert [dim.size for dim in ours.inputs["input"].tensor_shape.dim] == [-1, 224, 224, 3]


def test_a_request_is_read_as_it_was_written() -> None:
    values = np.array([[0, 1, 1], [1, 0, 1]])
    tensors = [Tensor(name, values.astype(oip.DATATYPES[name]), {"a": True}) for name in NUMBERS]
    tensors += [oip.strings("picture", [b"", b"\xff\xd8\0", b"abc"])]
    outputs = [RequestedOutput("probabilities", {"classification": 3})]
    sent = oip_grpc.request_to("model", "1", InferRequest(tensors, outputs, "an id", {"lang": "de", "f": 0.5}))
    data = sent.SerializeToString()
    assert bounds.check(data, REQUEST.DESCRIPTOR) < 100
    found = oip_grpc.request_from(parse(REQUEST, data))
    assert (found.id, found.parameters, found.outputs) == ("an id", {"lang": "de", "f": 0.5}, outputs)
    for before, after in zip(tensors, found.inputs, strict=True):
        assert (after.name, after.datatype, after.parameters) == (before.name, before.datatype, before.parameters)
        np.testing.assert_array_equal(after.data, before.data)


def test_answers_and_metadata_are_read_as_they_were_written() -> None:
    answer = InferResponse("model", [Tensor("scores", np.ones((1, 2), np.float32))], "1", "an id")
    found = oip_grpc.response_from(oip_grpc.response_to(answer))
    assert (found.model_name, found.model_version, found.id) == ("model", "1", "an id")
    assert found.outputs[0].data.tolist() == [[1, 1]]
    metadata = oip.ModelMetadata("m", "p", (oip.TensorMetadata("i", "FP32", (-1, 3)),), (), ("1",))
    assert oip_grpc.model_metadata_from(oip_grpc.model_metadata_to(metadata)) == metadata


@pytest.mark.parametrize(
    ("datatype", "field", "values"),
    [
        ("BOOL", "bool_contents", [True, False]),
        ("INT8", "int_contents", [-128, 127]),
        ("INT64", "int64_contents", [-(2**63), 2**63 - 1]),
        ("UINT8", "uint_contents", [0, 255]),
        ("UINT64", "uint64_contents", [0, 2**64 - 1]),
        ("FP32", "fp32_contents", [0.5, -1.0]),
        ("FP64", "fp64_contents", [0.1, -1e300]),
        ("BYTES", "bytes_contents", [b"a", b"\xff"]),
    ],
)
def test_typed_contents(datatype: str, field: str, values: list[Any]) -> None:
    found = oip_grpc.request_from(_typed(datatype, [2], **{field: values}))
    assert found.inputs[0].data.tolist() == values
    assert found.inputs[0].datatype == datatype


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        (lambda: _typed("UINT8", [2], uint_contents=[1]), "needs 2 values in uint_contents"),
        (lambda: _typed("UINT8", [1], uint_contents=[256]), "does not fit UINT8"),
        (lambda: _typed("INT8", [1], int_contents=[-129]), "does not fit INT8"),
        (lambda: _typed("UINT8", [1], uint_contents=[1], int_contents=[1]), "nothing else"),
        (lambda: _typed("FP16", [1], fp32_contents=[1]), "raw contents only"),
        (lambda: _typed("UINT8", [-1], uint_contents=[1]), "whole numbers"),
        (lambda: _typed("UINT8", [2**40, 2**40], uint_contents=[1]), "too many"),
        (lambda: _typed("COMPLEX", [1], uint_contents=[1]), "not supported"),
        (lambda: _typed("UINT8", [1], raw=[b"a", b"b"], uint_contents=[]), "raw contents of 2"),
        (lambda: _typed("UINT8", [1], raw=[b"a"], uint_contents=[1]), "both contents and raw contents"),
        (lambda: _typed("UINT8", [2], raw=[b"a"]), "is 2 bytes, but 1 were sent"),
    ],
)
def test_what_does_not_fit_is_refused_with_a_sentence(request_: Any, said: str) -> None:
    with pytest.raises(ProtocolError, match=said):
        oip_grpc.request_from(request_())


def _typed(datatype: str, shape: list[int], raw: list[bytes] | None = None, **contents: list[Any]) -> Any:
    request = REQUEST(raw_input_contents=raw or [])
    request.inputs.add(name="x", datatype=datatype, shape=shape, **({"contents": contents} if contents else {}))
    return request


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    with suppress(ProtocolError):
        bounds.check(data, REQUEST.DESCRIPTOR)
        oip_grpc.request_from(parse(REQUEST, data))


@pytest.mark.parametrize("field", [b"\x2a\x00", b"\x32\x00", b"\x22\x00", b"\x3a\x00", b"\x2a\x02\x22\x00"])
def test_many_fields_are_refused_before_they_are_parsed(field: bytes) -> None:
    with pytest.raises(ProtocolError, match="more than 10000 fields"):
        bounds.check(field * 10_001, REQUEST.DESCRIPTOR)


def test_the_outputs_of_tensorflow_serving() -> None:
    response = tensorflow_serving.message("PredictResponse")
    tensor = response.outputs["scores"]
    tensor.dtype = 1
    for size in (1, 2):
        tensor.tensor_shape.dim.add(size=size)
    tensor.float_val.extend([0.25, 0.75])
    (found,) = tensorflow_serving.outputs_from(response)
    assert found.data.tolist() == [[0.25, 0.75]]
    tensor.float_val.append(1)
    with pytest.raises(ProtocolError, match="do not fit its shape"):
        tensorflow_serving.outputs_from(response)
