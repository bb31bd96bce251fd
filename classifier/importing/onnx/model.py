"""An ONNX model as the importer needs it: parsed, with one input and one output of scores, and what its graph tells."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx
from google.protobuf.message import DecodeError, EncodeError
from onnx import inliner

from classifier.backends.onnx_errors import DAMAGED
from classifier.errors import ModelFileError
from classifier.explanation import onnx_head
from classifier.formatting import printable
from classifier.importing.network import Activation, Shape, check_one_of_each
from classifier.importing.onnx import arithmetic, edit, layout
from classifier.importing.onnx.arithmetic import Beginning
from classifier.importing.onnx.graph import Graph, most_common_type
from classifier.importing.onnx.scores import Scores, activation
from classifier.importing.onnx.scores import scores as scores_of
from classifier.importing.outputs import Output, check_wanted, choose
from classifier.machine import files

log = logging.getLogger(__name__)

_TYPE = onnx.TensorProto
_NAMES: dict[int, str] = {_TYPE.FLOAT: "float32", _TYPE.DOUBLE: "float64", _TYPE.UINT4: "4-bit", _TYPE.INT4: "4-bit"}
_BYTES = (_TYPE.INT8, _TYPE.UINT8)
_WHOLE = (*_BYTES, _TYPE.INT16, _TYPE.UINT16, _TYPE.INT32, _TYPE.UINT32, _TYPE.INT64, _TYPE.UINT64)
_SMALL = 128  # numbers of a constant; the types of larger ones are what a model's weights are
# Where operations on whole numbers have the scale of what they give; the zero point comes next.
_SCALES = {
    "QGemm": 7,
    "QLinearAdd": 6,
    "QLinearConv": 6,
    "QLinearGlobalAveragePool": 3,
    "QLinearMatMul": 6,
    "QLinearSigmoid": 3,
    "QLinearSoftmax": 3,
    "QuantizeLinear": 1,
}


@dataclass
class Model:
    """A model with its graph.

    Attributes:
        file: its file.
        proto: the model itself.
        image: name of the input.
        whole: whether the input is of whole numbers that stand for themselves.
        shape: shape of the input, batch included, with None for a dimension of any size.
        scores: the output.
        activation: the last operation.
        beginning: what the graph does to a picture's values first.
        feature_map: the last feature map, and whether its channels come first; None if there is none.
        changed: whether it is not what is in the file any more.
    """

    file: Path
    proto: Any
    image: str
    whole: bool
    shape: Shape
    scores: Scores
    activation: Activation | None
    beginning: Beginning
    feature_map: tuple[str, bool] | None
    changed: bool = False

    @property
    def properties(self) -> dict[str, str]:
        """Its metadata."""
        return {entry.key: entry.value for entry in self.proto.metadata_props}

    @property
    def channels_first(self) -> bool:
        """Whether the channels come before height and width."""
        return len(self.shape) == 4 and self.shape[1] in (1, 3) and self.shape[3] not in (1, 3)

    @property
    def weights(self) -> str:
        """The type of most of its weights."""
        most = most_common_type(tensor for tensor in self.proto.graph.initializer if math.prod(tensor.dims) >= _SMALL)
        return _NAMES.get(most) or str(_TYPE.DataType.Name(most)).lower()

    @property
    def description(self) -> str:
        """What it is, for people."""
        opset = next((one.version for one in self.proto.opset_import if one.domain in ("", "ai.onnx")), 1)
        maker = printable(self.proto.producer_name)[:40]
        words = [f"ONNX model, {self.weights} weights, opset {opset}"]
        if maker:
            words.append(f"of {maker}")
        return ", ".join(words)

    def adapt(self) -> None:
        """Changes what the package's backend could not use: other outputs, scaled integers, an unknown shape.

        Raises:
            ModelFileError: its scores are whole numbers of an unknown scale.
        """
        graph = Graph(self.proto, self.file)
        name = self.scores.name
        if not _declared(graph.inputs[0]):
            edit.declare_shape(graph.inputs[0], self.shape)
            self.changed = True
        if self.scores.others:
            edit.keep_only(self.proto, name, graph)
            self.changed = True
        if self.proto.graph.output[0].type.tensor_type.elem_type in _BYTES:
            name = self._with_floats(graph, name)
        quantised = self.beginning.quantised
        if quantised and graph.inputs[0].type.tensor_type.elem_type in _BYTES:
            edit.quantise_input(self.proto, self.image, quantised)
            self.changed = True
        self.scores = Scores(name, (), self.scores.labels)

    def add_features(self) -> str:
        """Gives it its feature map as a second output; returns the output's name."""
        if self.feature_map is None:
            raise ValueError("there is no feature map")
        tensor, first = self.feature_map
        self.changed = True
        return edit.add_features(self.proto, tensor, as_is=first == self.channels_first)

    def _with_floats(self, graph: Graph, name: str) -> str:
        node = graph.before(name, {"Flatten", "Identity", "Reshape", "Squeeze", "Unsqueeze"})
        place = _SCALES.get(node.op_type) if node is not None else None
        if place is None or len(node.input) <= place:
            raise ModelFileError(
                f"{self.file}: its scores are whole numbers, and nothing says what they stand for. Export it with "
                "scores in float32."
            )
        self.changed = True
        zero_point = node.input[place + 1] if len(node.input) > place + 1 else ""
        return edit.dequantise_output(self.proto, name, node.input[place], zero_point)


def read(file: Path, output: str | None = None) -> Model:
    """Reads a model that ONNX Runtime has loaded, and so checked, already.

    Raises:
        ModelFileError: it is damaged, or is not a classifier of pictures.
    """
    proto = _parsed(file)
    graph = Graph(proto, file)
    scores = _scores(graph, output)
    image = graph.inputs[0]
    shape, channels = layout.resolved(graph, image.name, _declared(image))
    if channels not in (None, 1, 3):
        raise ModelFileError(
            f"{file}: its first layer takes {channels} channels. Only pictures in colour (3) or grey (1) can be given "
            "to it."
        )
    beginning = arithmetic.read(graph, image.name)
    return Model(
        file=file,
        proto=proto,
        image=image.name,
        whole=image.type.tensor_type.elem_type in _WHOLE and beginning.quantised is None,
        shape=shape,
        scores=scores,
        activation=activation(graph, scores.name),
        beginning=beginning,
        # Another output would keep ONNX Runtime from computing with integers around it, which changes the scores.
        feature_map=None if _is_quantised(proto) else _feature_map(graph, scores.name),
    )


def _parsed(file: Path) -> Any:
    with files.refusing(ModelFileError, file):
        data = files.read(file)
    try:
        proto = onnx.ModelProto.FromString(data)
        return inliner.inline_local_functions(proto) if proto.functions else proto
    except (DecodeError, RuntimeError, ValueError) as error:
        raise ModelFileError(f"{file}: {DAMAGED}") from error


def _feature_map(graph: Graph, scores: str) -> tuple[str, bool] | None:
    """The last feature map, and whether its channels come first, of a model that ends in pooling and a small head."""
    try:
        return onnx_head.feature_map(graph.model.SerializeToString(), graph.file, scores)
    except (OSError, ValueError, EncodeError) as error:
        log.debug("The feature map cannot be told: %s", error)
        return None


def _is_quantised(proto: Any) -> bool:
    return any("Quantize" in node.op_type or "Integer" in node.op_type for node in proto.graph.node)


def _scores(graph: Graph, wanted: str | None) -> Scores:
    outputs = {one.name: Output(one.name, _declared(one)) for one in graph.model.graph.output}
    if wanted is not None:
        check_wanted(wanted, list(outputs.values()))
        return Scores(wanted, tuple(name for name in outputs if name != wanted))
    found = scores_of(graph)
    if not found:
        raise ModelFileError(
            f"{graph.file}: it gives no scores, only whole numbers or text, such as the best class. Export it with a "
            "score for each class as its output."
        )
    check_one_of_each(graph.file, len(graph.inputs), 1)
    if len(found) == 1:
        return found[0]
    chosen = choose(graph.file, [outputs.get(one.name, Output(one.name, ())) for one in found], None)
    return next(one for one in found if one.name == chosen.scores)


def _declared(image: Any) -> Shape:
    """The declared shape of an input or output, with None for a dimension of any size; empty if nothing is declared."""
    tensor = image.type.tensor_type
    if not tensor.HasField("shape"):
        return ()
    return tuple(side.dim_value if side.dim_value > 0 else None for side in tensor.shape.dim)
