"""An evaluation: all answers, and the numbers that follow from them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from classifier.errors import InputError
from classifier.evaluation import fingerprints, metrics
from classifier.evaluation.comparison import Comparison
from classifier.evaluation.coverage import Coverage
from classifier.evaluation.measure import TOP, Answer, Failure
from classifier.evaluation.others import Others
from classifier.package import ModelPackage
from classifier.package.manifest import FittedTo
from classifier.views import View


@dataclass(frozen=True, slots=True)
class Run:
    """When, how and with which weights an evaluation was made, so that it can be made again.

    Attributes:
        date: in UTC, as ISO 8601 writes it.
        command: the command line.
        weights: the file of the weights and its SHA-256; None where the model runs elsewhere.
        view: what the model saw of each picture.
    """

    date: str = ""
    command: str = ""
    weights: tuple[str, str] | None = None
    view: View = "crop"


@dataclass(frozen=True)
class Evaluation:
    """The results of a model on a dataset.

    Attributes:
        dataset: name of the dataset.
        skipped: number of files in it without a picture's ending.
        package: the model.
        backend: name of the backend that ran the model, such as `litert`.
        device: where inference ran.
        answers: an answer for each picture that could be classified, at least one.
        failures: the pictures that could not be classified.
        unknown: names that are no class of the model, each with the number of pictures that were left out for it.
        run: when and how it was made.
        comparison: with another model or run.
        others: how it takes pictures of none of its classes, if it was shown any.
        validated: whether each answer is that of a model which was trained without the picture, by cross-validation.
    """

    dataset: str
    skipped: int
    package: ModelPackage
    backend: str
    device: str
    answers: list[Answer]
    failures: list[Failure]
    unknown: Mapping[str, int] = field(default_factory=dict)
    run: Run = Run()
    comparison: Comparison | None = None
    others: Others | None = None
    validated: bool = False

    def __post_init__(self) -> None:
        """Checks that there is anything to measure.

        Raises:
            InputError: when no picture could be classified.
        """
        if not self.answers:
            raise InputError(f"{self.dataset}: none of its pictures could be classified.")

    @property
    def total(self) -> int:
        """Pictures that were classified."""
        return len(self.answers)

    @property
    def k(self) -> int:
        """How many answers count for `within_k`: 5, or all classes where there are fewer."""
        return min(TOP, self.package.manifest.output.classes)

    @property
    def right(self) -> int:
        """Pictures whose first answer is right."""
        return self.within(1)

    def within(self, k: int) -> int:
        """Pictures whose class is among the first k answers."""
        return sum(answer.rank <= k for answer in self.answers)

    @property
    def unsure(self) -> int:
        """Pictures that the page would call unsure."""
        return sum(not answer.sure for answer in self.answers)

    @property
    def confidence(self) -> float:
        """The mean of the best scores, which is the accuracy that they predict."""
        return float(self._column("score").mean())

    @property
    def nll(self) -> float:
        """The negative log-likelihood, nats per picture; a score of 0 counts as the smallest positive float32."""
        return float(self._surprise.mean())

    @property
    def _surprise(self) -> NDArray[np.float64]:
        least = float(np.finfo(np.float32).smallest_subnormal)
        return np.asarray(-np.log(np.maximum(self._column("truth_score"), least)), np.float64)

    @property
    def brier(self) -> float:
        """The Brier score, 0 to 2: the mean of the sums over all classes of (score - 1 or 0) squared."""
        return float(self._column("brier").mean())

    @property
    def aurc(self) -> float:
        """The area under the risk-coverage curve, 0 to 1, in the order of the best scores."""
        return metrics.risk_coverage_area(self._column("score"), self._column("rank") == 1)

    @cached_property
    def sets(self) -> Coverage | None:
        """What becomes of the promise about the answers' sets; None if the package makes none."""
        conformal = self.package.manifest.conformal
        return Coverage(conformal.coverage, self.answers, self._fitted_to(conformal)) if conformal else None

    @property
    def intervals(self) -> dict[str, tuple[float, float] | None]:
        """The 95 % confidence intervals of means over the pictures, by the key of the mean in `to_dict`."""
        return {
            "nll": metrics.mean_interval(self._surprise),
            "brier": metrics.mean_interval(self._column("brier")),
            "confidence": metrics.mean_interval(self._column("score")),
        }

    @cached_property
    def repeated(self) -> list[list[Answer]]:
        """The pictures of which the dataset has several files with the same content, together with these."""
        groups: dict[str, list[Answer]] = defaultdict(list)
        for answer in self.answers:
            groups[answer.fingerprint].append(answer)
        return [group for key, group in groups.items() if key and len(group) > 1]

    @property
    def contradictory(self) -> list[list[Answer]]:
        """Those of them that are said to be of different classes."""
        return [group for group in self.repeated if len({(one.accepted or (one.truth,)) for one in group}) > 1]

    @property
    def repeated_alike(self) -> list[list[Answer]]:
        """The others of them, whose classes agree."""
        contradictory = self.contradictory
        return [group for group in self.repeated if group not in contradictory]

    @cached_property
    def calibrated_on(self) -> int:
        """How many of the pictures the package's temperature was fitted to, as far as it says."""
        return self._fitted_to(self.package.manifest.calibration)

    def _fitted_to(self, record: FittedTo | None) -> int:
        """How many of the pictures are among those of a record, as far as it says."""
        if record is None:
            return 0
        return self._shared(record.hashes.split(), record.pictures)

    @cached_property
    def fitted_on(self) -> int:
        """How many of the pictures the package's `unknown.npz` was fitted to, as far as it says."""
        measure = self.package.unknown
        return self._shared(measure.sample, measure.pictures) if measure else 0

    def _shared(self, hashes: Collection[str], pictures: int) -> int:
        return fingerprints.shared((answer.fingerprint for answer in self.answers), hashes, pictures)

    @cached_property
    def trained_on(self) -> int:
        """How many of the pictures the model was trained on, as far as its package says; 0 in a cross-validation."""
        return 0 if self.validated else self._fitted_to(self.package.manifest.training)

    @cached_property
    def reliability(self) -> list[metrics.Bin]:
        """How often answers are right, by their score."""
        return metrics.reliability(self._column("score"), self._column("rank") == 1)

    @property
    def ece(self) -> float:
        """Expected calibration error, 0 to 1."""
        return metrics.expected_calibration_error(self.reliability)

    @cached_property
    def ece_by_chance(self) -> float:
        """The ECE of perfectly calibrated scores on these pictures: an ECE near it is no sign of bad calibration."""
        return metrics.chance_error(self._column("score"))

    @cached_property
    def classes(self) -> list[metrics.ClassResult]:
        """The classes that are shown or predicted, in index order."""
        return metrics.per_class(self._column("truth"), self._column("predicted"), self.package.manifest.output.classes)

    @cached_property
    def weakest(self) -> list[metrics.ClassResult]:
        """The classes that are shown, those with the lowest F1 first, and of them those with the most pictures."""
        return sorted(
            (result for result in self.classes if result.support), key=lambda result: (result.f1 or 0, -result.support)
        )

    @cached_property
    def confusion(self) -> list[tuple[int, int, int]]:
        """(truth, predicted, pictures) for each pair of classes that has pictures."""
        return metrics.confusion(self._column("truth"), self._column("predicted"))

    @property
    def confused(self) -> list[tuple[int, int, int]]:
        """The entries of the confusion matrix that are mistakes, the most frequent first."""
        return sorted((entry for entry in self.confusion if entry[0] != entry[1]), key=lambda entry: (-entry[2], entry))

    @property
    def mistakes(self) -> list[Answer]:
        """The wrong answers, those with the highest score first."""
        return sorted((answer for answer in self.answers if not answer.right), key=lambda answer: -answer.score)

    def _column(self, name: str) -> NDArray[Any]:
        return np.array([getattr(answer, name) for answer in self.answers])
