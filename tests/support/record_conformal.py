"""Records what the tests of sets compare with: `python -m tests.support.record_conformal scores`, then `mapie`.

`scores` has the ten-class model score test pictures of CIFAR-10, which it downloads as its training does (139 MB): the
pictures may not be kept here, their scores may. `mapie` has MAPIE make sets from them, in an environment of its own:

    uv run --no-project --with mapie==1.6.0 --with numpy python tests/support/record_conformal.py mapie
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np

FOLDER = Path(__file__).parents[1] / "classifier/evaluation"
SCORES, SETS = FOLDER / "conformal_recorded.npz", FOLDER / "conformal_mapie.json"
PICTURES = 2000
FITTED_TO, TESTED = 1000, 300
TEMPERATURE = 0.65
COVERAGES = (0.8, 0.9, 0.95, 0.99)


def scores() -> None:
    """Writes log-probabilities at temperature 1, as float16, and the classes."""
    from PIL import Image

    from classifier import Classifier, Settings
    from model.cifar10_training import data
    from model.recipes import FOLDER as MODELS

    _, test = data.read(data.download())
    test = test.take(np.arange(PICTURES))
    with Classifier.load(MODELS / "cifar10", settings=Settings(backend="litert")) as model:
        found = list(model.scores_many(Image.fromarray(image) for image in test.images))
    logs = np.stack([one.log_scores for one in found if not isinstance(one, Exception)])
    if len(logs) != PICTURES:
        raise next(one for one in found if isinstance(one, Exception))
    np.savez_compressed(SCORES, log_scores=logs.astype(np.float16), truths=test.labels.astype(np.uint8))


def mapie() -> None:
    """Writes the sets that MAPIE makes by LAC from half of the pictures for some of the others."""
    import mapie
    from mapie.classification import SplitConformalClassifier
    from sklearn.base import BaseEstimator, ClassifierMixin

    with np.load(SCORES) as file:
        logs, truths = file["log_scores"].astype(np.float64), file["truths"].astype(np.int64)

    class Recorded(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
        """A classifier whose inputs are logits already."""

        def __init__(self) -> None:
            self.classes_ = np.arange(logs.shape[1])

        def __sklearn_is_fitted__(self) -> bool:
            return True

        def fit(self, values: object, truths: object) -> Recorded:
            return self

        def predict_proba(self, values: np.ndarray) -> np.ndarray:
            powers = np.exp(values / TEMPERATURE)
            return np.asarray(powers / powers.sum(axis=1, keepdims=True))

        def predict(self, values: np.ndarray) -> np.ndarray:
            return np.asarray(self.predict_proba(values).argmax(axis=1))

    asked = list(COVERAGES)
    model = SplitConformalClassifier(Recorded(), confidence_level=asked, conformity_score="lac", prefit=True)
    model.conformalize(logs[:FITTED_TO], truths[:FITTED_TO])
    _, sets = model.predict_set(logs[FITTED_TO : FITTED_TO + TESTED])
    found = {str(one): [np.flatnonzero(row).tolist() for row in sets[:, :, at]] for at, one in enumerate(asked)}
    about = {"mapie": mapie.__version__, "fitted_to": FITTED_TO, "temperature": TEMPERATURE, "sets": found}
    SETS.write_text(json.dumps(about, separators=(",", ":")) + "\n", "utf-8")


if __name__ == "__main__":
    {"scores": scores, "mapie": mapie}[sys.argv[1]]()
