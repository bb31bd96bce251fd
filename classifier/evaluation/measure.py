"""Runs a model over pictures whose classes are known, and keeps what measuring needs of each answer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from classifier.classifier import Classifier, Scores
from classifier.errors import ClassifierError
from classifier.evaluation.dataset import Dataset
from classifier.inputs import each


@dataclass(frozen=True, slots=True)
class Answer:
    """The model's answer for one picture, and the true class.

    Attributes:
        file: the picture's path.
        truth: index of the true class.
        predicted: index of the class with the best score, the model's first answer.
        score: probability of the first answer.
        truth_score: probability of the true class.
        rank: place of the true class among all classes by score, from 1.
        sure: as in `Classification`.
    """

    file: str
    truth: int
    predicted: int
    score: float
    truth_score: float
    rank: int
    sure: bool

    @property
    def right(self) -> bool:
        """Whether the first answer is the true class."""
        return self.rank == 1


@dataclass(frozen=True, slots=True)
class Failure:
    """A picture that could not be classified, or a folder that holds none, and why."""

    file: str
    error: ClassifierError | OSError


def scored(classifier: Classifier, dataset: Dataset) -> Iterator[tuple[str, int, Scores | ClassifierError | OSError]]:
    """For each entry of a dataset, in order: its file, its class, and the model's scores or what went wrong."""
    results = each(dataset.entries, classifier.scores_many, classifier.settings.max_bytes)
    for truth, (file, result) in zip(dataset.truths, results, strict=True):
        yield file, truth, result


def answer(file: str, truth: int, found: Scores) -> Answer:
    """The few numbers of a picture's scores that measuring needs."""
    scores = found.scores
    own = scores[truth]
    # Ordered as in `classify`: of equal scores the one with the lower index comes first.
    rank = 1 + int((scores > own).sum() + (scores[:truth] == own).sum())
    predicted = int(scores.argmax())
    return Answer(file, truth, predicted, float(scores[predicted]), float(own), rank, found.sure)
