"""The outputs that a request asks for: which there are, and their tensors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from classifier import ModelPackage
from classifier.errors import ProtocolError
from classifier.formatting import listed
from classifier.protocols import oip
from classifier.protocols.oip import InferRequest, Parameters, RequestedOutput, Tensor
from classifier.result import Inference
from web.oip import description

_VALUES: dict[str, Callable[[Inference], Any]] = {
    description.PROBABILITIES: lambda result: result.probabilities,
    description.SCORES: lambda result: result.scores,
    description.FEATURES: lambda result: _features(result.features),
    description.FAMILIAR: lambda result: _familiar(result.familiar),
}


def _features(values: NDArray[np.float32] | None) -> NDArray[np.float32]:
    if values is None:  # such as a SavedModel in TensorFlow, which the importer gave none
        raise ProtocolError("The model gives no features where it runs here. Ask for 'probabilities' or 'scores'.")
    return values


def _familiar(value: float | None) -> NDArray[np.float32]:
    if value is None:  # the model runs elsewhere
        raise ProtocolError("How familiar a picture is, is unknown: the engine that runs the model gives no features.")
    return np.array([value], np.float32)


@dataclass(frozen=True, slots=True)
class Output:
    """An output that was asked for.

    Attributes:
        name: of the output.
        best: how many classes to answer as text, best first; 0 for the values of all.
        labels: of the classes.
    """

    name: str
    best: int
    labels: Sequence[str]

    def of(self, result: Inference) -> NDArray[Any]:
        """What it is of one picture: values, or `SCORE:INDEX:LABEL` for the best classes."""
        values: NDArray[np.float32] = _VALUES[self.name](result)
        if not self.best:
            return values
        indices = np.argsort(-values, kind="stable")[: self.best]
        texts = [f"{values[index]}:{index}:{self.labels[index]}".encode() for index in indices]
        return oip.strings(self.name, texts).data

    def tensor(self, pictures: Sequence[NDArray[Any]]) -> Tensor:
        """The output of all pictures."""
        return Tensor(self.name, np.stack(pictures))


class Remarks:
    """What is told of pictures beside the outputs, as parameters of the answer."""

    def __init__(self, pictures: int) -> None:
        """Args: pictures: how many there are."""
        self._pictures = pictures
        self._notes: list[str] = []
        self._unstructured: list[str] = []

    def of(self, number: int, sentence: str) -> str:
        """A sentence about a picture, with its number, from 1, if there are several."""
        return f"Picture {number} of {self._pictures}: {sentence}" if self._pictures > 1 else sentence

    def add(self, number: int, result: Inference) -> None:
        """Takes down what is to be told of a picture."""
        self._notes += [self.of(number, note.message) for note in result.notes]
        if not result.structured:
            self._unstructured.append(str(number))

    @property
    def parameters(self) -> Parameters:
        """`notes`, a sentence a line, and `unstructured`, numbers of pictures, as far as there are any."""
        found = {"notes": "\n".join(self._notes), "unstructured": ",".join(self._unstructured)}
        return {name: text for name, text in found.items() if text}


def read_outputs(request: InferRequest, package: ModelPackage) -> list[Output]:
    """The outputs that a request asks for; the probabilities if it asks for none.

    Raises:
        ProtocolError: the model has no such output, or a parameter is wrong.
        UnknownLanguageError: the model has no labels in the language that the parameter `lang` names.
    """
    language = request.parameters.get("lang")
    if language is not None and not isinstance(language, str):
        raise ProtocolError("The parameter 'lang' must be a text, such as 'en'.")
    labels = package.labels[package.check_language(language)]
    known = [about.name for about in description.outputs(package)]
    asked = request.outputs or [RequestedOutput(description.PROBABILITIES)]
    return [_read(output, known, labels, package) for output in asked]


def _read(output: RequestedOutput, known: Sequence[str], labels: Sequence[str], package: ModelPackage) -> Output:
    if output.name not in known:
        raise ProtocolError(f"The model has no output {oip.shown(output.name)}. Ask for {listed(known)}.")
    if any(name.startswith("shared_memory") for name in output.parameters):
        raise ProtocolError("This server has no shared memory. Ask for the output without it.")
    best = output.parameters.get("classification", 0)
    if type(best) is not int or best < 0:
        raise ProtocolError("The parameter 'classification' must be a whole number from 0 on.")
    classes = package.manifest.output.scores if output.name == description.SCORES else len(labels)
    if best and (output.name in (description.FEATURES, description.FAMILIAR) or classes != len(labels)):
        raise ProtocolError(f"The output {output.name!r} is not one score for each class. Ask for 'probabilities'.")
    return Output(output.name, best, labels)
