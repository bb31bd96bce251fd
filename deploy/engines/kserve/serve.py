"""KServe's Python server with models of this project, by LiteRT. docs/engines.md says how to start it.

python serve.py [--http_port 8080] [--grpc_port 8081] PACKAGE...
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from kserve import InferOutput, InferRequest, InferResponse, Model, ModelServer, model_server
from kserve.errors import InvalidInput


class LiteRT(Model):
    """The `model.tflite` of a package, under the package's name."""

    def __init__(self, package: Path) -> None:
        super().__init__(package.name)
        self._run = Interpreter(str(package / "model.tflite"), num_threads=os.cpu_count()).get_signature_runner()
        (self._input,) = self._run.get_input_details()
        self.load()

    def get_input_types(self) -> list[dict]:
        """What /v2/models/NAME says of the inputs."""
        return described(self._run.get_input_details())

    def get_output_types(self) -> list[dict]:
        """What /v2/models/NAME says of the outputs."""
        return described(self._run.get_output_details())

    def predict(self, payload: dict | InferRequest, headers: dict | None = None) -> dict | InferResponse:
        """Runs the model: /v1/models/NAME:predict gives a dict, /v2/models/NAME/infer and gRPC an InferRequest."""
        if isinstance(payload, InferRequest):
            tensor = payload.get_input_by_name(self._input)
            if tensor is None:
                raise InvalidInput(f"there must be an input {self._input!r}")
            outputs = self._batch(tensor.as_numpy())
            wanted = [output.name for output in payload.request_outputs or []] or list(outputs)
            answer = [InferOutput(name, list(outputs[name].shape), "FP32") for name in wanted]
            for tensor in answer:
                tensor.set_data_from_numpy(outputs[tensor.name], binary_data=payload.use_binary_outputs)
            return InferResponse(payload.id or "", self.name, answer, use_binary_outputs=payload.use_binary_outputs)
        outputs = self._batch(np.asarray(payload["instances"], np.float32))
        return {
            "predictions": [
                dict(zip(outputs, row, strict=True))
                for row in zip(*(value.tolist() for value in outputs.values()), strict=True)
            ]
        }

    def _batch(self, pictures: np.ndarray) -> dict[str, np.ndarray]:
        results = [self._run(**{self._input: picture[np.newaxis]}) for picture in pictures]
        return {name: np.concatenate([result[name] for result in results]) for name in results[0]}


def described(tensors: dict[str, dict]) -> list[dict]:
    """Tensors in the protocol's words; any number of pictures may come, one after the other."""
    return [
        {"name": name, "datatype": "FP32", "shape": [-1, *map(int, tensor["shape"][1:])]}
        for name, tensor in tensors.items()
    ]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(parents=[model_server.parser])
    parser.add_argument("packages", nargs="+", type=Path, metavar="PACKAGE")
    ModelServer().start([LiteRT(package) for package in parser.parse_args().packages])
