"""What `classifier evaluate --others` adds: pictures of none of the model's classes, and what is said of them."""

from __future__ import annotations

from collections.abc import Sequence

from classifier.classifier import Classifier
from classifier.cli.measuring import sorted_out
from classifier.errors import InputError
from classifier.evaluation import metrics
from classifier.evaluation.measure import Answer
from classifier.evaluation.others import Others, answer
from classifier.formatting import percent, printable
from classifier.inputs import Entry, code_and_sentence, each, pictures
from classifier.machine import files

_ROWS = 10


def entries(folder: str) -> list[Entry]:
    """The pictures in and below a folder.

    Raises:
        InputError: there are none.
    """
    from pathlib import Path

    with files.refusing(InputError, folder):
        found = files.kind(Path(folder))
    if found != "folder":
        raise InputError(f"{folder}: --others takes a folder of pictures that show none of the model's classes.")
    inside = pictures(folder)
    if all(entry.error for entry in inside):
        raise InputError(f"{folder}: {code_and_sentence(inside[0].error)[1]}" if inside[0].error else folder)
    return inside


def measure(classifier: Classifier, folder: str, found: Sequence[Entry], own: Sequence[Answer]) -> Others:
    """Runs the model on pictures of none of its classes; reports each failure as it comes.

    Args:
        classifier: the loaded model.
        folder: the name of their folder.
        found: what `entries` gave.
        own: its answers for its own pictures.

    Raises:
        InputError: none of them could be classified.
    """
    results = each(found, classifier.scores_many, classifier.settings.max_bytes)
    kept, failures = sorted_out(
        len(found), ((file, one if isinstance(one, Exception) else answer(file, one)) for file, one in results)
    )
    if not kept:
        raise InputError(f"{folder}: none of its pictures could be classified.")
    return Others(folder, kept, own, failures)


def rows(found: Others) -> list[tuple[str, str, str]]:
    """The numbers for people: name, value, what it means."""
    total = len(found.answers)
    low, high = metrics.interval(found.sure, total)
    said = [
        (
            "called sure",
            percent(found.sure / total),
            f"{found.sure} of {total} that show none of the classes; 95% interval {percent(low)} to {percent(high)}",
        )
    ]
    if found.also_own:
        said.append(("also own", str(found.also_own), "are among its own pictures, too: one or the other is wrong"))
    if found.own_right:
        share = percent(found.own_right_sure / found.own_right)
        said.append(("right and sure", share, f"{found.own_right_sure} of {found.own_right} right answers on its own"))
    if found.own_sure:
        share = percent(found.own_right_sure / found.own_sure)
        said.append(("sure is right", share, "of the sure answers on its own pictures"))
    if every := found.own_sure + found.sure:
        said.append(("with others", percent(found.own_right_sure / every), "of all sure answers, own and others"))
    auroc = found.auroc
    said.append(("AUROC", f"{auroc['score']:.3f}", "own from others by the best score; 0.5 is chance, 1 is perfect"))
    if auroc["familiar"] is not None and auroc["both"] is not None:
        said.append(("", f"{auroc['familiar']:.3f}", "by how familiar they are"))
        said.append(("", f"{auroc['both']:.3f}", "by both, score x familiar"))
    else:
        said.append(("", "-", "this model cannot tell how familiar a picture is; see classifier calibrate --unknown"))
    for coverage in (0.5, 0.8, 1.0):
        at, risk = min(found.curve, key=lambda point: abs(point[0] - coverage))
        said.append((f"risk at {percent(at, 0)}", percent(risk), "wrong, of the answers that are trusted most"))
    if found.failures:
        said.append(("failed", str(len(found.failures)), "could not be classified; standard error says why"))
    return said


def worst(found: Others, labels: Sequence[str]) -> list[tuple[str, str, str, str]]:
    """The others that are called sure, the worst first: what it says, score, how familiar, the file."""
    return [
        (
            labels[one.predicted],
            percent(one.score),
            "" if one.familiar is None else f"familiar {one.familiar:.2f}",
            printable(one.file),
        )
        for one in found.worst[:_ROWS]
    ]
