"""The answers of an evaluation as a CSV file, a row for each picture: for spreadsheets, and to compare runs later."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from classifier.errors import InputError
from classifier.evaluation.measure import TOP, Answer
from classifier.evaluation.result import Evaluation
from classifier.inputs import code_and_sentence
from classifier.machine import files

_COLUMNS = ("file", "truth", "truth_index", "right", "sure", "rank", "truth_score", "error", "sha256")


def render(found: Evaluation, labels: Sequence[str]) -> str:
    """The file's text; its columns are described in docs/evaluate.md.

    Args:
        found: what was measured.
        labels: the labels of the classes, by index.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    places = range(1, min(TOP, found.package.manifest.output.classes) + 1)
    best = [f"{name}_{place}" for place in places for name in ("label", "index", "score")]
    writer.writerow((*_COLUMNS, *best))
    for answer in found.answers:
        writer.writerow((*_own(answer, labels), *_best(answer, labels)))
    for failure in found.failures:
        code, _ = code_and_sentence(failure.error)
        writer.writerow((failure.file, "", "", "", "", "", "", code, "", *[""] * len(best)))
    return text.getvalue()


def read(file: str) -> dict[str, bool]:
    """Whether each picture of an earlier run was right, by file.

    Raises:
        InputError: the file is not one that `render` wrote.
    """
    try:
        with files.open_file(Path(file)) as stream, io.TextIOWrapper(stream, "utf-8-sig", newline="") as lines:
            reader = csv.DictReader(lines, strict=True)
            if not {"file", "right"} <= set(reader.fieldnames or ()):
                raise InputError(f"{file}: this is no file of predictions: it needs the columns file and right.")
            rows = [(row["file"], row["right"]) for row in reader if row["right"]]
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{file}: this is no file of predictions: {error}.") from error
    except OSError as error:
        raise InputError(f"{file}: this file cannot be read: {files.reason(error, file)}.") from error
    return {name: right == "true" for name, right in rows}


def _own(answer: Answer, labels: Sequence[str]) -> tuple[object, ...]:
    truths = answer.accepted or (answer.truth,)
    return (
        answer.file,
        "|".join(labels[index] for index in truths),
        "|".join(map(str, truths)),
        _flag(answer.right),
        _flag(answer.sure),
        answer.rank,
        answer.truth_score,
        "",
        answer.fingerprint,
    )


def _best(answer: Answer, labels: Sequence[str]) -> list[object]:
    return [value for index, score in answer.best for value in (labels[index], index, score)]


def _flag(value: bool) -> str:
    return str(value).lower()
