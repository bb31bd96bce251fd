"""The Open Inference Protocol v2 over REST: tensors in binary where the engine offers that, in JSON elsewhere."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any
from urllib.parse import quote

from classifier.backends.remote import json_text
from classifier.backends.remote.connection import Answer
from classifier.backends.remote.deadline import Deadline
from classifier.backends.remote.http import HttpClient, check_no_error
from classifier.backends.remote.transport import (
    MOST_METADATA,
    Array,
    BadAnswerError,
    BrokenEngineError,
    EngineFailure,
    Metadata,
    OverloadedError,
    RefusalError,
    Target,
    TensorSpec,
    most_answer,
)
from classifier.errors import ProtocolError
from classifier.formatting import whole_number
from classifier.protocols import oip

_UNNAMED = "input"  # the input of a model whose engine does not describe it
_JSON = ("Content-Type", "application/json")
_CONFIGURATION = "model_configuration"  # Triton's extension that tells a model's largest batch


class OipRest:
    """Speaks the protocol with one address."""

    title = "Open Inference Protocol v2 over REST"

    def __init__(self, target: Target) -> None:
        """Sends nothing yet."""
        self._http = HttpClient(target)
        self._model = f"/v2/models/{quote(target.model, safe='')}"
        self._extensions: tuple[str, ...] | None = None

    def metadata(self, deadline: Deadline) -> Metadata:
        """See `Transport`. What the engine offers is asked anew, too: it may have been replaced by another version."""
        self._extensions = self._offered(deadline)
        answer = self._http.ask("GET", self._model, deadline, MOST_METADATA)
        try:
            found = oip.decode_model_metadata(answer.body)
        except ProtocolError as error:
            raise _not_the_protocol(answer, error) from error
        return Metadata(
            found.platform,
            tuple(map(_spec, found.inputs)),
            tuple(map(_spec, found.outputs)),
            self._most(deadline),
        )

    def ready(self, deadline: Deadline) -> None:
        """See `Transport`."""
        answer = self._http.ask("GET", f"{self._model}/ready", deadline, MOST_METADATA)
        if answer.media_type not in ("", "application/json", "text/plain"):
            raise BadAnswerError(f"it answers with {answer.media_type} instead of JSON")
        with suppress(ValueError, RecursionError):
            found = json.loads(answer.body or b"{}")
            if isinstance(found, dict) and found.get("ready") is False:
                raise OverloadedError("its model is not ready")

    def infer(self, inputs: Mapping[str, Array], outputs: Sequence[str], deadline: Deadline) -> dict[str, Array]:
        """See `Transport`."""
        if self._extensions is None:
            self._extensions = self._offered(deadline)
        binary = oip.BINARY in self._extensions
        pictures = max((len(data) for data in inputs.values()), default=1)
        body, length = _binary(inputs, outputs) if binary else (_json(inputs, outputs), None)
        headers = [_JSON if length is None else ("Content-Type", "application/octet-stream")]
        if length is not None:
            headers.append((oip.HEADER_LENGTH, str(length)))
        answer = self._http.ask("POST", f"{self._model}/infer", deadline, most_answer(pictures), headers, body)
        return _outputs(answer)

    def abandon(self) -> None:
        """See `Transport`."""
        self._http.abandon()

    def close(self) -> None:
        """See `Transport`."""
        self._http.close()

    def _offered(self, deadline: Deadline) -> tuple[str, ...]:
        """The extensions that the engine lists; none where it does not describe itself."""
        try:
            answer = self._http.ask("GET", "/v2", deadline, MOST_METADATA)
            return oip.decode_server_metadata(answer.body).extensions
        except (RefusalError, BrokenEngineError, ProtocolError):
            return ()

    def _most(self, deadline: Deadline) -> int | None:
        extensions = self._extensions or ()
        if oip.BINARY not in extensions:
            return json_text.MOST
        if _CONFIGURATION not in extensions:
            return None
        with suppress(EngineFailure, ProtocolError):
            found = oip.read_json(self._http.ask("GET", f"{self._model}/config", deadline, MOST_METADATA).body)
            most = found.get("max_batch_size")
            return most if isinstance(most, int) and most > 0 else None
        return None


def _binary(inputs: Mapping[str, Array], outputs: Sequence[str]) -> tuple[bytes, int | None]:
    """The body of a request, and the length of its JSON."""
    request = oip.InferRequest(
        inputs=[oip.Tensor(name or _UNNAMED, data) for name, data in inputs.items()],
        outputs=[oip.RequestedOutput(name, {"binary_data": True}) for name in outputs],
        parameters={} if outputs else {"binary_data_output": True},
    )
    return oip.encode_request(request, binary=True)


def _json(inputs: Mapping[str, Array], outputs: Sequence[str]) -> bytes:
    """The body of a request in JSON alone."""
    tensors = [
        f'{{"name":{json.dumps(name or _UNNAMED)},"datatype":"{oip.datatype_of(data.dtype)}",'
        f'"shape":{list(data.shape)},"data":{json_text.flat(data)}}}'
        for name, data in inputs.items()
    ]
    wanted = f',"outputs":{json.dumps([{"name": name} for name in outputs])}' if outputs else ""
    return f'{{"inputs":[{",".join(tensors)}]{wanted}}}'.encode()


def _outputs(answer: Answer) -> dict[str, Array]:
    length = answer.headers.get(oip.HEADER_LENGTH.lower())
    header = None
    if length is not None:
        header = whole_number(length, len(answer.body))
        if header is None:
            raise BadAnswerError("its answer does not say right where its JSON ends")
    try:
        found = oip.decode_response(answer.body, header)
    except ProtocolError as error:
        raise _not_the_protocol(answer, error) from error
    if not found.outputs:
        check_no_error(answer)
    return {tensor.name: tensor.data for tensor in found.outputs}


def _not_the_protocol(answer: Answer, error: ProtocolError) -> BadAnswerError:
    if "html" in answer.media_type or answer.body[:20].lstrip().startswith(b"<"):
        return BadAnswerError("it answers with a web page instead of JSON")
    return BadAnswerError(f"its answer does not follow the protocol: {error.message}")


def _spec(tensor: Any) -> TensorSpec:
    dtype = oip.DATATYPES.get(tensor.datatype)
    return TensorSpec(tensor.name, dtype if tensor.datatype != oip.BYTES else None, tensor.shape, tensor.datatype)
