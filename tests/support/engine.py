"""An inference engine in a thread, over HTTP: it runs a package's model here, and can be made to fail in many ways."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
from numpy.typing import NDArray

from classifier.backends.choice import load_backend
from classifier.backends.remote.backend import RemoteBackend
from classifier.package import ModelPackage
from classifier.protocols import oip

Connect = Callable[..., RemoteBackend]
"""Makes a remote backend of addresses."""

close_to = partial(np.testing.assert_allclose, rtol=0, atol=1e-4)
"""Compares scores with those of the model here."""

Run = Callable[[NDArray[Any]], NDArray[Any]]
Fault = Callable[["Handler"], bool]
"""Answers a request in place of the engine, and returns whether it did."""


class Engine(ThreadingHTTPServer):
    """The engine. Each attribute may be changed while it runs.

    Attributes:
        run: the model: a batch of values to their scores.
        metadata: what `/v2/models/M` answers.
        extensions: what `/v2` lists.
        described: what `/v1/models/M/metadata` answers; None for 404.
        output: name of the output.
        fault: see `Fault`; None for none.
        seconds: for which each inference takes longer.
        batches: sizes of the batches that came.
        paths: how often each path was asked for.
        seen: headers of the last request.
        inputs: names and types of the inputs that came last.
    """

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 64

    def __init__(self, package: ModelPackage, port: int = 0, address: str = "127.0.0.1") -> None:
        self.name = package.name
        backend, _ = load_backend(package, "litert", 1)
        lock = threading.Lock()

        def run(batch: NDArray[Any]) -> NDArray[Any]:
            with lock:
                return backend.run(batch.astype(np.float32)).scores

        self.run: Run = run
        shape, classes = package.manifest.input.shape, package.manifest.output.scores
        self.metadata: dict[str, Any] = {
            "name": package.name,
            "versions": ["1"],
            "platform": "test",
            "inputs": [{"name": "image", "datatype": "FP32", "shape": [-1, *shape]}],
            "outputs": [{"name": "output", "datatype": "FP32", "shape": [-1, classes]}],
        }
        self.extensions = ["binary_tensor_data"]
        self.described: dict[str, Any] | None = None
        self.output = "output"
        self.fault: Fault | None = None
        self.seconds = 0.0
        self.batches: list[int] = []
        self.paths: Counter[str] = Counter()
        self.seen: dict[str, str] = {}
        self.inputs: dict[str, str] = {}
        self.connections = 0
        super().__init__((address, port), Handler)

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://{self.server_address[0]!s}:{self.server_address[1]}"

    def infer(self, batch: NDArray[Any]) -> NDArray[Any]:
        """Runs a batch, and takes as long as it should."""
        self.batches.append(len(batch))
        time.sleep(self.seconds)
        return self.run(batch)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Says nothing of callers who go away."""

    def get_request(self) -> Any:
        """Counts connections."""
        self.connections += 1
        return super().get_request()


@contextmanager
def engine(package: ModelPackage, port: int = 0, address: str = "127.0.0.1") -> Iterator[Engine]:
    """Runs an engine on a free port, or on this one."""
    with Engine(package, port, address) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
            Handler.drop(server)


class Handler(BaseHTTPRequestHandler):
    """Answers requests of both protocols."""

    server: Engine
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def setup(self) -> None:
        """Notes the connection, so that it ends with the engine, as it does where a process ends."""
        super().setup()
        _open.setdefault(id(self.server), []).append(self.connection)

    @staticmethod
    def drop(server: Engine) -> None:
        """Ends all connections of an engine."""
        for connection in _open.pop(id(server), []):
            with suppress(OSError):
                connection.shutdown(2)

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""

    def do_GET(self) -> None:
        """Answers what is asked about the model."""
        self._begin()
        if self.server.fault and self.server.fault(self):
            return
        model = self.server.name
        if self.path == "/v2":
            self.answer({"name": "test", "version": "1", "extensions": self.server.extensions})
        elif self.path == f"/v2/models/{model}":
            self.answer(self.server.metadata)
        elif self.path == f"/v2/models/{model}/ready":
            self.answer({"ready": True})
        elif self.path == f"/v1/models/{model}":
            self.answer({"model_version_status": [{"version": "1", "state": "AVAILABLE"}]})
        elif self.path == f"/v1/models/{model}/metadata" and self.server.described:
            self.answer(self.server.described)
        else:
            self.answer({"error": "unknown model"}, 404)

    def do_POST(self) -> None:
        """Answers inference."""
        self._begin()
        self.body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.server.fault and self.server.fault(self):
            return
        if self.path == f"/v2/models/{self.server.name}/infer":
            self._oip()
        elif self.path == f"/v1/models/{self.server.name}:predict":
            batch = np.array(json.loads(self.body)["instances"])
            self.answer({"predictions": self.server.infer(batch).tolist()})
        else:
            self.answer({"error": "unknown model"}, 404)

    def answer(
        self,
        content: object,
        status: int = 200,
        kind: str = "application/json",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Answers with JSON, or with bytes as they are."""
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def _begin(self) -> None:
        self.server.paths[self.path] += 1
        self.server.seen = dict(self.headers)

    def _oip(self) -> None:
        length = self.headers.get(oip.HEADER_LENGTH)
        request = oip.decode_request(self.body, int(length) if length else None)
        self.server.inputs = {tensor.name: tensor.datatype for tensor in request.inputs}
        scores = self.server.infer(request.inputs[0].data)
        response = oip.InferResponse(self.server.name, [oip.Tensor(self.server.output, scores)])
        body, header = oip.encode_response(response, request.binary_outputs([self.server.output]))
        self.answer(body, headers={oip.HEADER_LENGTH: str(header)} if header is not None else {})


_open: dict[int, list[Any]] = {}
