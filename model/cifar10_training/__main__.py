"""Make the package `model/cifar10`: `python -m model.cifar10_training [--smoke] [--folder FOLDER] [--run FOLDER]`.

It downloads CIFAR-10 (139 MB, once), trains, measures and writes the package. A training that was stopped continues
from its last checkpoint, and a finished one is not repeated unless the folder `--run` is removed. `--smoke` runs all
steps in a minute with a few pictures: its model is of no use. `--weights model/cifar10/model.keras` packs and measures
the weights that are there, and trains nothing.
"""

import argparse
import os
import sys
from pathlib import Path

import keras
import numpy as np

from model.cifar10_training import data, package, train


def main(arguments: list[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m model.cifar10_training", description=__doc__.split("\n\n")[0])
    parser.add_argument("--smoke", action="store_true", help="a few batches only, to see that everything works")
    parser.add_argument("--folder", type=Path, help="where to write the package; model/cifar10 if not given")
    parser.add_argument("--run", type=Path, help="where the checkpoint is kept; in the cache if not given")
    parser.add_argument("--weights", type=Path, help="a .keras file whose weights are packed in place of training")
    options = parser.parse_args(arguments)
    if options.smoke and not (options.folder and options.run):
        parser.error("--smoke needs --folder and --run, so that it spoils neither the real package nor its training")
    run = options.run or data.cache() / "cifar10-training"
    try:
        pictures, test = data.read(data.download())
    except RuntimeError as error:
        parser.exit(1, f"{error}\n")
    pictures, held = data.split(pictures)
    plan = train.PLAN
    if options.smoke:
        plan, few = train.SMOKE, np.arange(50)
        pictures, held, test = pictures.take(few), held.take(few), test.take(few)
    run.mkdir(parents=True, exist_ok=True)
    trained = options.weights or run / "trained.keras"
    if not options.weights and not trained.is_file():
        train.train(pictures, held, plan, run / "checkpoint.keras").save(trained)
    if keras.backend.backend() != "tensorflow":
        # The conversion needs TensorFlow. Started again with that, this program finds the training done.
        os.environ["KERAS_BACKEND"] = "tensorflow"
        os.execv(sys.executable, [sys.executable, "-m", __package__, *(arguments or sys.argv[1:])])  # noqa: S606
    model = keras.saving.load_model(trained, compile=False)
    package.report(package.write(model, held, test, options.folder or package.PACKAGE), run / "measured.json")


if __name__ == "__main__":
    main()
