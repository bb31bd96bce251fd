"""TensorFlow Serving's own protocol over gRPC."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from classifier.backends.remote.deadline import Deadline
from classifier.backends.remote.grpc_client import GrpcClient, as_answer, specs
from classifier.backends.remote.transport import Array, Metadata, OverloadedError, Target
from classifier.errors import ProtocolError
from classifier.protocols import tensorflow_serving as serving
from classifier.protocols.oip import Tensor
from classifier.protocols.protobuf import Message, message_class


class TfsGrpc:
    """Speaks it with one address."""

    title = "TensorFlow Serving's protocol over gRPC"

    def __init__(self, target: Target) -> None:
        """Connects nowhere yet."""
        self._model = target.model
        self._client = GrpcClient(target)
        self._signature = ""  # as the metadata name it; the engine's default until they are known

    def metadata(self, deadline: Deadline) -> Metadata:
        """See `Transport`."""
        answer = self._call(serving.PREDICTION_SERVICE, "GetModelMetadata", deadline, metadata_field=["signature_def"])
        try:
            self._signature, found = serving.metadata_from(self._model, answer)
        except ProtocolError as error:
            raise as_answer(error) from error
        return Metadata(found.platform, specs(found.inputs), specs(found.outputs))

    def ready(self, deadline: Deadline) -> None:
        """See `Transport`."""
        if not serving.is_available(self._call(serving.MODEL_SERVICE, "GetModelStatus", deadline)):
            raise OverloadedError("its model is not ready")

    def infer(self, inputs: Mapping[str, Array], outputs: Sequence[str], deadline: Deadline) -> dict[str, Array]:
        """See `Transport`."""
        tensors = [Tensor(name, array) for name, array in inputs.items()]
        request = serving.predict_request(self._model, self._signature, tensors, outputs)
        answer = self._send(serving.PREDICTION_SERVICE, "Predict", request, deadline)
        try:
            return {tensor.name: tensor.data for tensor in serving.outputs_from(answer)}
        except ProtocolError as error:
            raise as_answer(error) from error

    def abandon(self) -> None:
        """See `Transport`."""
        self._client.abandon()

    def close(self) -> None:
        """See `Transport`."""
        self._client.close()

    def _call(self, service: str, method: str, deadline: Deadline, **fields: object) -> Message:
        request = serving.message(f"{method}Request", model_spec={"name": self._model}, **fields)
        return self._send(service, method, request, deadline)

    def _send(self, service: str, method: str, request: Message, deadline: Deadline) -> Message:
        answer = message_class(f"tensorflow.serving.{method}Response")
        return self._client.call(f"{service}/{method}", request, answer, deadline)
