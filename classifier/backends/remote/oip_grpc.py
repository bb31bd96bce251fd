"""The Open Inference Protocol v2 over gRPC, with raw contents: they are copied as they are; every engine reads them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from classifier.backends.remote.deadline import Deadline
from classifier.backends.remote.grpc_client import GrpcClient, as_answer, specs
from classifier.backends.remote.transport import Array, Metadata, OverloadedError, Target
from classifier.errors import ProtocolError
from classifier.protocols import oip_grpc
from classifier.protocols.oip import InferRequest, RequestedOutput, Tensor
from classifier.protocols.protobuf import Message, message_class


class OipGrpc:
    """Speaks it with one address."""

    title = "Open Inference Protocol v2 over gRPC"

    def __init__(self, target: Target) -> None:
        """Connects nowhere yet."""
        self._model = target.model
        self._client = GrpcClient(target)

    def metadata(self, deadline: Deadline) -> Metadata:
        """See `Transport`."""
        found = oip_grpc.model_metadata_from(self._call("ModelMetadata", deadline, name=self._model))
        return Metadata(found.platform, specs(found.inputs), specs(found.outputs))

    def ready(self, deadline: Deadline) -> None:
        """See `Transport`."""
        if not self._call("ModelReady", deadline, name=self._model).ready:
            raise OverloadedError("its model is not ready")

    def infer(self, inputs: Mapping[str, Array], outputs: Sequence[str], deadline: Deadline) -> dict[str, Array]:
        """See `Transport`."""
        tensors = [Tensor(name, array) for name, array in inputs.items()]
        request = InferRequest(tensors, [RequestedOutput(name) for name in outputs])
        answer = self._send("ModelInfer", oip_grpc.request_to(self._model, "", request), deadline)
        try:
            return {tensor.name: tensor.data for tensor in oip_grpc.response_from(answer).outputs}
        except ProtocolError as error:
            raise as_answer(error) from error

    def abandon(self) -> None:
        """See `Transport`."""
        self._client.abandon()

    def close(self) -> None:
        """See `Transport`."""
        self._client.close()

    def _call(self, method: str, deadline: Deadline, **fields: object) -> Message:
        return self._send(method, oip_grpc.message(f"{method}Request", **fields), deadline)

    def _send(self, method: str, request: Message, deadline: Deadline) -> Message:
        answer = message_class(f"inference.{method}Response")
        return self._client.call(f"{oip_grpc.SERVICE}/{method}", request, answer, deadline)
