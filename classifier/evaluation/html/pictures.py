"""The report's sections about single pictures: those of each cell of the matrix, and those that are doubtful."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from html import escape

from classifier.evaluation.html.charts import cell_id
from classifier.evaluation.html.sections import drawn, section, small_image
from classifier.evaluation.measure import Answer
from classifier.evaluation.result import Evaluation
from classifier.formatting import percent, printable
from classifier.languages import Words
from classifier.package.unknown import FILE

SIDE = 96
"""Pixels along the longer side of a small picture, some 3 kB."""

SHOWN = 12
"""The most pictures of a cell that are shown."""

MOST = 240
"""The most small pictures of a report, so that it can still be sent."""

_LISTED = 24  # the most files of a cell that are listed
_ALL = 2000  # the most files of all cells


def mistaken(found: Evaluation) -> dict[tuple[int, int], list[Answer]]:
    """The wrong answers in each cell of the matrix, the fullest cell first, of each the most confident first."""
    shown = set(drawn(found))
    cells: dict[tuple[int, int], list[Answer]] = defaultdict(list)
    for answer in found.mistakes:
        if {answer.truth, answer.predicted} <= shown:
            cells[answer.truth, answer.predicted].append(answer)
    return dict(sorted(cells.items(), key=lambda cell: (-len(cell[1]), cell[0])))


def cells(found: Evaluation, small: Mapping[str, bytes], labels: Sequence[str], words: Words) -> str:
    """The pictures of each cell of the matrix that is a mistake, where the matrix links to."""
    parts = []
    wrong = mistaken(found)
    most = min(_LISTED, _ALL // max(1, len(wrong)))
    for (truth, said), answers in wrong.items():
        title = words("cell", truth=labels[truth], said=labels[said], count=len(answers))
        inside = "".join(_item(answer, small.get(answer.file)) for answer in answers[:most])
        left = len(answers) - most
        more = f"<p>{escape(words('cell_more', count=left))}</p>" if left > 0 else ""
        parts.append(
            f'<div class="cell" id="{cell_id(truth, said)}"><h3>{escape(title)}</h3><ul>{inside}</ul>{more}</div>'
        )
    if not parts:
        return ""
    return section(words("cells"), f"<p>{escape(words('cells_text'))}</p>{''.join(parts)}")


def doubts(found: Evaluation, labels: Sequence[str], words: Words) -> str:
    """What about the pictures makes the numbers less than they seem."""
    said = []
    for group in found.contradictory:
        files = [words("labelled", file=printable(one.file), label=labels[one.truth]) for one in group]
        said.append(words("contradictory", files=files))
    again = found.repeated_alike
    if again:
        alike = " = ".join(printable(one.file) for one in again[0][:3])
        said.append(words("repeated", count=sum(len(group) - 1 for group in again), files=alike))
    record = found.package.manifest.calibration
    if record and found.calibrated_on:
        about = {"count": found.calibrated_on, "dataset": printable(record.dataset), "date": record.date}
        said.append(words("calibrated_on", **about))
    if found.fitted_on:
        said.append(words("fitted_on", count=found.fitted_on, file=FILE))
    trained = found.package.manifest.training
    if trained and found.trained_on:
        low, high = map(percent, trained.interval)
        shares = {"top1": percent(trained.top1), "low": low, "high": high}
        about = {"count": found.trained_on, "dataset": printable(trained.dataset), "date": trained.date}
        said.append(words("trained_on", **about, **shares))
    if not said:
        return ""
    return section(words("doubts"), f"<ul>{''.join(f'<li>{escape(one)}</li>' for one in said)}</ul>")


def comparison(found: Evaluation, words: Words) -> str:
    """How another model or run does on the same pictures."""
    other = found.comparison
    if other is None:
        return ""
    low, high = other.interval
    text = words(
        "comparison_text",
        pictures=other.pictures,
        both=other.both,
        this=other.only_this,
        other=other.only_other,
        neither=other.neither,
        difference=f"{other.difference * 100:+.1f}",
        low=f"{low * 100:+.1f}",
        high=f"{high * 100:+.1f}",
        p=f"{other.p:.2g}",
    )
    return section(words("comparison", other=printable(other.name)), f"<p>{escape(text)}</p>")


def _item(answer: Answer, picture: bytes | None) -> str:
    name = escape(printable(answer.file))
    score = f'<span class="score">{percent(answer.score)}</span>'
    return f'<li>{small_image(picture)}{score} <span class="file">{name}</span></li>'
