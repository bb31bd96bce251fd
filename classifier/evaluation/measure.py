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
    """What the model says of one picture, and what it is.

    Attributes:
        file: its path.
        truth: the class that it shows.
        predicted: the model's first answer.
        score: the probability of that.
        truth_score: the probability of the truth.
        rank: place of the truth among all classes, from 1.
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
        """Whether the first answer is the truth."""
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
    # As `classify` orders them: of equal scores the one with the lower index is first.
    rank = 1 + int((scores > own).sum() + (scores[:truth] == own).sum())
    predicted = int(scores.argmax())
    return Answer(file, truth, predicted, float(scores[predicted]), float(own), rank, found.sure)
