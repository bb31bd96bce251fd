"""What a model's output says of a picture: scores, whether the model knows such pictures, and whether it is sure."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from classifier.asked import Asked
from classifier.backends.protocol import Outputs
from classifier.package import ModelPackage
from classifier.package.unknown import pooled
from classifier.picture.geometry import seen_box
from classifier.picture.prepare import Prepared
from classifier.postprocessing import log_probabilities, prediction_set, probabilities
from classifier.result import LIMIT, Classification, Explanation, Inference, Prediction, PredictionSet, Scores, Timings
from classifier.views import Box, View


def scores(package: ModelPackage, prepared: Prepared, output: Outputs, view: View, *, features: bool = False) -> Scores:
    """The scores of all classes for one picture.

    Args:
        package: the model.
        prepared: the picture.
        output: the model's, for a batch of its views.
        view: what the model saw.
        features: whether the pooled features are wanted, too.
    """
    seen = _judged(package, prepared, output)
    maps = pooled(mean(output.features)) if features and output.features is not None else None
    members = _set(package, seen, output, view)
    return Scores(seen.chances, log_chances(package, output), seen.sure, seen.familiar, maps, seen.promised, members)


def classification(
    package: ModelPackage,
    prepared: Prepared,
    output: Outputs,
    asked: Asked,
    ran: tuple[str, str],
    took: Timings,
    explanation: Explanation | None = None,
) -> Classification:
    """What is told of one picture.

    Args:
        package: the model.
        prepared: the picture.
        output: the model's, for a batch of its views.
        asked: what to tell.
        ran: the name of the backend, and the device.
        took: the timings.
        explanation: the heat maps, if some were asked for.
    """
    seen, view = _judged(package, prepared, output), asked.geometry.view
    best = np.argsort(-seen.chances, kind="stable")[: asked.top_k]
    backend, device = ran

    def told(indices: Iterable[int]) -> tuple[Prediction, ...]:
        return tuple(Prediction(asked.labels[i], float(seen.chances[i]), int(i)) for i in indices)

    conformal, members = package.manifest.conformal, _set(package, seen, output, view)
    return Classification(
        predictions=told(best),
        sure=seen.sure,
        width=prepared.width,
        height=prepared.height,
        format=prepared.format,
        model=package.name,
        backend=backend,
        device=device,
        timings=took,
        familiar=seen.familiar,
        notes=prepared.notes,
        structured=prepared.structured,
        view=view,
        box=_rounded(seen_box((prepared.width, prepared.height), asked.geometry)),
        set=PredictionSet(conformal.coverage, told(members)) if conformal and members is not None else None,
        explanation=explanation,
    )


def inference(
    package: ModelPackage, prepared: Prepared | None, output: Outputs, ran: tuple[str, str], took: Timings
) -> Inference:
    """All that is known of one picture; for the arguments see `classification`."""
    return Inference(
        probabilities=chances(package, output),
        scores=mean(output.scores),
        features=None if output.features is None else mean(output.features),
        model=package.name,
        backend=ran[0],
        device=ran[1],
        timings=took,
        familiar=familiar(package, output),
        structured=prepared is None or prepared.structured,
        notes=prepared.notes if prepared else (),
    )


@dataclass(frozen=True, slots=True)
class _Judged:
    """What is known of a picture.

    Attributes:
        chances: the probabilities of all classes.
        familiar: as in `Classification`.
        sure: as in `Classification`.
        promised: as in `Scores`.
    """

    chances: NDArray[np.float32]
    familiar: float | None
    sure: bool
    promised: bool


def _judged(package: ModelPackage, prepared: Prepared, output: Outputs) -> _Judged:
    spec = package.manifest.output
    found, known = chances(package, output), familiar(package, output)
    sure = prepared.structured and (known is None or known >= LIMIT) and bool(found.max() >= spec.unsure_below)
    # Where a package could tell, but its engine gives no features, nobody knows whether the promise holds.
    own = package.unknown is None or (known is not None and known >= LIMIT)
    return _Judged(found, known, sure, prepared.structured and own)


def _set(package: ModelPackage, seen: _Judged, output: Outputs, view: View) -> NDArray[np.intp] | None:
    """The classes in the picture's set; None where nothing is promised."""
    conformal = package.manifest.conformal
    if conformal is None or conformal.view != view or not seen.promised:
        return None
    return prediction_set(mean(output.scores), package.manifest.output, conformal)


def familiar(package: ModelPackage, output: Outputs) -> float | None:
    """How familiar a picture is to the model, 0 to 1, if its package can tell by its features: the mean of views."""
    if package.unknown is None or output.features is None:
        return None
    return sum(package.unknown.familiar(pooled(one)) for one in output.features) / len(output.features)


def chances(package: ModelPackage, output: Outputs) -> NDArray[np.float32]:
    """The probabilities of all classes for one picture: the mean of its views."""
    return mean(np.stack([probabilities(one, package.manifest.output) for one in output.scores]))


def log_chances(package: ModelPackage, output: Outputs) -> NDArray[np.float32]:
    """The same as log-probabilities at temperature 1."""
    logs = [log_probabilities(one, package.manifest.output) for one in output.scores]
    if len(logs) == 1:
        return logs[0]
    found: NDArray[np.float32] = np.logaddexp.reduce(np.stack(logs)) - np.float32(np.log(len(logs)))
    return found


def mean(views: NDArray[np.float32]) -> NDArray[np.float32]:
    """The mean over the views of one picture, whose values stay bit by bit what they are where there is one."""
    found: NDArray[np.float32] = views[0] if len(views) == 1 else views.mean(axis=0, dtype=np.float32)
    return found


def timings(start: float, waited: float, prepared: Prepared | None, inference: float) -> Timings:
    """The timings in ms, rounded to hundredths; `start` is in seconds of `time.perf_counter`."""
    decode, preprocess = (prepared.decode, prepared.preprocess) if prepared else (0.0, 0.0)
    total = (time.perf_counter() - start) * 1000
    return Timings(*(round(ms, 2) for ms in (waited, decode, preprocess, inference, total)))


def _rounded(box: Box) -> Box:
    """A box to hundredths of a pixel."""
    left, top, right, bottom = (round(side, 2) for side in box)
    return left, top, right, bottom
