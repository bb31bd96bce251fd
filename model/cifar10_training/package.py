"""Write the package `model/cifar10` from a trained network, and measure it the way it is used.

Besides the two forms that every package here has, there is `model.h5`: the same model in the format and with the
interface of the original demo's model. `model.toml` does not name it.

Every number comes from the finished `.tflite` through `Classifier`, from 32 x 32 pictures to probabilities. The
temperature and the sets are fitted on the pictures held out of the training; the test pictures are looked at once, at
the end.
"""

import datetime
import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from classifier import Classifier, ModelPackage, Settings
from classifier.evaluation import conformal, familiarity
from classifier.evaluation.calibration import calibrate, confidences
from classifier.evaluation.metrics import expected_calibration_error, reliability
from classifier.package import unknown
from classifier.package.manifest import FittedTo
from classifier.package.temperature import set_temperature
from classifier.result import Scores
from model import hashes, keras_file, tflite
from model.cifar10_training import network
from model.cifar10_training.data import CLASSES, Pictures
from model.recipes import FILES, FOLDER, fill

PACKAGE = FOLDER / "cifar10"
UNSURE_BELOW = 0.5
COVERAGE = 0.99
"""Of the sets. The first answer alone is right in 95 of 100 pictures: sets of less coverage would say nothing more."""

TEMPLATE = (
    """\
# Written by `python -m model.cifar10_training`, from the template in model/cifar10_training/package.py.
format = 1
name = "cifar10"
title = "CIFAR-10"
description = "Ten kinds of things: airplane, automobile, bird, cat, deer, dog, frog, horse, ship, truck. \
It looks at 32 x 32 pixels of a picture."
license = "Apache-2.0"
source = "https://www.cs.toronto.edu/~kriz/cifar.html"
citation = "Krizhevsky, A. (2009). Learning Multiple Layers of Features from Tiny Images. University of Toronto."

[input]
size = []                # height, width in pixels; the model itself averages them to 32 x 32
crop = 1.0               # share of the short side that the centre crop keeps
resample = "bicubic"
mean = 0.0               # value = (pixel - mean) / std, pixel 0..255
std = 255.0

[output]
classes = 10
logits = false           # the model ends with the softmax
temperature = 0.0        # fitted on 5,000 training pictures that were held out of the training
top_k = 5
unsure_below = 0.0       # an answer with a lower best score is unsure
features = "features"    # name of the second output: the last feature map, which unknown.npz is about

"""
    + FILES
    + """
[published]
dataset = "CIFAR-10 test, 10,000 pictures"
top1 = 0.0
"""
)


def write(trained: keras.Model, held: Pictures, test: Pictures, folder: Path) -> dict[str, float]:
    """Write the weights in all forms and `model.toml`, and measure.

    Args:
        trained: A model from `network.trainable`, trained.
        held: Pictures that were not trained on, for the temperature and the sets.
        test: Pictures to measure on.
        folder: The package's folder; its labels are copied from `model/cifar10` when it is another one.

    Returns:
        What was measured, by name: accuracies and calibration errors as shares (0-1), `temperature`, `h5_apart`, the
        largest difference between the probabilities of `model.h5` and `model.tflite` before calibration,
        `test_right_sure`, the share of the right answers that are sure, and where there are enough held-out pictures
        for sets `test_coverage`, the share of the sets that hold the class, and `test_set_size`, the mean of their
        sizes.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("labels.en.txt", "labels.zh.txt"):
        if not (folder / name).exists():
            shutil.copyfile(PACKAGE / name, folder / name)
    _weights(network.shipped(trained), folder)
    _manifest(folder, temperature=1.0, top1=0.0)

    (folder / unknown.FILE).unlink(missing_ok=True)
    looked = list(scores(folder, held))
    held_logs = np.stack([one.log_scores for one in looked])
    fitted = calibrate(held_logs, held.labels, temperature=1.0)
    temperature = fitted.after.temperature
    tested = np.stack([one.log_scores for one in scores(folder, test)])
    right = tested.argmax(axis=1) == test.labels
    errors = [
        expected_calibration_error(reliability(confidences(tested, value), right)) for value in (1.0, temperature)
    ]
    found = {
        "held_out_top1": fitted.right / fitted.pictures,
        "temperature": temperature,
        "test_top1": float(right.mean()),
        "test_ece_before": errors[0],
        "test_ece": errors[1],
        "h5_apart": _apart(folder, test, tested),
    }
    _manifest(folder, temperature, found["test_top1"])
    features = np.stack([one.features for one in looked if one.features is not None])
    _unknown(folder, features, held.labels, held_logs.argmax(axis=1) == held.labels)
    _sets(folder, held, temperature)
    told = list(scores(folder, test))
    found["test_right_sure"] = float(np.mean(np.array([one.sure for one in told])[right]))
    sets = [(one.set, truth) for one, truth in zip(told, test.labels, strict=True) if one.set is not None]
    if sets:
        found["test_coverage"] = float(np.mean([truth in members for members, truth in sets]))
        found["test_set_size"] = float(np.mean([len(members) for members, _ in sets]))
    return found


def _weights(model: keras.Model, folder: Path) -> None:
    keras_file.save(model, folder / "model.keras")
    # With one output, as the original demo's model has.
    only = keras.Model(model.input, model.output[network.PROBABILITIES], name=model.name)
    keras_file.save_h5(only, folder / "model.h5")
    # From a fresh session and the saved file: the converter's tensor names then do not depend on what ran before.
    keras.backend.clear_session()
    saved = keras.saving.load_model(folder / "model.keras", compile=False)
    outputs = [network.PROBABILITIES, network.FEATURES]
    (folder / "model.tflite").write_bytes(tflite.convert(saved, outputs=outputs))


def _manifest(folder: Path, temperature: float, top1: float) -> None:
    values = {
        "input": {"size": [network.INPUT, network.INPUT]},
        "output": {"temperature": float(f"{temperature:g}"), "unsure_below": UNSURE_BELOW},
        "published": {"top1": round(top1, 4)},
    }
    (folder / "model.toml").write_text(fill(TEMPLATE, values, hashes.of_package(folder)), "utf-8")


def scores(folder: Path, pictures: Pictures) -> Iterator[Scores]:
    """What the package says of each picture, with features."""
    model = Classifier.load(folder, settings=Settings(backend="litert"))
    for found in model.scores_many((Image.fromarray(image) for image in pictures.images), features=True):
        if isinstance(found, Exception):
            raise found
        yield found


def _unknown(folder: Path, features: NDArray[np.float32], labels: NDArray[np.int64], right: NDArray[np.bool_]) -> None:
    """Write `unknown.npz`, fitted to the features of the held-out pictures."""
    weights = unknown.hashes(ModelPackage.load(folder).manifest)
    fitted = familiarity.fit(features, labels, right, CLASSES, weights)
    (folder / unknown.FILE).write_bytes(fitted.unknown.content())


def _sets(folder: Path, held: Pictures, temperature: float) -> None:
    """Write the table `[conformal]`, fitted to the held-out pictures that the model knows, if they are enough."""
    manifest, looked = ModelPackage.load(folder).manifest, list(scores(folder, held))
    logs, promised = np.stack([one.log_scores for one in looked]), np.array([one.promised for one in looked])
    found = conformal.fit(logs, held.labels, promised, COVERAGE, temperature)
    if found.problem:
        return
    today = datetime.datetime.now(datetime.UTC).date()
    # No files, so no hashes of files.
    on = FittedTo(dataset="CIFAR-10, held out of the training", date=today, pictures=found.pictures, hashes="")
    set_temperature(folder, temperature, conformal=found.table(on, "crop", manifest))


def _apart(folder: Path, pictures: Pictures, litert: NDArray[np.float32], count: int = 1000) -> float:
    """Largest difference to `model.h5` used as in the original demo: pictures resized to 224 x 224, divided by 255."""
    model = keras.saving.load_model(folder / "model.h5", compile=False)
    size = (network.INPUT, network.INPUT)
    worst = 0.0
    for start in range(0, min(count, len(pictures)), 50):
        part = slice(start, min(start + 50, count, len(pictures)))
        resized = [np.asarray(Image.fromarray(image).resize(size)) for image in pictures.images[part]]
        scores = model.predict_on_batch(np.stack(resized).astype(np.float32) / 255)
        worst = max(worst, float(np.abs(scores - np.exp(litert[part])).max()))
    return worst


def report(found: dict[str, float], file: Path) -> None:
    """Print the measurements, and keep them as JSON."""
    file.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    print(time.strftime("%Y-%m-%d %H:%M:%S"), *(f"{name} {value:.4f}" for name, value in found.items()), sep="\n  ")
