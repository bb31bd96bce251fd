"""The plain way, which is the baseline: a picture classified as in a tutorial, with the same weights."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
from PIL import Image

MODELS = Path(__file__).resolve().parent.parent / "model"


class Plain:
    """Keras' `predict` on a picture that is decoded at its full size, resized and scaled."""

    def __init__(self, name: str) -> None:
        """Loads a shipped model by the name of its folder."""
        self.model = keras.saving.load_model(MODELS / name / "model.keras", compile=False)
        self.labels = (MODELS / name / "labels.en.txt").read_text("utf-8").splitlines()

    def classify(self, path: Path) -> list[tuple[str, float]]:
        """The five best labels with their scores."""
        _, height, width, _ = self.model.input_shape
        image = Image.open(path).convert("RGB").resize((width, height))
        inputs = (np.asarray(image, np.float32)[None] - 127) / 128
        logits = self.model.predict(inputs, verbose=0)["logits"]
        scores = keras.ops.convert_to_numpy(keras.ops.softmax(logits))[0]
        return [(self.labels[index], float(scores[index])) for index in np.argsort(scores)[::-1][:5]]
