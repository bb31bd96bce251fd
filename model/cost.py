"""What one picture costs in each form of a model: `python -m model.cost [NAME] [--rounds 60] [--threads 2]`.

Times are of the network alone, batch 1. The contestants take turns in a random order within every round, so that a
busy machine, and whatever ran just before, slows all of them alike; the ratios of the medians are what to read. One
contestant is the same `.tflite` without the second output, which shows what the feature map costs. It is converted on
the spot, into memory.
"""

import argparse
import random
import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

from model import tflite
from model.recipes import RECIPES


def _litert(data: bytes, threads: int, output: str, image: np.ndarray) -> Callable[[], Any]:
    """A call that sets the input, runs, and reads one output, like a server that needs no feature map."""
    interpreter = Interpreter(model_content=data, num_threads=threads)
    interpreter.allocate_tensors()
    # The runner knows the tensors by their names; calling it would also copy the outputs that nobody reads.
    runner = interpreter.get_signature_runner(tflite.SIGNATURE)
    source = runner.get_input_details()["image"]["index"]
    target = runner.get_output_details()[output]["index"]

    def call() -> np.ndarray:
        interpreter.set_tensor(source, image)
        interpreter.invoke()
        result: np.ndarray = interpreter.get_tensor(target)
        return result

    return call


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m model.cost", description=__doc__.split("\n\n")[0])
    parser.add_argument("name", nargs="?", choices=RECIPES, default=next(iter(RECIPES)))
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    folder = RECIPES[options.name].folder
    tf.config.threading.set_intra_op_parallelism_threads(options.threads)  # only before the first operation

    network = keras.saving.load_model(folder / "model.keras", compile=False)
    image = np.random.default_rng(0).uniform(-1, 1, (1, *network.inputs[0].shape[1:])).astype(np.float32)
    traced = tf.function(partial(network, training=False))
    shipped, bare = (folder / "model.tflite").read_bytes(), tflite.convert(network, outputs=["logits"])
    contestants: dict[str, Callable[[], Any]] = {
        "litert": _litert(shipped, options.threads, "logits", image),
        "litert without features": _litert(bare, options.threads, "logits", image),
        "tf.function": lambda: traced(image)["logits"].numpy(),
        "keras predict": lambda: network.predict(image, verbose=0)["logits"],
    }
    times: dict[str, list[float]] = {name: [] for name in contestants}
    for lap in range(options.rounds + 5):
        for name in random.sample(list(contestants), len(contestants)):
            call = contestants[name]
            start = time.perf_counter()
            call()
            if lap >= 5:  # the first rounds warm up
                times[name].append(1000 * (time.perf_counter() - start))
    base = statistics.median(times["litert"])
    print(f"{options.name}, batch 1, {options.threads} threads, {options.rounds} rounds")
    for name, values in times.items():
        middle = statistics.median(values)
        print(f"{name:24} median {middle:6.2f} ms, best {min(values):6.2f} ms, {middle / base:5.2f} x litert")


if __name__ == "__main__":
    main()
