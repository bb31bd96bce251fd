"""NVIDIA's Triton with models of this project, by LiteRT through PyTriton. docs/engines.md says how to start it.

python serve.py [--http-port 8000] [--grpc-port 8001] PACKAGE...
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from pytriton.decorators import batch
from pytriton.model_config import DynamicBatcher, ModelConfig, Tensor
from pytriton.triton import Triton, TritonConfig


def bind(triton: Triton, package: Path) -> None:
    """Serves the `model.tflite` of a package under the package's name; Triton gathers requests that come together."""
    run = Interpreter(str(package / "model.tflite"), num_threads=os.cpu_count()).get_signature_runner()

    @batch
    def infer(**inputs: np.ndarray) -> dict[str, np.ndarray]:
        ((name, pictures),) = inputs.items()
        results = [run(**{name: picture[np.newaxis]}) for picture in pictures]
        return {name: np.concatenate([result[name] for result in results]) for name in results[0]}

    triton.bind(
        package.name,
        infer,
        inputs=described(run.get_input_details()),
        outputs=described(run.get_output_details()),
        config=ModelConfig(max_batch_size=16, batcher=DynamicBatcher(max_queue_delay_microseconds=2000)),
        strict=True,
    )


def described(tensors: dict[str, dict]) -> list[Tensor]:
    """Tensors in Triton's words, which leave the batch out."""
    return [
        Tensor(name=name, dtype=np.float32, shape=tuple(map(int, tensor["shape"][1:])))
        for name, tensor in tensors.items()
    ]


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--http-port", type=int, default=8000)
    parser.add_argument("--grpc-port", type=int, default=8001)
    parser.add_argument("--metrics-port", type=int, default=8002)
    parser.add_argument("packages", nargs="+", type=Path, metavar="PACKAGE")
    options = vars(parser.parse_args())
    packages = options.pop("packages")
    # How a container is stopped. Triton is a process of its own, which only the end of the block below ends.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with Triton(config=TritonConfig(**options)) as triton:
        for package in packages:
            bind(triton, package)
        with contextlib.suppress(KeyboardInterrupt):
            triton.serve()
