"""EfficientNet-Lite2 on LiteRT as a tutorial runs it: decode all of the picture, resize, scale, invoke.

The peers run in an environment of their own, which has nothing of ours; so they read the model's files themselves.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from PIL import Image

FOLDER = Path(__file__).resolve().parents[2] / "model/efficientnet-lite2"
LABELS = (FOLDER / "labels.en.txt").read_text("utf-8").splitlines()


class Model:
    """One interpreter with a thread for each CPU."""

    def __init__(self) -> None:
        """Loads the weights."""
        self.interpreter = Interpreter(str(FOLDER / "model.tflite"), num_threads=os.cpu_count())
        self.interpreter.allocate_tensors()
        (self.input,) = self.interpreter.get_input_details()
        self.output = next(one for one in self.interpreter.get_output_details() if one["shape"][-1] == len(LABELS))

    def classify(self, image: Image.Image) -> dict[str, float]:
        """The five best labels with their scores."""
        _, height, width, _ = self.input["shape"]
        pixels = np.asarray(image.convert("RGB").resize((width, height)), np.float32)
        self.interpreter.set_tensor(self.input["index"], (pixels[None] - 127) / 128)
        self.interpreter.invoke()
        logits = self.interpreter.get_tensor(self.output["index"])[0]
        scores = np.exp(logits - logits.max())
        scores /= scores.sum()
        return {LABELS[index]: float(scores[index]) for index in np.argsort(scores)[::-1][:5]}
