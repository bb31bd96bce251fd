"""The messages of the Open Inference Protocol, as objects."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from classifier.protocols.oip.tensors import Parameters, Tensor


@dataclass(frozen=True, slots=True)
class RequestedOutput:
    """An output that a request asks for."""

    name: str
    parameters: Parameters = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class InferRequest:
    """A request for inference; without `outputs`, the server chooses them."""

    inputs: Sequence[Tensor]
    outputs: Sequence[RequestedOutput] = ()
    id: str = ""
    parameters: Parameters = field(default_factory=dict)

    def binary_outputs(self, names: Iterable[str]) -> set[str]:
        """The outputs, of those with the names, that shall be answered in binary."""
        default = self.parameters.get("binary_data_output") is True
        said = {output.name: output.parameters.get("binary_data", default) for output in self.outputs}
        return {name for name in names if said.get(name, default) is True}


@dataclass(frozen=True, slots=True, eq=False)
class InferResponse:
    """The answer to a request."""

    model_name: str
    outputs: Sequence[Tensor]
    model_version: str = ""
    id: str = ""
    parameters: Parameters = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TensorMetadata:
    """An input or output of a model; -1 in the shape is any size."""

    name: str
    datatype: str
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ModelMetadata:
    """What a server says of a model."""

    name: str
    platform: str
    inputs: tuple[TensorMetadata, ...]
    outputs: tuple[TensorMetadata, ...]
    versions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ServerMetadata:
    """What a server says of itself."""

    name: str
    version: str
    extensions: tuple[str, ...]
