"""How often the sets of answers hold the right class, in all and class by class, and how large they are."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

from classifier.evaluation import metrics
from classifier.evaluation.measure import Answer


@dataclass(frozen=True, slots=True)
class ClassCoverage:
    """The sets of one class's pictures.

    Attributes:
        index: index of the class.
        pictures: its pictures whose answer has a set, at least one.
        held: how many of these sets hold it.
        share: held / pictures.
        interval: the 95 % confidence interval of the share.
        mean_size: how many classes are in a set on average.
    """

    index: int
    pictures: int
    held: int
    share: float
    interval: tuple[float, float]
    mean_size: float


@dataclass(frozen=True)
class Coverage:
    """The sets of all answers that have one.

    Attributes:
        promised: the share that is promised to hold the right class.
        answers: the answers, with and without sets.
        fitted_on: how many of the pictures the sets were fitted to, as far as the package says.
    """

    promised: float
    answers: Sequence[Answer]
    fitted_on: int = 0

    @cached_property
    def given(self) -> list[Answer]:
        """The answers that have a set."""
        return [one for one in self.answers if one.set_size]

    @property
    def without(self) -> int:
        """How many answers have none."""
        return len(self.answers) - len(self.given)

    @property
    def held(self) -> int:
        """How many of the sets hold the right class."""
        return sum(one.held for one in self.given)

    @property
    def share(self) -> float | None:
        """Held, as a share of the sets; None if there are none."""
        return metrics.share(self.held, len(self.given))

    @property
    def interval(self) -> tuple[float, float] | None:
        """The 95 % confidence interval of the share."""
        return metrics.interval(self.held, len(self.given)) if self.given else None

    @property
    def broken(self) -> bool:
        """Whether fewer sets hold the right class than promised, by more than chance explains."""
        return self.interval is not None and self.interval[1] < self.promised

    @property
    def mean_size(self) -> float | None:
        """How many classes are in a set on average."""
        return metrics.share(sum(self._sizes), len(self.given))

    @property
    def sizes(self) -> dict[int, int]:
        """How many sets there are of each size, the smallest first."""
        return dict(sorted(Counter(self._sizes).items()))

    @cached_property
    def classes(self) -> list[ClassCoverage]:
        """By class, those first whose sets hold it least often, and of these the ones with the most pictures."""
        groups: dict[int, list[Answer]] = defaultdict(list)
        for one in self.given:
            groups[one.truth].append(one)
        found = []
        for index, answers in groups.items():
            held, total = sum(one.held for one in answers), len(answers)
            mean = sum(one.set_size or 0 for one in answers) / total
            found.append(ClassCoverage(index, total, held, held / total, metrics.interval(held, total), mean))
        return sorted(found, key=lambda one: (one.share, -one.pictures, one.index))

    def to_dict(self, labels: Sequence[str]) -> dict[str, Any]:
        """Plain values for JSON; docs/evaluate.md explains them."""
        return {
            "promised": self.promised,
            "pictures": len(self.given),
            "without": self.without,
            "held": self.held,
            "share": self.share,
            "interval": self.interval,
            "mean_size": self.mean_size,
            "sizes": [{"size": size, "pictures": count} for size, count in self.sizes.items()],
            "classes": [{"label": labels[one.index], **asdict(one)} for one in self.classes],
            "fitted_on": self.fitted_on,
        }

    @property
    def _sizes(self) -> list[int]:
        return [one.set_size or 0 for one in self.given]
