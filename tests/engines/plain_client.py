"""NVIDIA's client of the Open Inference Protocol, unmodified: asks a server, prints what it said, keeps the outputs.

Runs in the environment of MLServer, which has the client.

python plain_client.py http|grpc HOST:PORT MODEL INPUT ARRAY.npy ANSWERS.npz [json|binary] [OUTPUT...]
"""

from __future__ import annotations

import importlib
import json
import sys

import numpy as np

kind, address, model, name, file, answers, *rest = sys.argv[1:]
client = importlib.import_module(f"tritonclient.{kind}")
TYPES = {"float32": "FP32", "uint8": "UINT8", "object": "BYTES"}
how = rest[0] if rest else "binary"

array = np.load(file, allow_pickle=True)
tensor = client.InferInput(name, list(array.shape), TYPES[str(array.dtype)])
binary = {"binary_data": how == "binary"} if kind == "http" else {}
tensor.set_data_from_numpy(array, **binary)
outputs = [client.InferRequestedOutput(output, **binary) for output in rest[1:]] or None
server = client.InferenceServerClient(address)
said = {"live": server.is_server_live(), "ready": server.is_model_ready(model)}
as_json = {} if kind == "http" else {"as_json": True}
said["server"] = server.get_server_metadata(**as_json)
said["model"] = server.get_model_metadata(model, **as_json)
# Without it, which the client leaves out, KServe takes JSON for binary tensors whose length is missing.
headers = {"Content-Type": "application/json"} if how == "json" else None
found = server.infer(model, [tensor], outputs=outputs, request_id="7", headers=headers)
response = found.get_response() if kind == "http" else found.get_response(as_json=True)
said["response"] = {key: response.get(key) for key in ("id", "model_name")}
np.savez(answers, **{output["name"]: found.as_numpy(output["name"]) for output in response["outputs"]})
print(json.dumps(said))
