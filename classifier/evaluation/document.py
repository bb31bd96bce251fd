"""An evaluation as plain values, the JSON document of `classifier evaluate --json`; docs/evaluate.md explains them."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from classifier import __version__
from classifier.evaluation import metrics
from classifier.evaluation.result import Evaluation
from classifier.inputs import code_and_sentence

FORMAT = 1
"""Version of the document; grows when a value changes its meaning or is removed."""

_MISTAKE = ("file", "truth", "predicted", "score", "truth_score", "rank", "sure")


def document(found: Evaluation, lang: str | None = None) -> dict[str, Any]:
    """Plain values; shares 0 to 1, not rounded.

    Args:
        found: the evaluation.
        lang: language of the labels, one of the package's; its default one if None.
    """
    labels = found.package.labels_for(lang or found.package.language)
    return {
        "format": FORMAT,
        "version": __version__,
        "model": found.package.name,
        "backend": found.backend,
        "device": found.device,
        "view": found.run.view,
        "temperature": found.package.manifest.output.temperature,
        "date": found.run.date,
        "command": found.run.command,
        "weights": dict(zip(("file", "sha256"), found.run.weights, strict=True)) if found.run.weights else None,
        "dataset": found.dataset,
        "pictures": found.total,
        "failed": len(found.failures),
        "skipped": found.skipped,
        "unsure": found.unsure,
        "top1": _within(found, 1),
        "top5": _within(found, found.k),
        "macro": metrics.macro(found.classes),
        "nll": found.nll,
        "brier": found.brier,
        "aurc": found.aurc,
        "intervals": found.intervals,
        "confidence": found.confidence,
        "ece": found.ece,
        "ece_by_chance": found.ece_by_chance,
        "reliability": [asdict(bin_) for bin_ in found.reliability],
        "classes": [{"label": labels[result.index], **asdict(result)} for result in found.classes],
        "confusion": [{"truth": truth, "predicted": said, "pictures": count} for truth, said, count in found.confusion],
        "mistakes": [{key: getattr(answer, key) for key in _MISTAKE} for answer in found.mistakes],
        "unknown": dict(found.unknown),
        "repeated": [[{"file": one.file, "truth": one.truth} for one in group] for group in found.repeated],
        "calibrated_on": found.calibrated_on,
        "fitted_on": found.fitted_on,
        "sets": found.sets.to_dict(labels) if found.sets else None,
        "trained_on": found.trained_on,
        "comparison": found.comparison.to_dict() if found.comparison else None,
        "others": found.others.to_dict() if found.others else None,
        "failures": [
            dict(zip(("file", "code", "detail"), (failure.file, *code_and_sentence(failure.error)), strict=True))
            for failure in found.failures
        ],
    }


def _within(found: Evaluation, k: int) -> dict[str, Any]:
    right = found.within(k)
    return {"k": k, "right": right, "share": right / found.total, "interval": metrics.interval(right, found.total)}
