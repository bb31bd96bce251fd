"""What a model's output says of a picture: scores, whether the model knows such pictures, and whether it is sure."""

from __future__ import annotations

import time

import numpy as np

from classifier.backends.protocol import Outputs
from classifier.package import ModelPackage
from classifier.package.unknown import pooled
from classifier.picture.prepare import Prepared
from classifier.postprocessing import log_probabilities, probabilities
from classifier.result import LIMIT, Classification, Prediction, Scores, Timings


def scores(package: ModelPackage, prepared: Prepared, output: Outputs, *, features: bool = False) -> Scores:
    """The scores of all classes for one picture.

    Args:
        package: the model.
        prepared: the picture.
        output: the model's, for a batch of one.
        features: whether the pooled features are wanted, too.
    """
    spec = package.manifest.output
    found, known = probabilities(output.scores[0], spec), familiar(package, output)
    sure = prepared.structured and (known is None or known >= LIMIT) and bool(found.max() >= spec.unsure_below)
    maps = pooled(output.features[0]) if features and output.features is not None else None
    return Scores(found, log_probabilities(output.scores[0], spec), sure, known, maps)


def classification(
    found: Scores, prepared: Prepared, labels: tuple[str, ...], top_k: int, ran: tuple[str, str, str], took: Timings
) -> Classification:
    """What is told of one picture.

    Args:
        found: its scores.
        prepared: the picture.
        labels: of all classes.
        top_k: how many of the best to tell; a model with fewer classes gives them all.
        ran: the names of the model and the backend, and the device.
        took: the timings.
    """
    best = np.argsort(-found.scores, kind="stable")[:top_k]
    model, backend, device = ran
    return Classification(
        predictions=tuple(Prediction(labels[i], float(found.scores[i]), int(i)) for i in best),
        sure=found.sure,
        width=prepared.width,
        height=prepared.height,
        format=prepared.format,
        model=model,
        backend=backend,
        device=device,
        timings=took,
        familiar=found.familiar,
    )


def familiar(package: ModelPackage, output: Outputs) -> float | None:
    """How familiar a picture is to the model, 0 to 1, if its package can tell by its features."""
    if package.unknown is None or output.features is None:
        return None
    return package.unknown.familiar(pooled(output.features[0]))


def timings(start: float, waited: float, prepared: Prepared | None, inference: float) -> Timings:
    """The timings in ms, rounded to hundredths; `start` is in seconds of `time.perf_counter`."""
    decode, preprocess = (prepared.decode, prepared.preprocess) if prepared else (0.0, 0.0)
    total = (time.perf_counter() - start) * 1000
    return Timings(*(round(ms, 2) for ms in (waited, decode, preprocess, inference, total)))
