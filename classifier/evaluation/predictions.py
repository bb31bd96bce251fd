"""The answers of an evaluation as a CSV file, a row for each picture: for spreadsheets, and to compare runs later."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass

from classifier.errors import InputError
from classifier.evaluation.csv_file import read_text
from classifier.evaluation.measure import TOP, Answer
from classifier.evaluation.result import Evaluation
from classifier.formatting import csv_line, csv_text, flag, printable
from classifier.inputs import code_and_sentence

_COLUMNS = (
    "file",
    "truth",
    "truth_index",
    "right",
    "sure",
    "rank",
    "truth_score",
    "error",
    "reason",
    "sha256",
    "in_set",
    "set_size",
)


def render(found: Evaluation, labels: Sequence[str]) -> str:
    """The file's text; its columns are described in docs/evaluate.md.

    Args:
        found: what was measured.
        labels: the labels of the classes, by index.
    """
    places = range(1, min(TOP, found.package.manifest.output.classes) + 1)
    best = [f"{name}_{place}" for place in places for name in ("label", "index", "score")]
    rows: list[Sequence[object]] = [(*_COLUMNS, *best)]
    rows += [(*_own(answer, labels), *_best(answer, labels)) for answer in found.answers]
    for failure in found.failures:
        why = code_and_sentence(failure.error)
        rows.append((failure.file, "", "", "", "", "", "", *why, "", "", "", *[""] * len(best)))
    return "".join(f"{csv_line(row)}\n" for row in rows)


@dataclass(frozen=True, slots=True)
class Earlier:
    """The answer of an earlier run for a picture."""

    file: str
    right: bool
    fingerprint: str


def read(file: str) -> list[Earlier]:
    """The answers of an earlier run, without the pictures that failed.

    Spreadsheets and pandas may have written the file anew: with `TRUE` or `True`, semicolons, in another encoding.

    Raises:
        InputError: the file is not one that `render` wrote.
    """
    text = read_text(file)
    try:
        tables = (csv.DictReader(io.StringIO(text, newline=""), delimiter=one, strict=True) for one in ",;\t")
        rows = next((list(one) for one in tables if {"file", "right"} <= set(one.fieldnames or ())), None)
    except csv.Error as error:
        raise InputError(f"{file}: this is no file of predictions: {error}.") from error
    if rows is None:
        raise InputError(f"{file}: this is no file of predictions: it needs the columns file and right.")
    answers = []
    for row in rows:
        right = (row["right"] or "").strip().casefold()
        if right not in ("true", "false", ""):
            raise InputError(f"{file}: its column right has {printable(right)!r}, but should be true or false.")
        if right:
            answers.append(Earlier(csv_text(row["file"]), right == "true", row.get("sha256") or ""))
    return answers


def _own(answer: Answer, labels: Sequence[str]) -> tuple[object, ...]:
    truths = answer.accepted or (answer.truth,)
    return (
        answer.file,
        "|".join(labels[index] for index in truths),
        "|".join(map(str, truths)),
        flag(answer.right),
        flag(answer.sure),
        answer.rank,
        answer.truth_score,
        "",
        "",
        answer.fingerprint,
        "" if answer.set_size is None else flag(answer.held),
        answer.set_size,
    )


def _best(answer: Answer, labels: Sequence[str]) -> list[object]:
    return [value for index, score in answer.best for value in (labels[index], index, score)]
