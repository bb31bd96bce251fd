"""A runtime of MLServer, in which Seldon Core runs models: any `.tflite` file, by LiteRT. See docs/engines.md."""

from __future__ import annotations

import os

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.errors import InferenceError
from mlserver.types import InferenceRequest, InferenceResponse, MetadataTensor
from mlserver.utils import get_model_uri


class LiteRT(MLModel):
    """The model whose file `parameters.uri` in model-settings.json names."""

    async def load(self) -> bool:
        """Loads the model and describes its inputs and outputs."""
        interpreter = Interpreter(await get_model_uri(self._settings), num_threads=os.cpu_count())
        self._run = interpreter.get_signature_runner()
        self.inputs = [described(*item) for item in self._run.get_input_details().items()]
        self.outputs = [described(*item) for item in self._run.get_output_details().items()]
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """Runs the model on each picture of the batch."""
        given = {tensor.name: NumpyCodec.decode_input(tensor) for tensor in payload.inputs}
        if set(given) != {tensor.name for tensor in self.inputs}:
            raise InferenceError(f"expected the inputs {[tensor.name for tensor in self.inputs]}, not {list(given)}")
        (name, batch), *_ = given.items()
        results = [self._run(**{name: picture[np.newaxis]}) for picture in batch]
        wanted = [tensor.name for tensor in payload.outputs or self.outputs]
        outputs = [NumpyCodec.encode_output(out, np.concatenate([result[out] for result in results])) for out in wanted]
        return InferenceResponse(model_name=self.name, model_version=self.version, outputs=outputs)


def described(name: str, tensor: dict) -> MetadataTensor:
    """A tensor of a LiteRT model in the protocol's words; any number of pictures may come, one after the other."""
    return MetadataTensor(name=name, datatype="FP32", shape=[-1, *map(int, tensor["shape"][1:])])
