"""KServe's clients, unmodified: ask a server about a picture over REST and gRPC and print the best classes.

python kserve_client.py HTTP_ADDRESS HOST:PORT MODEL PICTURE
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import numpy as np
from kserve import InferenceGRPCClient, InferenceRESTClient, InferInput, InferRequest
from kserve.inference_client import RESTConfig

http, grpc, model, picture = sys.argv[1:]


async def main() -> None:
    """Asks both."""
    tensor = InferInput("picture", [1], "BYTES")
    tensor.set_data_from_numpy(np.array([Path(picture).read_bytes()], dtype=object), binary_data=True)
    request = InferRequest(model_name=model, infer_inputs=[tensor], request_id="7")
    found = {}
    if http != "-":
        rest = InferenceRESTClient(RESTConfig(protocol="v2", timeout=60))
        assert await rest.is_server_ready(http)
        assert await rest.is_model_ready(http, model)
        found["rest"] = int((await rest.infer(http, request, model_name=model)).outputs[0].as_numpy().argmax())
    if grpc != "-":
        client = InferenceGRPCClient(grpc, timeout=60)
        assert await client.is_server_ready()
        assert await client.is_model_ready(model)
        found["grpc"] = int((await client.infer(request)).outputs[0].as_numpy().argmax())
    print(json.dumps(found))


asyncio.run(main())
