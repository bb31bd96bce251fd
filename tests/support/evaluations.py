"""Evaluations of models that do not exist, for what is made of an evaluation: any number of classes and pictures."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from classifier.evaluation.measure import Failure, answer
from classifier.evaluation.result import Evaluation
from classifier.package import ModelPackage
from classifier.postprocessing import softmax
from classifier.result import Scores
from tests.support.photos import ROOT, golden_photos


def package(classes: int, **labels: tuple[str, ...]) -> ModelPackage:
    """Lite0's package with so many classes: its first ones, or those of the labels given by language."""
    whole = ModelPackage.load(ROOT / "model/efficientnet-lite0")
    output = whole.manifest.output.model_copy(update={"classes": classes})
    manifest = whole.manifest.model_copy(update={"output": output})
    own = labels or {lang: names[:classes] for lang, names in whole.labels.items()}
    return replace(whole, manifest=manifest, labels=own)


def evaluation(model: ModelPackage, pictures: int, *failures: Failure) -> Evaluation:
    """A model that is right mostly and takes some classes for the next one; the pictures are real photos, in turn."""
    random = np.random.default_rng(3)
    classes = model.manifest.output.classes
    photos = [str(one.path) for one in golden_photos()]
    answers = []
    for number in range(pictures):
        truth = number % classes
        logits = random.normal(size=classes, scale=2).astype(np.float32)
        logits[[truth, (truth + 1) % classes]] += 6, 4
        scores = softmax(logits)
        answers.append(answer(photos[number % len(photos)], truth, Scores(scores, np.log(scores), True)))
    return Evaluation("pictures", 0, model, "litert", "CPU (2 threads)", answers, list(failures))
