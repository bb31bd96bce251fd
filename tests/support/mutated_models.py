"""Mutated model files: bytes, members of zips, the tables of a `.tflite` graph, and the nodes of an `.onnx` graph."""

from __future__ import annotations

import io
import random
import zipfile
from typing import Any

import flatbuffers
import onnx
from ai_edge_litert import schema_py_generated as schema

from tests.support.tiny_tflite import with_files

_OPERATIONS = [
    "Add",
    "BatchNormalization",
    "Clip",
    "Concat",
    "Constant",
    "Conv",
    "ConvInteger",
    "DequantizeLinear",
    "Div",
    "Flatten",
    "Gather",
    "Gemm",
    "Identity",
    "If",
    "Loop",
    "MatMul",
    "Mul",
    "Neg",
    "Pad",
    "QLinearConv",
    "QuantizeLinear",
    "ReduceMean",
    "Reshape",
    "Resize",
    "Shape",
    "Slice",
    "Softmax",
    "Split",
    "Squeeze",
    "Sub",
    "Transpose",
    "ZipMap",
]
_NUMBERS = (0, 1, 2, 3, 4, 8, 127, 128, 255, 256, 65535, 65536, 2**30, 2**31 - 1, 2**31, 2**32 - 4, 2**32 - 1)


def mutant(chance: random.Random, name: str, data: bytes) -> bytes:
    """A sound file after one to four edits."""
    if name.endswith((".zip", ".keras")) and chance.random() < 0.7:  # else only the zip itself is ever damaged
        return _mutant_of_zip(chance, data)
    if name.endswith(".tflite") and chance.random() < 0.5:
        return _mutant_of_graph(chance, data)
    if name.endswith(".onnx") and chance.random() < 0.7:
        return _mutant_of_onnx(chance, data)
    return _edited(chance, data)


def _edited(chance: random.Random, data: bytes) -> bytes:
    edited = bytearray(data)
    for _ in range(chance.randint(1, 4)):
        if not edited:
            break
        # Tables lie at the beginning or at the end of files, weights in between.
        at = int(len(edited) * chance.choice((chance.random(), chance.random() * 0.1, 1 - chance.random() * 0.1)))
        at = min(at, len(edited) - 1)
        kind = chance.randrange(6)
        if kind == 0:
            edited[at] ^= 1 << chance.randrange(8)
        elif kind == 1:
            edited[at] = chance.choice(_NUMBERS) & 255
        elif kind == 2:
            at &= ~3
            edited[at : at + 4] = chance.choice(_NUMBERS).to_bytes(4, "little")
        elif kind == 3:
            del edited[at : at + chance.randint(1, 64)]
        elif kind == 4:
            edited[at:at] = edited[at : at + 64] * chance.randint(1, 8)
        else:
            del edited[at:]
    return bytes(edited)


def _mutant_of_zip(chance: random.Random, data: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    name = chance.choice(sorted(files))
    files[name] = mutant(chance, name, files[name])
    return zipped(files)


def _mutant_of_graph(chance: random.Random, data: bytes) -> bytes:
    """A whole `.tflite` file with other numbers in its tables: what LiteRT's check of the file's form lets pass."""
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(data, 0))
    graph = model.subgraphs[0]
    for _ in range(chance.randint(1, 3)):
        operator, tensor = chance.choice(graph.operators), chance.choice(graph.tensors)
        kind = chance.randrange(9)
        if kind == 0:
            tensor.shape = _changed(chance, tensor.shape)
        elif kind == 1:
            tensor.type = chance.randrange(20)
        elif kind == 2:
            tensor.buffer = chance.randrange(len(model.buffers) + 1)
        elif kind == 3:
            operator.inputs = _changed(chance, operator.inputs, len(graph.tensors) + 1)
        elif kind == 4:
            operator.outputs = _changed(chance, operator.outputs, len(graph.tensors) + 1)
        elif kind == 5:
            code = chance.choice(model.operatorCodes)
            code.builtinCode = code.deprecatedBuiltinCode = chance.randrange(127)
        elif kind == 6:
            buffer = chance.choice(model.buffers)
            if buffer.data is not None and len(buffer.data):
                buffer.data = list(_edited(chance, bytes(buffer.data)))
        elif kind == 7 and operator.builtinOptions is not None:
            numbers = [name for name, value in vars(operator.builtinOptions).items() if isinstance(value, int)]
            if numbers:
                setattr(operator.builtinOptions, chance.choice(numbers), chance.choice((0, 1, 2, 3, 5, 99)))
        elif kind == 8 and tensor.quantization is not None:
            tensor.quantization.scale = [chance.choice((0.0, -1.0, 1e-30, 1e30, float("nan"), float("inf")))]
            tensor.quantization.zeroPoint = [chance.choice((0, -(2**40), 2**31, 300))]
    builder = flatbuffers.Builder(1024)
    try:
        builder.Finish(model.Pack(builder), b"TFL3")
    except Exception:  # a number that its field cannot hold
        return data
    whole = bytes(builder.Output())
    if not data.endswith(b"\0\0") and zipfile.is_zipfile(io.BytesIO(data)):
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            whole = with_files(whole, {one: archive.read(one).decode() for one in archive.namelist()})
    return whole


def _mutant_of_onnx(chance: random.Random, data: bytes) -> bytes:
    """A whole `.onnx` file with other names, operations and numbers in its graph."""
    model = onnx.ModelProto.FromString(data)
    graph = model.graph
    names = ["", *(name for node in graph.node for name in (*node.input, *node.output))]
    for _ in range(chance.randint(1, 3)):
        node, kind = chance.choice(graph.node), chance.randrange(9)
        tensor = chance.choice(graph.initializer) if graph.initializer else onnx.TensorProto()
        value = chance.choice([*graph.input, *graph.output])
        if kind == 0:
            node.op_type = chance.choice(_OPERATIONS)
        elif kind == 1 and node.input:
            node.input[chance.randrange(len(node.input))] = chance.choice(names)
        elif kind == 2:
            node.output[0] = chance.choice(names)
        elif kind == 3:
            tensor.dims[:] = _changed(chance, tensor.dims)
        elif kind == 4:
            tensor.data_type = chance.randrange(24)
        elif kind == 5:
            value.type.tensor_type.elem_type = chance.randrange(24)
        elif kind == 6:
            sides = _changed(chance, [side.dim_value for side in value.type.tensor_type.shape.dim])
            del value.type.tensor_type.shape.dim[:]
            for side in sides:
                value.type.tensor_type.shape.dim.add(dim_value=side)
        elif kind == 7:
            for entry in (
                chance.sample([*tensor.external_data, *model.metadata_props], k=1) if model.metadata_props else ()
            ):
                entry.value = chance.choice(("", "-1", "9" * 30, "../x", "[" * 3000, "{", entry.value * 2, "nan"))
        else:
            for attribute in node.attribute:
                attribute.i, attribute.ints[:] = chance.choice((-1, 0, 2**40)), _changed(chance, attribute.ints)
    return bytes(model.SerializeToString())


def _changed(chance: random.Random, numbers: Any, most: int | None = None) -> list[int]:
    changed = [] if numbers is None else [int(number) for number in numbers]
    if not changed or chance.random() < 0.2:
        return changed[:-1] if chance.random() < 0.5 else [*changed, 1]
    choice = chance.randrange(-1, most) if most else chance.choice((-1, 0, 1, 2, 7, 1000, 2**16, 2**30, 2**31 - 1))
    changed[chance.randrange(len(changed))] = choice
    return changed


def zipped(files: dict[str, bytes]) -> bytes:
    """A zip of files by name."""
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return whole.getvalue()
