"""What `classifier evaluate` and `classifier calibrate` print for people, as lines of plain text."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len

from classifier.evaluation import metrics
from classifier.evaluation.calibration import BOUNDS, FEW, Calibration
from classifier.evaluation.result import Evaluation
from classifier.formatting import percent, printable
from classifier.package import ModelPackage

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
        *_classes(found, labels),
        *_confusions(found, labels),
        *_mistakes(found, labels),
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
    if found.unbounded:
        reason = (
            "every picture is right, or nearly: use harder ones"
            if after.temperature == BOUNDS[0]
            else "the scores say nothing about these classes: look at the labels"
        )
        lines.append(f"Do not use this temperature: it reached its limit of {after.temperature:g}, because {reason}.")
    if found.pictures < FEW:
        lines.append(f"These are too few pictures for a good temperature: use {FEW} or more, better 1000.")
    if package.manifest.output.unsure_below and after.temperature != before.temperature:
        limit = package.manifest.output.unsure_below
        lines.append(f"Scores change, but output.unsure_below stays {limit:g}: check whether it still fits.")
    return lines


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
        ("unsure", str(found.unsure), "pictures of which the model is not sure"),
    ]
    if found.failures:
        rows.append(("failed", str(len(found.failures)), "could not be classified; standard error says why"))
    if found.skipped:
        rows.append(("skipped", str(found.skipped), "files without the ending of a picture"))
    support = sum(result.support > 0 for result in found.classes)
    head = (
        f"{found.package.name} on {printable(found.dataset)}: {_count(found.total, 'picture')} of "
        f"{_count(support, 'class', 'classes')}, {found.backend} on {found.device}"
    )
    return [head, *_table(rows, "<><")]


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
