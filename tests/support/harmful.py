"""Model files that LiteRT loads and that harm its process: by a crash, a hang, or without end taking memory.

The first two were found by `make fuzz`, and then written with nothing but their fault.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

from tests.support.imported import bring, place
from tests.support.tiny_tflite import Tiny

_INPUT = (0.00392, -128)
_FILL = schema.BuiltinOperator.FILL


def crashing() -> bytes:
    """The number that stands for 0 in its scores is none of theirs, by far."""
    return Tiny(dtype="int8", quantisation=(_INPUT, (1e-30, 2**31))).build()


def hanging() -> bytes:
    """Its last operation waits for what it makes itself."""

    def edit(model: Any) -> None:
        last = model.subgraphs[0].operators[-1]
        last.inputs = last.outputs

    return _edited(Tiny(dtype="int8", quantisation=(_INPUT, _INPUT)).build(), edit)


def filling(gigabytes: int = 3) -> bytes:
    """It fills this much memory with a number, and takes the mean of it instead of the picture's."""

    def edit(model: Any) -> None:
        graph = model.subgraphs[0]
        height = gigabytes * 10**9 // (1024 * 3 * 4)
        sides = _constant(model, np.array([1, height, 1024, 3], np.int32), schema.TensorType.INT32)
        value = _constant(model, np.array(0.5, np.float32), schema.TensorType.FLOAT32)
        filled = schema.TensorT()
        filled.name, filled.shape, filled.type, filled.buffer = b"filled", [1, height, 1024, 3], 0, 0
        graph.tensors.append(filled)
        code = schema.OperatorCodeT()
        code.builtinCode, code.deprecatedBuiltinCode, code.version = _FILL, _FILL, 1
        model.operatorCodes.append(code)
        operator = schema.OperatorT()
        operator.opcodeIndex, operator.inputs = len(model.operatorCodes) - 1, [sides, value]
        operator.outputs = [len(graph.tensors) - 1]
        mean = graph.operators[0]
        mean.inputs = [operator.outputs[0], mean.inputs[1]]
        graph.operators.insert(0, operator)

    return _edited(Tiny().build(), edit)


def package(folder: Path, data: bytes) -> Path:
    """The folder of a package that nobody has tried: of a sound model, whose weights are then exchanged."""
    imported, _ = bring(place(folder, Tiny().build()))
    made = imported.package
    manifest = made.folder / "model.toml"
    old = made.manifest.weights["litert"].sha256 or ""
    (made.folder / "model.tflite").write_bytes(data)
    manifest.write_text(manifest.read_text("utf-8").replace(f'sha256 = "{old}"\n', ""), "utf-8")
    return made.folder


def _constant(model: Any, values: NDArray[Any], kind: int) -> int:
    buffer, tensor = schema.BufferT(), schema.TensorT()
    buffer.data = list(values.tobytes())
    model.buffers.append(buffer)
    tensor.name, tensor.shape, tensor.type, tensor.buffer = b"", list(values.shape), kind, len(model.buffers) - 1
    model.subgraphs[0].tensors.append(tensor)
    return len(model.subgraphs[0].tensors) - 1


def _edited(data: bytes, edit: Callable[[Any], None]) -> bytes:
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(data, 0))
    edit(model)
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())
