"""The card of a trained model, `README.md` in its package: what it knows, how good it is, and what not to ask of it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from classifier.evaluation import metrics
from classifier.evaluation.familiarity import Familiarity
from classifier.formatting import percent, printable
from classifier.package import ModelPackage
from classifier.training.fitting import Fitted

FILE = "README.md"

_NAMED = 12  # classes that a description names
_PAIRS = 10
_SURPRISING = 20


def description(classes: Sequence[str]) -> str:
    """What a model of these classes is, in a sentence."""
    some = ", ".join(classes[:_NAMED])
    return f"{len(classes)} kinds of things: {some}{', ...' if len(classes) > _NAMED else ''}."


def render(package: ModelPackage, fitted: Fitted, known: Familiarity) -> str:
    """The text of the card.

    Args:
        package: the model.
        fitted: its last layer, and what cross-validation says of it.
        known: by which photos of none of its classes are known.
    """
    manifest = package.manifest
    record = manifest.training
    assert record  # noqa: S101  (it was written just now)
    low, high = map(percent, record.interval)
    rows = [
        ("Photos", f"{record.pictures:,} of {printable(record.dataset)}"),
        ("Right, by cross-validation", f"{percent(record.top1)}; 95 % interval {low} to {high}"),
        ("How that was measured", f"{record.folds} folds, each judged by a layer that was fitted to the others"),
        ("Network", f"{record.base}, as it was, with a last layer fitted to the photos (strength {record.strength:g})"),
        ("Temperature", f"{manifest.output.temperature:g}"),
        ("Unsure below", f"{manifest.output.unsure_below:g}"),
        ("Other things", _others(known)),
        ("Licence of the network", printable(manifest.license) or "not said"),
    ]
    parts = [
        f"# {_cell(manifest.title)}",
        _cell(manifest.description),
        _table(("", ""), rows),
        "## Classes",
        _classes(package, fitted),
        "## What it confuses",
        _confused(package, fitted),
        "## Photos that surprise it most",
        "The label may be wrong, or the photo shows something else besides. Move those that are in the wrong folder, "
        "and train again with `--add`.",
        _surprising(package, fitted),
        "## What it does not know",
        "The numbers above hold for photos like those that it was trained on: other light, other cameras and other "
        "examples of the same things make more mistakes. Photos of one thing that were taken one after the other are "
        "nearly the same, and make the numbers look better than they are. `classifier evaluate` measures it on photos "
        "that were never trained on.",
    ]
    return "\n\n".join(parts) + "\n"


def _classes(package: ModelPackage, fitted: Fitted) -> str:
    truths = fitted.examples.truths
    predicted = np.array([one.predicted for one in fitted.answers])
    found = metrics.per_class(truths, predicted, len(fitted.bias))
    labels = package.labels_for(package.language)
    rows = [
        (labels[one.index], f"{one.support:,}", percent(one.recall), percent(one.precision))
        for one in found
        if one.support
    ]
    return _table(("class", "photos", "found", "right when said"), rows)


def _confused(package: ModelPackage, fitted: Fitted) -> str:
    labels = package.labels_for(package.language)
    predicted = np.array([one.predicted for one in fitted.answers])
    pairs = [one for one in metrics.confusion(fitted.examples.truths, predicted) if one[0] != one[1]]
    pairs.sort(key=lambda one: (-one[2], one))
    rows = [(labels[truth], labels[said], str(count)) for truth, said, count in pairs[:_PAIRS]]
    return _table(("is", "taken for", "photos"), rows) if rows else "Nothing, in cross-validation."


def _surprising(package: ModelPackage, fitted: Fitted) -> str:
    labels = package.labels_for(package.language)
    wrong = sorted((one for one in fitted.answers if not one.right), key=lambda one: (one.truth_score, one.file))
    rows = [
        (printable(one.file), labels[one.truth], labels[one.predicted], percent(one.score))
        for one in wrong[:_SURPRISING]
    ]
    return _table(("photo", "labelled", "looks like", "score"), rows) if rows else "None: all are right."


def _others(known: Familiarity) -> str:
    if known.usable:
        return f"told by their features; {percent(known.kept)} of its own right answers stay familiar"
    return "not told: that takes 10 photos of each class, and 50 in all"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(map(_cell, line)) + " |" for line in lines)


def _cell(text: str) -> str:
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;")
