"""The codec of the Open Inference Protocol: what is written is read again, and what is wrong gets a sentence."""

from __future__ import annotations

import json
import tracemalloc
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from classifier.errors import ProtocolError
from classifier.protocols import oip
from classifier.protocols.oip import InferRequest, InferResponse, RequestedOutput, Tensor

NUMBERS = [name for name in oip.DATATYPES if name != oip.BYTES]


@pytest.mark.parametrize("binary", [True, False])
def test_a_request_is_read_as_it_was_written(binary: bool) -> None:
    values = np.array([[0, 1, 1], [1, 0, 1]])
    tensors = [Tensor(name, values.astype(oip.DATATYPES[name])) for name in NUMBERS]
    tensors += [oip.strings("picture", [b"", b"\xff\xd8\0", b"abc"]), oip.strings("text", [b"a", "ü".encode()], (2, 1))]
    outputs = [RequestedOutput("probabilities", {"classification": 3})]
    sent = InferRequest(tensors, outputs, "an id", {"lang": "de"})
    found = oip.decode_request(*oip.encode_request(sent, binary=binary))
    assert (found.id, found.parameters, found.outputs) == (sent.id, sent.parameters, outputs)
    for before, after in zip(tensors, found.inputs, strict=True):
        assert (after.name, after.datatype, after.shape) == (before.name, before.datatype, before.shape)
        assert (after.data == before.data).all()


@pytest.mark.parametrize("binary", [(), ("scores",), ("scores", "names")])
def test_an_answer_is_read_as_it_was_written(binary: tuple[str, ...]) -> None:
    scores = np.array([[0.1, 0.9]], np.float32)
    sent = InferResponse("model", [Tensor("scores", scores), oip.strings("names", [b"0.9:1:cat"])], "1", "an id")
    body, length = oip.encode_response(sent, binary)
    assert (length is None) == (not binary)
    found = oip.decode_response(body, length)
    assert (found.model_name, found.model_version, found.id) == ("model", "1", "an id")
    assert found.outputs[0].data.tolist() == scores.tolist()
    assert found.outputs[1].elements == [b"0.9:1:cat"]


@given(st.data())
def test_binary_tensors_of_any_type_and_shape(data: st.DataObject) -> None:
    dtype = oip.DATATYPES[data.draw(st.sampled_from(NUMBERS))]
    array = data.draw(arrays.arrays(dtype, arrays.array_shapes(min_dims=0, min_side=0)))
    tensor = Tensor("any", array)
    offset = data.draw(st.integers(0, 9))  # of the tensor in the body
    raw = memoryview(b"x" * offset + oip.tensor_to_bytes(tensor))[offset:]
    found = oip.tensor_from_bytes("any", tensor.datatype, list(array.shape), raw)
    assert found.data.dtype == dtype
    assert found.data.flags.aligned
    np.testing.assert_array_equal(found.data, array)


def test_data_may_be_nested_as_the_shape_says() -> None:
    assert tensor("FP32", [2, 1, 2], [[[1, 2.5]], [[3, 4]]]).data.tolist() == [[[1, 2.5]], [[3, 4]]]
    assert tensor("INT8", [2, 0], [[], []]).shape == (2, 0)


@pytest.mark.parametrize(
    ("data", "parameters"), [(["/9g="], {"content_type": "base64"}), ([{"b64": "/9g="}], {}), (["/9g="], {})]
)
def test_base64_in_json(data: list[Any], parameters: dict[str, str]) -> None:
    """It is decoded where the message says that it is base64; what else might be base64 is for the server to say."""
    expected = b"\xff\xd8" if parameters or isinstance(data[0], dict) else b"/9g="
    assert tensor("BYTES", [1], data, parameters=parameters).elements == [expected]


@pytest.mark.parametrize(
    ("datatype", "shape", "data", "why"),
    [
        ("BF16", [1], [1], "datatype 'BF16' is not supported"),
        (["FP32"], [1], [1], "is not supported"),
        ("FP32", [2], [1], "not 2 values"),
        ("FP32", [2], [[1], [2]], "not all of the datatype"),
        ("FP32", [2, 2], [[1, 2], [3]], "not 4 values"),
        ("FP32", [2, 2], [[1, 2], 3], "not 4 values"),
        ("FP32", [-1], [1], "whole numbers from 0 on"),
        ("FP32", [True], [1], "whole numbers from 0 on"),
        ("FP32", [1.0], [1], "whole numbers from 0 on"),
        ("FP32", "1", [1], "whole numbers from 0 on"),
        ("FP32", [1 << 62, 4, 0], [], "too many elements"),
        ("FP32", [1] * 17, [1], "too many elements or dimensions"),
        ("FP32", [1], ["1"], "not all of the datatype"),
        ("FP32", [1], [None], "not all of the datatype"),
        ("FP32", [1], [True], "not all of the datatype"),
        ("FP32", [1], [10**400], "does not fit"),
        ("FP32", [1], {"0": 1}, "not 1 values"),
        ("BOOL", [1], [1], "not all of the datatype"),
        ("UINT8", [1], [256], "does not fit"),
        ("UINT8", [1], [-1], "does not fit"),
        ("UINT8", [1], [1.0], "not all of the datatype"),
        ("BYTES", [1], [1], "not text"),
        ("BYTES", [1], ["\ud800"], "not text"),
        ("BYTES", [1], [{"b64": "_"}], "not base64"),
        ("BYTES", [1], [{"b64": 1}], "not base64"),
    ],
)
def test_tensors_in_json_that_are_refused(datatype: object, shape: object, data: object, why: str) -> None:
    with pytest.raises(ProtocolError, match=why):
        tensor(datatype, shape, data)


@pytest.mark.parametrize(
    ("datatype", "shape", "size", "data", "why"),
    [
        ("FP32", [1], 4, b"123", "3 bytes are left"),
        ("FP32", [1], 4, b"12345", "1 bytes follow"),
        ("FP32", [1], -4, b"1234", "binary_data_size is -4"),
        ("FP32", [1], 4.0, b"1234", "binary_data_size is 4.0"),
        ("FP32", [1], "4", b"1234", "binary_data_size is '4'"),
        ("FP32", [1 << 38], 4, b"1234", "1099511627776 bytes, but 4"),
        ("BOOL", [1], 1, b"\x02", "neither 0 nor 1"),
        ("BYTES", [1], 4, b"\xff\xff\xff\xff", "not 1 elements"),
        ("BYTES", [1], 5, b"\2\0\0\0a", "not 1 elements"),
        ("BYTES", [2], 5, b"\1\0\0\0a", "not 2 elements"),
        ("BYTES", [1], 6, b"\1\0\0\0ab", "not 1 elements"),
        ("BYTES", [1 << 39], 4, b"\0\0\0\0", "more than 1000000 elements"),
    ],
)
def test_tensors_in_binary_that_are_refused(datatype: str, shape: Any, size: Any, data: bytes, why: str) -> None:
    about = {"name": "a", "datatype": datatype, "shape": shape, "parameters": {"binary_data_size": size}}
    head = json.dumps({"inputs": [about]}).encode()
    with pytest.raises(ProtocolError, match=why):
        oip.decode_request(head + data, len(head))


@pytest.mark.parametrize(
    ("body", "length", "why"),
    [
        (b"", None, "cannot be read"),
        (b"[]", None, "must be an object"),
        (b'{"id":"a"} {}', None, "cannot be read"),
        (b'{"id":"\xff"}', None, "not UTF-8"),
        ('{"id":""}'.encode("utf-16"), None, "not UTF-8"),
        (b'{"id":1}', None, "id must be a text"),
        (b'{"id":"a","id":"b"}', None, "comes twice"),
        (b'{"inputs":{}}', None, "inputs must be a list"),
        (b'{"inputs":[1]}', None, "inputs must be a list"),
        (b'{"inputs":[{}]}', None, "no name"),
        (b'{"outputs":[{"name":"a"},{"name":"a"}]}', None, "same name"),
        (b'{"outputs":[{"name":"a","parameters":[]}]}', None, "parameters must be an object"),
        (b'{"parameters":{"a":NaN}}', None, "NaN"),
        (b'{"parameters":{"a":' + b"9" * 5000 + b"}}", None, "too many digits"),
        (b'{"inputs":' + b"[" * 100_000, None, "nested too deeply"),
        (b'{"inputs":[' + b"[]," * 3_000_000, None, "more than 2000000 values"),
        (b"{}", 3, "is 3, but the body has 2"),
        (b"{}", -1, "is -1"),
        (b"{}x", 2, "1 bytes follow"),
    ],
)
def test_messages_that_are_refused(body: bytes, length: int | None, why: str) -> None:
    with pytest.raises(ProtocolError, match=why):
        oip.decode_request(body, length)


def test_two_tensors_of_one_name() -> None:
    about = {"name": "a", "datatype": "FP32", "shape": [1], "data": [1]}
    with pytest.raises(ProtocolError, match="same name"):
        oip.decode_request(json.dumps({"inputs": [about, about]}).encode())


def test_nothing_large_is_allocated_for_what_was_only_announced() -> None:
    tracemalloc.start()
    try:
        for data in (b"", b"\xff\xff\xff\x7f"):
            with pytest.raises(ProtocolError):
                oip.tensor_from_bytes("a", "BYTES", [1000], data)
            with pytest.raises(ProtocolError):
                oip.tensor_from_bytes("a", "FP64", [1 << 30], data)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


def test_json_cannot_say_nan() -> None:
    answer = InferResponse("model", [Tensor("scores", np.array([np.nan], np.float32))])
    with pytest.raises(ProtocolError, match="NaN"):
        oip.encode_response(answer)
    assert oip.encode_response(answer, ["scores"])


def test_which_outputs_go_in_binary() -> None:
    outputs = [RequestedOutput("a", {"binary_data": True}), RequestedOutput("b")]
    assert InferRequest([], outputs).binary_outputs("ab") == {"a"}
    outputs = [RequestedOutput("a", {"binary_data": False}), RequestedOutput("b")]
    assert InferRequest([], outputs, parameters={"binary_data_output": True}).binary_outputs("ab") == {"b"}
    assert InferRequest([], parameters={"binary_data_output": True}).binary_outputs("ab") == {"a", "b"}


def test_metadata() -> None:
    server = oip.decode_server_metadata(b'{"name":"a","version":"1","extensions":["binary_tensor_data"]}')
    assert server == oip.ServerMetadata("a", "1", (oip.BINARY,))
    tensors = b'[{"name":"x","datatype":"FP32","shape":[-1,3]}]'
    model = oip.decode_model_metadata(b'{"name":"m","platform":"p","inputs":' + tensors + b',"outputs":[]}')
    assert model == oip.ModelMetadata("m", "p", (oip.TensorMetadata("x", "FP32", (-1, 3)),), ())


def tensor(datatype: object, shape: object, data: object, parameters: dict[str, Any] | None = None) -> Tensor:
    about = {"name": "a", "datatype": datatype, "shape": shape, "data": data, "parameters": parameters or {}}
    return oip.decode_request(json.dumps({"inputs": [about]}).encode()).inputs[0]
