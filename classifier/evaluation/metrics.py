"""The numbers that say how good answers are. NumPy arrays in, plain values out; no model, no files."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]
Ints = NDArray[np.integer]
Bools = NDArray[np.bool_]

Z = 1.959963984540054
"""The 97.5 % quantile of the normal distribution."""

BINS = 15
"""Bins of equal width over 0 to 1, as in Guo et al. (2017), On Calibration of Modern Neural Networks, section 4."""


@dataclass(frozen=True, slots=True)
class Bin:
    """The pictures whose best score is above `low` and at most `high`; the means are None if there are no pictures."""

    low: float
    high: float
    pictures: int
    confidence: float | None
    accuracy: float | None


@dataclass(frozen=True, slots=True)
class ClassResult:
    """The results for one class; a share is None if its denominator is 0.

    Attributes:
        index: index of the class.
        support: number of pictures that show it.
        predicted: number of pictures for which it is the model's first answer.
        right: number of pictures for which both hold.
        precision: right / predicted.
        recall: right / support.
        f1: harmonic mean of precision and recall, 2 right / (support + predicted).
    """

    index: int
    support: int
    predicted: int
    right: int
    precision: float | None
    recall: float | None
    f1: float | None


def share(part: float, whole: float) -> float | None:
    """`part / whole`, or None if `whole` is 0."""
    return part / whole if whole else None


def interval(right: int, total: int) -> tuple[float, float]:
    """The 95 % confidence interval of a share, after Wilson (1927); holds for few pictures and for shares near 1."""
    p = right / total
    middle = (p + Z * Z / (2 * total)) / (1 + Z * Z / total)
    half = Z / (1 + Z * Z / total) * math.sqrt(p * (1 - p) / total + Z * Z / (4 * total * total))
    return max(0.0, middle - half), min(1.0, middle + half)


def mean_interval(values: Floats) -> tuple[float, float] | None:
    """The 95 % confidence interval of a mean, from the standard error; None for fewer than two values."""
    if len(values) < 2:
        return None
    exact = values.astype(np.float64)
    middle, half = float(exact.mean()), Z * float(exact.std(ddof=1)) / math.sqrt(len(exact))
    return middle - half, middle + half


def reliability(confidences: Floats, right: Bools, bins: int = BINS) -> list[Bin]:
    """How often answers are right, by their score.

    Args:
        confidences: the best score of each picture, `(N,)`, 0 to 1.
        right: whether that class is the picture's, `(N,)`.
        bins: number of bins, of equal width.
    """
    edges = np.linspace(0, 1, bins + 1)
    where = np.clip(np.searchsorted(edges, confidences, "left") - 1, 0, bins - 1)
    counts = np.bincount(where, minlength=bins)
    sums = np.bincount(where, confidences, bins)
    hits = np.bincount(where, right, bins)
    return [
        Bin(float(low), float(high), int(count), share(float(total), int(count)), share(float(hit), int(count)))
        for low, high, count, total, hit in zip(edges[:-1], edges[1:], counts, sums, hits, strict=True)
    ]


def expected_calibration_error(bins: list[Bin]) -> float:
    """Expected calibration error, 0 to 1: the gap between accuracy and confidence in a bin, averaged over pictures.

    Guo et al. (2017), equation 3.
    """
    apart = sum(bin_.pictures * abs((bin_.accuracy or 0) - (bin_.confidence or 0)) for bin_ in bins)
    return apart / sum(bin_.pictures for bin_ in bins)


def chance_error(confidences: Floats, draws: int = 200) -> float:
    """The expected calibration error that perfectly calibrated scores would show on these pictures, by chance alone.

    Args:
        confidences: the best score of each picture, `(N,)`.
        draws: how often each answer is drawn to be right with its score as the probability; the same draws each time.
    """
    random = np.random.default_rng(0)
    errors = (
        expected_calibration_error(reliability(confidences, random.random(len(confidences)) < confidences))
        for _ in range(draws)
    )
    return sum(errors) / draws


def risk_coverage_area(trust: Floats, right: Bools) -> float:
    """The area under the risk-coverage curve (AURC), 0 to 1, less is better; a model that says nothing has its error.

    It is the mean, over all numbers of answers that might be given, of the share of them that is wrong if those are
    given that are trusted most (Geifman, Uziel and El-Yaniv 2019, Bias-Reduced Uncertainty Estimation, section 2).
    Answers that are trusted alike come in any order: it is the mean over all orders.

    Args:
        trust: of each answer, `(N,)`, at least one; more is trusted more.
        right: whether it is right, `(N,)`.
    """
    _, groups = np.unique(-trust, return_inverse=True)
    wrong = np.bincount(groups, ~right) / np.bincount(groups)
    risks = np.cumsum(wrong[np.sort(groups)])
    return float((risks / np.arange(1, len(risks) + 1)).mean())


def per_class(truths: Ints, predicted: Ints, classes: int) -> list[ClassResult]:
    """The result of each class that is shown or predicted, in index order.

    Args:
        truths: the class of each picture, `(N,)`.
        predicted: the model's first answer, `(N,)`.
        classes: number of the model's classes.
    """
    support = np.bincount(truths, minlength=classes).tolist()
    said = np.bincount(predicted, minlength=classes).tolist()
    right = np.bincount(truths[truths == predicted], minlength=classes).tolist()
    return [
        ClassResult(
            *(index, support[index], said[index], right[index]),
            precision=share(right[index], said[index]),
            recall=share(right[index], support[index]),
            f1=share(2 * right[index], support[index] + said[index]),
        )
        for index in range(classes)
        if support[index] or said[index]
    ]


def macro(results: list[ClassResult]) -> dict[str, float]:
    """Precision, recall and F1, each the mean over the classes that are shown; a class never predicted counts as 0."""
    shown = [result for result in results if result.support]
    return {
        name: sum(getattr(result, name) or 0.0 for result in shown) / len(shown)
        for name in ("precision", "recall", "f1")
    }


def confusion(truths: Ints, predicted: Ints) -> list[tuple[int, int, int]]:
    """The confusion matrix's entries other than 0: (truth, predicted, pictures), by truth, then by predicted."""
    pairs, counts = np.unique(np.stack([truths, predicted]), axis=1, return_counts=True)
    return [(int(truth), int(said), int(count)) for truth, said, count in zip(*pairs, counts, strict=True)]
