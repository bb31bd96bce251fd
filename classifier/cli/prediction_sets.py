"""What `classifier calibrate --coverage` and `classifier evaluate` print of the sets of classes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from classifier.evaluation.calibration import FEW
from classifier.evaluation.conformal import Sets
from classifier.evaluation.coverage import Coverage
from classifier.formatting import odds, percent, printable
from classifier.package import ModelPackage

_ROWS = 10  # classes, those whose sets hold them least often
_SIZES = 4  # sizes of sets that are named one by one


def fitted(found: Sets) -> list[tuple[str, str, str]]:
    """The numbers of what was fitted: name, value, what it means; none where there is no threshold."""
    if found.threshold is None or found.likely is None:
        return []
    low, high = found.likely
    sizes = Counter(found.sizes.tolist())
    return [
        ("threshold", f"{found.threshold:.4g}", "classes that are at least as likely are in the set"),
        ("coverage", percent(found.coverage), f"and in 9 of 10 such fits really {percent(low)} to {percent(high)}"),
        ("mean size", f"{found.mean_size:.2f}", f"of {found.classes} classes; {_by_size(sizes)}"),
    ]


def remarks(found: Sets) -> list[str]:
    """How far it can be trusted."""
    said = []
    if found.left_out:
        said.append(
            f"{found.left_out} pictures were left out: they look blank, like noise, or like none of the things that "
            "the model knows. Such pictures get no set."
        )
    if found.problem:
        return [*said, f"Do not use these sets: {found.problem}."]
    right = found.right / found.pictures
    if found.coverage <= right:
        said.append(
            f"The first answer alone is right in {percent(right)} of these pictures, so that sets of one class keep "
            "the promise: ask for more coverage."
        )
    if found.nearly_all:
        said.append("They hold nearly all classes, and say next to nothing: ask for less, or for a better model.")
    if found.shown < found.classes:
        said.append(
            f"These pictures show {found.shown} of {found.classes} classes. The promise holds for pictures like these, "
            "and not for pictures of the others."
        )
    if found.pictures < FEW:
        said.append(f"These are few pictures for sets: use {FEW} or more, better 1000.")
    return said


def evaluated(found: Coverage | None) -> list[tuple[str, str, str]]:
    """What became of the promise: name, value, what it means; none if there is none."""
    if found is None:
        return []
    if found.interval is None:
        return [("sets", "none", f"the package promises {percent(found.promised)}, but not for any of these pictures")]
    low, high = found.interval
    held = f"{found.held} of {len(found.given)} hold the right class; 95% interval {percent(low)} to {percent(high)}"
    rows = [
        ("sets", percent(found.share), f"{held}; promised {percent(found.promised)}"),
        ("set size", f"{found.mean_size:.2f}", f"classes on average; {_by_size(found.sizes)}"),
    ]
    if found.without:
        rows.append(("without set", str(found.without), "pictures: blank, noise, or like none of the things it knows"))
    return rows


def doubts(found: Coverage | None, package: ModelPackage) -> list[str]:
    """What to think of the promise."""
    conformal = package.manifest.conformal
    if found is None or conformal is None:
        return []
    said = []
    if found.fitted_on:
        said.append(
            f"The sets were fitted to {found.fitted_on} of these pictures ({printable(conformal.dataset)}, "
            f"{conformal.date}): their coverage says nothing new. Measure on others."
        )
    if found.broken:
        said.append(
            "The sets hold the right class less often than promised: these pictures are unlike those that they were "
            "fitted to. Fit them to such as these: classifier calibrate --coverage."
        )
    return said


def classes(found: Coverage | None, labels: Sequence[str]) -> list[tuple[str, ...]]:
    """The classes whose sets hold them least often, under a row of heads; nothing if there are no sets."""
    if found is None or not found.given:
        return []
    return [
        ("class", "pictures", "held", "mean size", ""),
        *(
            (
                labels[one.index],
                str(one.pictures),
                percent(one.share),
                f"{one.mean_size:.2f}",
                f"95% interval {percent(one.interval[0])} to {percent(one.interval[1])}",
            )
            for one in found.classes[:_ROWS]
        ),
    ]


def promise(coverage: float) -> str:
    """A coverage in words: `9 times in 10`."""
    times, of = odds(coverage)
    return f"{times} times in {of}"


def _by_size(sizes: Mapping[int, int]) -> str:
    """How many sets have how many classes: `8 with 1, 2 with 2`."""
    ordered = sorted(sizes.items())
    first = [f"{count} with {size}" for size, count in ordered[:_SIZES]]
    more = sum(count for _, count in ordered[_SIZES:])
    return ", ".join([*first, f"{more} with more"] if more else first)
