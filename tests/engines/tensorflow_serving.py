"""A stand-in of TensorFlow Serving, which has no package on PyPI: its gRPC services by its own published stubs, and its
REST API by its documentation. It runs a SavedModel with TensorFlow, has the options of `tensorflow_model_server`,
answers errors in its words, and describes a model as it does: by the SavedModel's own signatures.

Started by tests/support/engines.py with the stubs on the path: `python -m tests.engines.tensorflow_serving --port=8500
--rest_api_port=8501 --model_name=NAME --model_base_path=FOLDER`, where FOLDER holds the versions, such as 1.
"""

from __future__ import annotations

import argparse
import json
import re
import threading
from concurrent import futures
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import tensorflow as tf
from google.protobuf.json_format import MessageToDict
from tensorflow.core.protobuf.saved_model_pb2 import SavedModel
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

DEFAULT = "serving_default"
HTTP = {grpc.StatusCode.NOT_FOUND: 404, grpc.StatusCode.INVALID_ARGUMENT: 400, grpc.StatusCode.FAILED_PRECONDITION: 400}


class Refused(Exception):
    """A gRPC status and its message."""


class Served:
    """The newest version of a model."""

    def __init__(self, name: str, base: Path) -> None:
        self.name = name
        folder = max(base.glob("[0-9]*"), key=lambda version: int(version.name))
        self.version = int(folder.name)
        self._model = tf.saved_model.load(str(folder))
        (graph,) = SavedModel.FromString((folder / "saved_model.pb").read_bytes()).meta_graphs
        self.signatures = dict(graph.signature_def)

    def check(self, spec: Any) -> None:
        """Refuses what asks for another model."""
        if spec.name != self.name or (spec.HasField("version") and spec.version.value != self.version):
            version = (
                f"Specific({spec.name}, {spec.version.value})" if spec.HasField("version") else f"Latest({spec.name})"
            )
            raise Refused(grpc.StatusCode.NOT_FOUND, f"Servable not found for request: {version}")

    def run(self, signature: str, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The outputs by name."""
        found = self.signatures.get(signature)
        if found is None or signature not in self._model.signatures:
            raise Refused(grpc.StatusCode.FAILED_PRECONDITION, f'Serving signature key "{signature}" not found.')
        if set(inputs) != set(found.inputs):
            text = f"input size does not match signature: {len(inputs)}!={len(found.inputs)}"
            raise Refused(grpc.StatusCode.INVALID_ARGUMENT, text)
        try:
            outputs = self._model.signatures[signature](**{name: tf.constant(value) for name, value in inputs.items()})
        except (tf.errors.InvalidArgumentError, TypeError, ValueError) as error:
            raise Refused(grpc.StatusCode.INVALID_ARGUMENT, str(error)[:500]) from error
        return {name: value.numpy() for name, value in outputs.items()}


class Service:
    """PredictionService and ModelService, as far as clients of one model ask."""

    def __init__(self, served: Served) -> None:
        self._served = served

    def predict(self, request: Any) -> Any:
        """Runs a signature; `output_filter` chooses outputs."""
        self._served.check(request.model_spec)
        signature = request.model_spec.signature_name or DEFAULT
        outputs = self._served.run(signature, {name: tf.make_ndarray(value) for name, value in request.inputs.items()})
        for name in request.output_filter:
            if name not in outputs:
                text = f"output tensor alias not found in signature: {name}"
                raise Refused(grpc.StatusCode.INVALID_ARGUMENT, text)
        answer = predict_pb2.PredictResponse()
        for name in request.output_filter or outputs:
            answer.outputs[name].CopyFrom(tf.make_tensor_proto(outputs[name]))
        answer.model_spec.name, answer.model_spec.signature_name = self._served.name, signature
        answer.model_spec.version.value = self._served.version
        return answer

    def metadata(self, request: Any) -> Any:
        """The signatures."""
        self._served.check(request.model_spec)
        if list(request.metadata_field) != ["signature_def"]:
            text = "GetModelMetadataRequest must specify at least one metadata_field"
            raise Refused(grpc.StatusCode.INVALID_ARGUMENT, text)
        answer = get_model_metadata_pb2.GetModelMetadataResponse()
        answer.model_spec.name = self._served.name
        answer.model_spec.version.value = self._served.version
        signatures = get_model_metadata_pb2.SignatureDefMap()
        for name, signature in self._served.signatures.items():
            signatures.signature_def[name].CopyFrom(signature)
        answer.metadata["signature_def"].Pack(signatures)
        return answer

    def status(self, request: Any) -> Any:
        """Which versions are there."""
        if request.model_spec.name != self._served.name:
            raise Refused(grpc.StatusCode.NOT_FOUND, f"Could not find any versions of model {request.model_spec.name}")
        answer = get_model_status_pb2.GetModelStatusResponse()
        answer.model_version_status.add(version=self._served.version, state="AVAILABLE").status.SetInParent()
        return answer


def answering(method: Any) -> Any:
    """A method as gRPC calls it."""

    def call(_self: Any, request: Any, context: grpc.ServicerContext) -> Any:
        try:
            return method(request)
        except Refused as error:
            context.abort(*error.args)

    return call


def grpc_server(service: Service, port: int) -> grpc.Server:
    """As TensorFlow Serving takes requests of any size, so does this."""
    server = grpc.server(futures.ThreadPoolExecutor(8), options=[("grpc.max_receive_message_length", -1)])
    prediction = {"Predict": answering(service.predict), "GetModelMetadata": answering(service.metadata)}
    base = prediction_service_pb2_grpc.PredictionServiceServicer
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(type("P", (base,), prediction)(), server)
    base = model_service_pb2_grpc.ModelServiceServicer
    status = {"GetModelStatus": answering(service.status)}
    model_service_pb2_grpc.add_ModelServiceServicer_to_server(type("M", (base,), status)(), server)
    server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    return server


PATH = re.compile(r"/v1/models/(?P<model>[^/:]+)(/versions/(?P<version>\d+))?(?P<verb>/metadata|:predict)?")


def rest_server(service: Service, served: Served, port: int) -> ThreadingHTTPServer:
    """The REST API: `GET /v1/models/M` and its `/metadata`, `POST /v1/models/M:predict`."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._answer(b"")

        def do_POST(self) -> None:
            self._answer(self.rfile.read(int(self.headers["Content-Length"])))

        def _answer(self, body: bytes) -> None:
            try:
                status, content = 200, rest(service, served, self.command, self.path, body)
            except Refused as error:
                code, text = error.args
                status, content = HTTP[code], {"error": text}
            data = json.dumps(content, indent=4).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    return ThreadingHTTPServer(("127.0.0.1", port), Handler)


def rest(service: Service, served: Served, method: str, path: str, body: bytes) -> Any:
    """The answer to a request, as what JSON holds."""
    found = PATH.fullmatch(path)
    if not found or (method == "POST") != (found["verb"] == ":predict"):
        raise Refused(grpc.StatusCode.INVALID_ARGUMENT, f"Malformed request: {method} {path}")
    if found["verb"] == ":predict":
        spec = predict_pb2.PredictRequest().model_spec
        spec.name = found["model"]
        if found["version"]:
            spec.version.value = int(found["version"])
        served.check(spec)
        return predicted(served, body)
    kind = (
        get_model_metadata_pb2.GetModelMetadataRequest if found["verb"] else get_model_status_pb2.GetModelStatusRequest
    )
    request = kind()
    request.model_spec.name = found["model"]
    if found["verb"]:
        request.metadata_field.append("signature_def")
        answer = service.metadata(request)
    else:
        answer = service.status(request)
    options = {"always_print_fields_with_no_presence": True, "preserving_proto_field_name": True}
    content = MessageToDict(answer, **options)
    for value in content.get("metadata", {}).values():
        value["@type"] = "type.googleapis.com/tensorflow.serving.SignatureDefMap"
    return content


def predicted(served: Served, body: bytes) -> Any:
    """Rows (`instances`, answered as `predictions`) or columns (`inputs`, answered as `outputs`)."""
    try:
        content = json.loads(body)
    except ValueError:
        raise Refused(grpc.StatusCode.INVALID_ARGUMENT, "JSON Parse error: Invalid value. at offset: 0") from None
    signature = content.get("signature_name", DEFAULT)
    if signature not in served.signatures:
        raise Refused(
            grpc.StatusCode.INVALID_ARGUMENT, f'Serving signature name: "{signature}" not found in signature def'
        )
    specs = served.signatures[signature].inputs
    if "instances" in content:
        rows = content["instances"]
        given = {name: [row[name] for row in rows] for name in rows[0]} if isinstance(rows[0], dict) else None
        values = given or {next(iter(specs)): rows}
    elif "inputs" in content:
        given = content["inputs"]
        values = given if isinstance(given, dict) else {next(iter(specs)): given}
    else:
        raise Refused(grpc.StatusCode.INVALID_ARGUMENT, "Missing 'inputs' or 'instances' key")
    if unknown := [name for name in values if name not in specs]:
        raise Refused(grpc.StatusCode.INVALID_ARGUMENT, f"JSON object: does not have named input: {unknown[0]}")
    arrays = {name: np.asarray(value, tf.as_dtype(specs[name].dtype).as_numpy_dtype) for name, value in values.items()}
    outputs = {name: value.tolist() for name, value in served.run(signature, arrays).items()}
    if "inputs" in content:
        return {"outputs": next(iter(outputs.values())) if len(outputs) == 1 else outputs}
    rows = [dict(zip(outputs, row, strict=True)) for row in zip(*outputs.values(), strict=True)]
    return {"predictions": [next(iter(row.values())) for row in rows] if len(outputs) == 1 else rows}


def main() -> None:
    """Serves until it is ended."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=8500)
    parser.add_argument("--rest_api_port", type=int, default=8501)
    parser.add_argument("--model_name", default="model")
    parser.add_argument("--model_base_path", type=Path, required=True)
    options = parser.parse_args()
    served = Served(options.model_name, options.model_base_path)
    service = Service(served)
    server = grpc_server(service, options.port)
    threading.Thread(target=server.wait_for_termination, daemon=True).start()
    rest_server(service, served, options.rest_api_port).serve_forever()


if __name__ == "__main__":
    main()
