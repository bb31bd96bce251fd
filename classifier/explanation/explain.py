"""Explains one answer: by the feature map and the head that the model has, or by covering parts of the picture."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from classifier.asked import MOST_EXPLAINED, Asked
from classifier.backends.protocol import Outputs
from classifier.explanation import maps, occlusion
from classifier.explanation.head import Head
from classifier.explanation.placing import placed
from classifier.findings import chances as chances_of
from classifier.package import ModelPackage
from classifier.picture.prepare import Prepared
from classifier.postprocessing import probabilities
from classifier.result import ClassMap, Explanation, Method

Progress = Callable[[float], None]
"""Is told which share of the work is done, 0 to 1; what it raises ends the work."""

_DIGITS = 4  # of the values of a grid


@dataclass(frozen=True, slots=True)
class Model:
    """What is known of the model for explaining its answers.

    Attributes:
        package: the model's.
        head: None if it has none that is known.
        run: gives the scores `(N, scores)` of pixels `(N, H, W, 3)`.
    """

    package: ModelPackage
    head: Head | None
    run: Callable[[NDArray[np.uint8]], NDArray[np.float32]]


def explanation(
    model: Model,
    prepared: Prepared,
    output: Outputs,
    asked: Asked,
    progress: Progress,
    seconds: float,
) -> Explanation | None:
    """The heat maps of the classes that are asked for; None if none are.

    Args:
        model: what gave the answer.
        prepared: the picture.
        output: the model's, for a batch of its views.
        asked: which classes, what the model saw, and the labels.
        progress: is called while parts of the picture are covered, which takes its time.
        seconds: that the model took for a view.
    """
    if asked.explain is None:
        return None
    indices = asked.explain or _best(model.package, output, min(asked.top_k, MOST_EXPLAINED))
    method, found = _maps(model, prepared, output, indices, progress, seconds)
    box, whole = placed(found, (prepared.width, prepared.height), asked.geometry)
    named = zip(indices, whole, strict=True)
    left, top, right, bottom = (round(side, 2) for side in box)
    return Explanation(
        method,
        (left, top, right, bottom),
        tuple(ClassMap(index, asked.labels[index], _grid(values)) for index, values in named),
    )


def _best(package: ModelPackage, output: Outputs, count: int) -> tuple[int, ...]:
    return tuple(np.argsort(-chances_of(package, output), kind="stable")[:count].tolist())


def _maps(
    model: Model, prepared: Prepared, output: Outputs, indices: Sequence[int], progress: Progress, seconds: float
) -> tuple[Method, list[NDArray[np.float32]]]:
    """The method, and for each view its maps `(n, h, w)`."""
    spec, head, features = model.package.manifest.output, model.head, output.features
    if head is not None and features is not None and maps.fits(head, features, output.scores, spec):
        return maps.method(head), [maps.activation_maps(head, one, indices, spec) for one in features]
    views = prepared.pixels.reshape(-1, *prepared.pixels.shape[-3:])
    cells = occlusion.side(seconds, len(views))
    total, done = len(views) * occlusion.runs(cells), 0

    def chances(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        return np.stack([probabilities(one, spec) for one in model.run(pixels)])

    def step(count: int) -> None:
        nonlocal done
        done += count
        progress(done / total)

    return "occlusion", [occlusion.occlusion_maps(view, cells, indices, chances, step) for view in views]


def _grid(values: NDArray[np.float32]) -> tuple[tuple[float, ...], ...]:
    """What speaks for a class, its most being 1."""
    positive = np.maximum(values.astype(np.float64), 0)
    most = positive.max(initial=0)
    scaled = np.round(positive / most if most > 0 else positive, _DIGITS)
    return tuple(tuple(row) for row in scaled.tolist())
