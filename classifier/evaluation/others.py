"""How a model takes pictures of none of its classes, beside those of its own: `classifier evaluate --others`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from classifier.evaluation import metrics
from classifier.evaluation.fingerprints import fingerprint
from classifier.evaluation.measure import Answer, Failure
from classifier.result import Scores

POINTS = 50
"""How many points of the risk-coverage curve are given, at most."""


@dataclass(frozen=True, slots=True)
class OtherAnswer:
    """The model's answer for a picture of none of its classes.

    Attributes:
        file: the picture's path.
        predicted: index of the class with the best score.
        score: probability of that class.
        familiar: as in `Classification`.
        sure: as in `Classification`.
        fingerprint: of the picture's file, see `fingerprints`.
    """

    file: str
    predicted: int
    score: float
    familiar: float | None
    sure: bool
    fingerprint: str = ""


def answer(file: str, found: Scores) -> OtherAnswer:
    """The few numbers of a picture's scores that are needed."""
    predicted = int(found.scores.argmax())
    about = (file, predicted, float(found.scores[predicted]), found.familiar, found.sure)
    return OtherAnswer(*about, fingerprint(file))


@dataclass(frozen=True)
class Others:
    """The answers for pictures of none of the classes, and for the model's own pictures.

    Attributes:
        dataset: the name of the folder.
        answers: for the other pictures, at least one.
        own: for the model's own pictures, at least one.
        failures: the other pictures that could not be classified.
    """

    dataset: str
    answers: Sequence[OtherAnswer]
    own: Sequence[Answer]
    failures: Sequence[Failure] = ()

    @property
    def sure(self) -> int:
        """How many of the others are called sure, each of them wrongly."""
        return sum(one.sure for one in self.answers)

    @cached_property
    def also_own(self) -> int:
        """How many of them are among the model's own pictures, too, of which one or the other is wrong."""
        own = {one.fingerprint for one in self.own} - {""}
        return sum(one.fingerprint in own for one in self.answers)

    @property
    def own_right(self) -> int:
        """How many of the model's own pictures it is right about."""
        return sum(one.right for one in self.own)

    @property
    def own_right_sure(self) -> int:
        """About how many of those it is sure."""
        return sum(one.right and one.sure for one in self.own)

    @property
    def own_sure(self) -> int:
        """Of how many of its own pictures it is sure."""
        return sum(one.sure for one in self.own)

    @cached_property
    def auroc(self) -> dict[str, float | None]:
        """How well own pictures are told from others, 0.5 to 1: by the score, by `familiar`, and by their product.

        The last two are None where the model cannot tell how familiar a picture is.
        """
        own, others = _numbers(self.own), _numbers(self.answers)
        found: dict[str, float | None] = {"score": auroc(own[0], others[0]), "familiar": None, "both": None}
        if not (np.isnan(own[1]).any() or np.isnan(others[1]).any()):
            found["familiar"] = auroc(own[1], others[1])
            found["both"] = auroc(own[0] * own[1], others[0] * others[1])
        return found

    @cached_property
    def curve(self) -> list[tuple[float, float]]:
        """The risk-coverage curve, as (coverage, risk): of the answers that are trusted most, what share is wrong.

        All pictures count, and every answer for one of the others is wrong. They are in the order of score times
        `familiar`, as far as there is one; answers that are equal there come together.
        """
        trust = np.concatenate([_trust(self.own), _trust(self.answers)])
        wrong = np.array([not one.right for one in self.own] + [True] * len(self.answers))
        order = np.argsort(-trust, kind="stable")
        ends = np.append(np.flatnonzero(np.diff(trust[order])), len(trust) - 1)  # the last of each that are equal
        if len(ends) > POINTS:
            ends = ends[np.linspace(0, len(ends) - 1, POINTS).round().astype(int)]
        risks = np.cumsum(wrong[order])
        return [((int(end) + 1) / len(trust), float(risks[end] / (end + 1))) for end in ends]

    @property
    def worst(self) -> list[OtherAnswer]:
        """The others that are called sure, those with the highest score first."""
        return sorted((one for one in self.answers if one.sure), key=lambda one: -one.score)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; docs/evaluate.md explains them."""
        total, right, sure = len(self.answers), self.own_right, self.own_sure
        all_sure = sure + self.sure
        return {
            "dataset": self.dataset,
            "pictures": total,
            "failed": len(self.failures),
            "also_own": self.also_own,
            "sure": self.sure,
            "sure_share": self.sure / total,
            "sure_interval": metrics.interval(self.sure, total),
            "own_right_sure_share": self.own_right_sure / right if right else None,
            "own_sure_accuracy": self.own_right_sure / sure if sure else None,
            "sure_accuracy": self.own_right_sure / all_sure if all_sure else None,
            "auroc": self.auroc,
            "curve": [{"coverage": coverage, "risk": risk} for coverage, risk in self.curve],
            "worst": [{key: value for key, value in asdict(one).items() if key != "fingerprint"} for one in self.worst],
        }


def auroc(own: NDArray[np.float64], others: NDArray[np.float64]) -> float:
    """The chance that one of the first is larger than one of the others, where equal ones count half.

    Args:
        own: `(N,)`, at least one.
        others: `(M,)`, at least one.
    """
    ordered = np.sort(others)
    below, up_to = np.searchsorted(ordered, own, "left"), np.searchsorted(ordered, own, "right")
    return float((below + up_to).mean() / (2 * len(others)))


def _numbers(answers: Sequence[Answer] | Sequence[OtherAnswer]) -> NDArray[np.float64]:
    """`(2, N)`: scores, and how familiar the pictures are, NaN where that is unknown."""
    return np.array([(one.score, np.nan if one.familiar is None else one.familiar) for one in answers]).T


def _trust(answers: Sequence[Answer] | Sequence[OtherAnswer]) -> NDArray[np.float64]:
    scores, familiar = _numbers(answers)
    trust: NDArray[np.float64] = np.where(np.isnan(familiar), scores, scores * familiar)
    return trust
