"""What a model's output says of a picture: scores, whether the model knows such pictures, and whether it is sure."""

from __future__ import annotations

import time

import numpy as np
from numpy.typing import NDArray

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
    found, known, sure = _judged(package, prepared, output)
    maps = pooled(output.features[0]) if features and output.features is not None else None
    return Scores(found, log_probabilities(output.scores[0], package.manifest.output), sure, known, maps)


def classification(
    package: ModelPackage,
    prepared: Prepared,
    output: Outputs,
    labels: tuple[str, ...],
    top_k: int,
    ran: tuple[str, str],
    took: Timings,
) -> Classification:
    """What is told of one picture.

    Args:
        package: the model.
        prepared: the picture.
        output: the model's, for a batch of one.
        labels: of all classes.
        top_k: how many of the best to tell; a model with fewer classes gives them all.
        ran: the name of the backend, and the device.
        took: the timings.
    """
    found, known, sure = _judged(package, prepared, output)
    best = np.argsort(-found, kind="stable")[:top_k]
    backend, device = ran
    return Classification(
        predictions=tuple(Prediction(labels[i], float(found[i]), int(i)) for i in best),
        sure=sure,
        width=prepared.width,
        height=prepared.height,
        format=prepared.format,
        model=package.name,
        backend=backend,
        device=device,
        timings=took,
        familiar=known,
        notes=prepared.notes,
        structured=prepared.structured,
    )


def _judged(
    package: ModelPackage, prepared: Prepared, output: Outputs
) -> tuple[NDArray[np.float32], float | None, bool]:
    """The probabilities of all classes, how familiar the picture is, and whether the answer is sure."""
    spec = package.manifest.output
    found, known = probabilities(output.scores[0], spec), familiar(package, output)
    sure = prepared.structured and (known is None or known >= LIMIT) and bool(found.max() >= spec.unsure_below)
    return found, known, sure


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
