"""Runs a model over pictures whose classes are known, and keeps what measuring needs of each answer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np

from classifier.classifier import Classifier
from classifier.errors import ClassifierError
from classifier.evaluation.dataset import Dataset
from classifier.inputs import each
from classifier.result import Scores

Classes = tuple[int, ...]
"""The indices of the classes that are accepted for a picture."""

TOP = 5
"""How many of the best answers are looked at."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The model's answer for one picture, and the true class.

    Attributes:
        file: the picture's path.
        truth: index of the true class; of several that are accepted the one with the best score.
        predicted: index of the class with the best score, the model's first answer.
        score: probability of the first answer.
        truth_score: probability of the true class.
        rank: place of the true class among all classes by score, from 1.
        sure: as in `Classification`.
        brier: the Brier score of all scores, 0 to 2: the sum over all classes of (score - 1 or 0) squared.
        best: the classes with the best scores, as (index, score), the best first.
        accepted: the indices of all classes that are accepted, the true one among them.
        fingerprint: of the picture's file, see `fingerprints`.
        familiar: as in `Classification`.
        set_size: number of classes in the answer's set; None if it has none.
        held: whether the true class is in it.
    """

    file: str
    truth: int
    predicted: int
    score: float
    truth_score: float
    rank: int
    sure: bool
    brier: float = 0.0
    best: tuple[tuple[int, float], ...] = ()
    accepted: tuple[int, ...] = ()
    fingerprint: str = ""
    familiar: float | None = None
    set_size: int | None = None
    held: bool = False

    @property
    def right(self) -> bool:
        """Whether the first answer is the true class."""
        return self.rank == 1


@dataclass(frozen=True, slots=True)
class Failure:
    """A picture that could not be classified, or a folder that holds none, and why."""

    file: str
    error: ClassifierError | OSError


def scored(
    classifier: Classifier, dataset: Dataset, *, features: bool = False
) -> Iterator[tuple[str, Classes, Scores | ClassifierError | OSError]]:
    """For each entry of a dataset, in order: its file, its classes, and the model's scores or what went wrong."""
    many = partial(classifier.scores_many, features=features)
    results = each(dataset.entries, many, classifier.settings.max_bytes)
    for number, (file, result) in enumerate(results):
        yield file, dataset.classes(number), result


def likeliest(accepted: Classes, found: Scores) -> int:
    """The accepted class with the best score, which counts as the true one."""
    return max(accepted, key=lambda index: float(found.log_scores[index]))


def answer(file: str, truth: int | Classes, found: Scores, top: int = TOP) -> Answer:
    """The few numbers of a picture's scores that measuring needs.

    Args:
        file: the picture.
        truth: the index of its class, or of all classes that are accepted.
        found: the model's scores.
        top: how many of the best answers are kept.
    """
    scores = found.scores
    accepted = (truth,) if isinstance(truth, int) else truth
    truth = likeliest(accepted, found)
    own = scores[truth]
    # Ordered as in `classify`: of equal scores the one with the lower index comes first.
    rank = 1 + int((scores > own).sum() + (scores[:truth] == own).sum())
    predicted = int(scores.argmax())
    best = tuple((int(index), float(scores[index])) for index in np.argsort(-scores, kind="stable")[:top])
    exact = scores.astype(np.float64)
    brier = float(exact @ exact - 2 * exact[truth] + 1)
    about = (file, truth, predicted, float(scores[predicted]), float(own), rank, found.sure)
    size = None if found.set is None else len(found.set)
    held = found.set is not None and truth in found.set
    return Answer(*about, brier, best, accepted, familiar=found.familiar, set_size=size, held=held)
