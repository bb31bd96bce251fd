"""TensorFlow Serving's REST, which KServe calls its version 1: `/v1/models/M:predict`, values in JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

import numpy as np

from classifier.backends.remote import json_text
from classifier.backends.remote.connection import Answer
from classifier.backends.remote.deadline import Deadline
from classifier.backends.remote.http import HttpClient, check_no_error
from classifier.backends.remote.transport import (
    MOST_METADATA,
    Array,
    BadAnswerError,
    Metadata,
    OverloadedError,
    RefusalError,
    Target,
    TensorSpec,
    most_answer,
)
from classifier.errors import ProtocolError
from classifier.formatting import whole_number
from classifier.protocols.oip import read_json
from classifier.protocols.signatures import preferred

_JSON = ("Content-Type", "application/json")
_TYPES: dict[str, np.dtype[np.generic]] = {
    "DT_FLOAT": np.dtype(np.float32),
    "DT_DOUBLE": np.dtype(np.float64),
    "DT_HALF": np.dtype(np.float16),
    "DT_UINT8": np.dtype(np.uint8),
}
_MOST_SIDE = 1 << 31


class TfsRest:
    """Speaks the protocol with one address."""

    title = "TensorFlow Serving's REST"

    def __init__(self, target: Target) -> None:
        """Sends nothing yet."""
        self._http = HttpClient(target)
        self._model = f"/v1/models/{quote(target.model, safe='')}"
        self._signature = ""  # as the metadata name it; the engine's default until they are known

    def metadata(self, deadline: Deadline) -> Metadata:
        """See `Transport`; engines other than TensorFlow Serving describe nothing."""
        try:
            answer = self._http.ask("GET", f"{self._model}/metadata", deadline, MOST_METADATA)
        except RefusalError:
            return Metadata("", (), ())
        signatures = _table(_json(answer), "metadata", "signature_def", "signature_def")
        names = [name for name, about in signatures.items() if _table(about, "inputs")]
        self._signature = preferred(names) if names else ""
        signature = _table(signatures, self._signature)
        return Metadata("tensorflow", _specs(signature.get("inputs")), _specs(signature.get("outputs")), json_text.MOST)

    def ready(self, deadline: Deadline) -> None:
        """See `Transport`. TensorFlow Serving lists a model's versions, of which one must be available."""
        found = _json(self._http.ask("GET", self._model, deadline, MOST_METADATA))
        versions = found.get("model_version_status")
        if isinstance(versions, list):
            if not any(isinstance(version, dict) and version.get("state") == "AVAILABLE" for version in versions):
                raise OverloadedError("its model is not ready")
        elif found.get("ready") in (False, "False", "false"):
            raise OverloadedError("its model is not ready")

    def infer(self, inputs: Mapping[str, Array], outputs: Sequence[str], deadline: Deadline) -> dict[str, Array]:
        """See `Transport`; it gives all outputs of the model's signature."""
        ((_, values),) = inputs.items()
        signature = f'"signature_name":{json.dumps(self._signature)},' if self._signature else ""
        body = f'{{{signature}"instances":{json_text.nested(values)}}}'.encode()
        answer = self._http.ask("POST", f"{self._model}:predict", deadline, most_answer(len(values)), [_JSON], body)
        predictions = _json(answer).get("predictions")
        if predictions is None:
            check_no_error(answer)
        return _arrays(predictions, len(values))

    def abandon(self) -> None:
        """See `Transport`."""
        self._http.abandon()

    def close(self) -> None:
        """See `Transport`."""
        self._http.close()


def _json(answer: Answer) -> dict[str, Any]:
    try:
        return read_json(answer.body)
    except ProtocolError as error:
        if "html" in answer.media_type or answer.body[:20].lstrip().startswith(b"<"):
            raise BadAnswerError("it answers with a web page instead of JSON") from error
        raise BadAnswerError(f"its answer does not follow the protocol: {error.message}") from error


def _arrays(predictions: object, pictures: int) -> dict[str, Array]:
    """The outputs of a row for each picture: its only output, or an object of its outputs."""
    if not isinstance(predictions, list) or len(predictions) != pictures:
        raise BadAnswerError(f"its answer does not have one prediction for each of {pictures} pictures")
    if not all(isinstance(row, dict) for row in predictions):
        return {"": _array(predictions)}
    names = predictions[0].keys()
    if any(row.keys() != names for row in predictions):
        raise BadAnswerError("its answer has other outputs for one picture than for another")
    return {name: _array([row[name] for row in predictions]) for name in names}


def _array(rows: list[Any]) -> Array:
    try:
        found = np.array(rows)
    except ValueError as error:
        raise BadAnswerError("its answer has more values for one picture than for another") from error
    if found.dtype.kind not in "fiu":
        raise BadAnswerError("its answer has something other than numbers as scores")
    return found.astype(np.float32)


def _specs(tensors: object) -> tuple[TensorSpec, ...]:
    if not isinstance(tensors, dict):
        return ()
    return tuple(
        TensorSpec(name, _TYPES.get(str(_table(about).get("dtype"))), _shape(about), str(_table(about).get("dtype")))
        for name, about in tensors.items()
    )


def _shape(about: object) -> tuple[int, ...]:
    """A shape as JSON writes protocol buffers: sizes are texts, and left out where they are 0."""
    sides = _table(about, "tensor_shape").get("dim", [])
    sizes = [str(_table(side).get("size", "0")) for side in sides] if isinstance(sides, list) else []
    return tuple(-1 if size == "-1" else whole_number(size, _MOST_SIDE) or 0 for size in sizes)


def _table(value: object, *path: str) -> dict[str, Any]:
    """The object at a path; an empty one where there is none."""
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}
