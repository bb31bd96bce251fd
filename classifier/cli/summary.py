"""What `classifier evaluate` and `classifier calibrate` print for people, as lines of plain text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.cells import cell_len

from classifier.cli import other_pictures, prediction_sets
from classifier.evaluation import metrics
from classifier.evaluation.calibration import FEW, Calibration
from classifier.evaluation.conformal import Sets
from classifier.evaluation.result import Evaluation
from classifier.formatting import percent, printable
from classifier.package import ModelPackage
from classifier.package.unknown import FILE

_SIGNIFICANT = 0.05
_ROWS = 10  # rows of each list, the worst ones; the reports in JSON and HTML have more


def evaluation(found: Evaluation, lang: str | None) -> list[str]:
    """The numbers, then the weakest classes, the most frequent confusions and the most confident mistakes.

    Args:
        found: what was measured.
        lang: language of the labels; the package's own if None.
    """
    labels = found.package.labels_for(lang or found.package.language)
    return [
        *_head(found),
        *_doubts(found, labels),
        *_comparison(found),
        *_classes(found, labels),
        *_sets(found, labels),
        *_confusions(found, labels),
        *_mistakes(found, labels),
        *_others(found, labels),
    ]


def calibration(found: Calibration, package: ModelPackage, dataset: str) -> list[str]:
    """What a temperature changes, and how far it can be trusted.

    Args:
        found: what was fitted.
        package: the model.
        dataset: the name of what it was fitted to.
    """
    before, after = found.before, found.after
    rows = [
        ("", "before", "after", ""),
        ("temperature", f"{before.temperature:g}", f"{after.temperature:g}", ""),
        ("NLL", f"{before.nll:.4f}", f"{after.nll:.4f}", "nats per picture"),
        ("ECE", percent(before.ece), percent(after.ece), "how far scores and accuracy are apart"),
        ("top-1", *[percent(found.right / found.pictures)] * 2, "a temperature changes no answer"),
    ]
    lines = [f"{package.name} on {printable(dataset)}: {found.pictures} pictures", *_table(rows, "<>><")]
    if found.problem:
        lines.append(f"Do not use this temperature: {found.problem}.")
    elif found.pictures < FEW:
        lines.append(f"These are too few pictures for a good temperature: use {FEW} or more, better 1000.")
    if package.manifest.output.unsure_below and after.temperature != before.temperature:
        limit = package.manifest.output.unsure_below
        lines.append(f"Scores change, but output.unsure_below stays {limit:g}: check whether it still fits.")
    return lines


def sets(found: Sets) -> list[str]:
    """What sets of classes a threshold makes, and how far they can be trusted."""
    head = f"Sets that hold the right class {prediction_sets.promise(found.coverage)}, by {found.pictures} pictures"
    rows = prediction_sets.fitted(found)
    return [head, *(_table(rows, "<><") if rows else []), *prediction_sets.remarks(found)]


def _head(found: Evaluation) -> list[str]:
    output = found.package.manifest.output
    low, high = metrics.interval(found.right, found.total)
    accuracy = found.right / found.total
    rows = [
        ("top-1", percent(accuracy), f"{found.right} of {found.total}; 95% interval {percent(low)} to {percent(high)}")
    ]
    if found.k < output.classes:
        within = found.within(found.k)
        rows.append((f"top-{found.k}", percent(within / found.total), f"{within} of {found.total}"))
    means = metrics.macro(found.classes)
    rows += [
        ("recall", percent(means["recall"]), "mean over the classes that have pictures"),
        ("precision", percent(means["precision"]), "the same"),
        ("F1", percent(means["f1"]), "the same"),
        (
            "ECE",
            percent(found.ece),
            f"mean score {percent(found.confidence)}, accuracy {percent(accuracy)}; "
            f"well-calibrated scores would show {percent(found.ece_by_chance)} by chance",
        ),
        ("NLL", f"{found.nll:.3f}", f"nats per picture, at temperature {output.temperature:g}"),
        ("Brier", f"{found.brier:.3f}", f"0 is best, 2 worst{_between(found.intervals['brier'])}"),
        ("AURC", f"{found.aurc:.4f}", f"risk over all coverages; {1 - accuracy:.4f} if scores were chance, 0 is best"),
        ("unsure", str(found.unsure), "pictures of which the model is not sure"),
        *prediction_sets.evaluated(found.sets),
    ]
    if found.failures:
        rows.append(("failed", str(len(found.failures)), "could not be classified; standard error says why"))
    if found.skipped:
        rows.append(("skipped", str(found.skipped), "files without the ending of a picture"))
    if found.unknown:
        names = f"pictures of {_count(len(found.unknown), 'class', 'classes')} that the model lacks: "
        rows.append(("unknown", str(sum(found.unknown.values())), names + _some(found.unknown)))
    support = sum(result.support > 0 for result in found.classes)
    head = (
        f"{found.package.name} on {printable(found.dataset)}: {_count(found.total, 'picture')} of "
        f"{_count(support, 'class', 'classes')}, {found.backend} on {found.device}"
    )
    if found.run.view != "crop":
        head += f", view {found.run.view}"
    return [head, *_table(rows, "<><")]


def _doubts(found: Evaluation, labels: Sequence[str]) -> list[str]:
    """What about the pictures makes the numbers less than they seem."""
    lines = []
    for group in found.contradictory[:_ROWS]:
        said = ", ".join(f"{printable(one.file)} ({labels[one.truth]})" for one in group)
        lines.append(f"The same picture with different classes, of which at most one is right: {said}.")
    again = found.repeated_alike
    if again:
        number, files = sum(len(group) - 1 for group in again), [printable(one.file) for one in again[0]]
        is_are = "picture is" if number == 1 else "pictures are"
        lines.append(f"{number} {is_are} there more than once, and counted each time: {' = '.join(files[:3])}.")
    if found.calibrated_on:
        record = found.package.manifest.calibration
        assert record  # noqa: S101  (it is what tells)
        lines.append(
            f"The temperature was fitted to {found.calibrated_on} of these pictures "
            f"({printable(record.dataset)}, {record.date}): ECE, NLL and Brier look better than they are. "
            "Measure on others."
        )
    if found.fitted_on:
        lines.append(
            f"{FILE} was fitted to {found.fitted_on} of these pictures: more of their answers are sure than others' "
            "would be. Measure on others."
        )
    lines += prediction_sets.doubts(found.sets, found.package)
    if found.trained_on:
        trained = found.package.manifest.training
        assert trained  # noqa: S101
        low, high = trained.interval
        lines.append(
            f"The model was trained on {found.trained_on} of these pictures "
            f"({printable(trained.dataset)}, {trained.date}): all numbers look better than they are. Measure on "
            f"others; by cross-validation it is right on {percent(trained.top1)}, "
            f"95% interval {percent(low)} to {percent(high)}."
        )
    return ["", *lines] if lines else []


def _comparison(found: Evaluation) -> list[str]:
    other = found.comparison
    if other is None:
        return []
    low, high = other.interval
    verdict = (
        "more than chance explains" if other.p < _SIGNIFICANT else "chance alone explains it; more pictures would tell"
    )
    rows = [
        ("both right", str(other.both), ""),
        ("only this one", str(other.only_this), ""),
        ("only the other", str(other.only_other), ""),
        ("neither", str(other.neither), ""),
        (
            "top-1",
            f"{other.difference * 100:+.1f}",
            f"points; 95% interval {low * 100:+.1f} to {high * 100:+.1f}; McNemar p = {other.p:.2g}: {verdict}",
        ),
    ]
    if other.unpaired:
        rows.append(("left out", str(other.unpaired), "pictures that only one of the two was measured on"))
    title = f"Compared with {printable(other.name)} on {_count(other.pictures, 'picture')}"
    return ["", title, *_table(rows, "<><")]


def _between(interval: tuple[float, float] | None) -> str:
    return f"; 95% interval {interval[0]:.3f} to {interval[1]:.3f}" if interval else ""


def _some(names: Iterable[str]) -> str:
    shown = [printable(name) for name in names]
    return ", ".join(shown[:3]) + (", ..." if len(shown) > 3 else "")


def _classes(found: Evaluation, labels: Sequence[str]) -> list[str]:
    worst = found.weakest[:_ROWS]
    rows = [("class", "pictures", "recall", "precision", "F1")]
    rows += [
        (
            labels[result.index],
            str(result.support),
            percent(result.recall),
            percent(result.precision),
            percent(result.f1),
        )
        for result in worst
    ]
    title = "Classes" if len(worst) == len(found.weakest) else f"Weakest of {len(found.weakest)} classes"
    return ["", title, *_table(rows, "<>>>>")]


def _sets(found: Evaluation, labels: Sequence[str]) -> list[str]:
    rows = prediction_sets.classes(found.sets, labels)
    return ["", "Sets, by class, those that hold it least often", *_table(rows, "<>>><")] if rows else []


def _confusions(found: Evaluation, labels: Sequence[str]) -> list[str]:
    rows = [(f"{count} x", f"{labels[truth]} taken for {labels[said]}") for truth, said, count in found.confused]
    return ["", "Most frequent confusions", *_table(rows[:_ROWS], "><")] if rows else []


def _mistakes(found: Evaluation, labels: Sequence[str]) -> list[str]:
    rows = [
        (
            percent(answer.score),
            labels[answer.predicted],
            f"is {labels[answer.truth]}, place {answer.rank}",
            printable(answer.file),
        )
        for answer in found.mistakes[:_ROWS]
    ]
    return ["", "Most confident mistakes", *_table(rows, "><<<")] if rows else []


def _others(found: Evaluation, labels: Sequence[str]) -> list[str]:
    if found.others is None:
        return []
    head = (
        f"{_count(len(found.others.answers), 'picture')} of {printable(found.others.dataset)}, of none of the classes"
    )
    lines = ["", head, *_table(other_pictures.rows(found.others), "<><")]
    if worst := other_pictures.worst(found.others, labels):
        lines += ["", "Other things that it is surest of", *_table(worst, "<><<")]
    return lines


def _table(rows: Sequence[Sequence[str]], sides: str) -> list[str]:
    """Columns aligned by cells of the terminal, not by characters: a Chinese character takes two cells."""
    widths = [max(cell_len(row[at]) for row in rows) for at in range(len(sides))]
    lines = []
    for row in rows:
        cells = [
            cell.rjust(width - cell_len(cell) + len(cell)) if side == ">" else cell + " " * (width - cell_len(cell))
            for cell, side, width in zip(row, sides, widths, strict=True)
        ]
        lines.append(("  " + "  ".join(cells)).rstrip())
    return lines


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number} {one if number == 1 else many or one + 's'}"
