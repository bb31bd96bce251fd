"""What a model says of one picture: the same object in Python, in the API, on the page and on the command line."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from classifier.notes import Note
from classifier.views import Box, View

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LIMIT = 0.5
"""How familiar a picture must be for its answer to be sure."""

Doubt = Literal["unstructured", "unknown", "unsure"]
"""Why an answer is not sure: the picture is blank or noise, it shows none of the things that the model knows, or no
class is likely enough. Also the names of the page's sentences about it."""

# For pydantic, which makes the API's schema from these classes: the docstring below a field is its description.
_DOCUMENTED: dict[str, bool] = {"use_attribute_docstrings": True}


@dataclass(frozen=True, slots=True)
class Prediction:
    """One class."""

    __pydantic_config__: ClassVar[dict[str, bool]] = _DOCUMENTED

    label: str
    """what the class is called"""
    score: float
    """probability, 0 to 1"""
    index: int
    """position in the model's output, from 0"""


@dataclass(frozen=True, slots=True)
class PredictionSet:
    """Classes one of which is right, as often as is promised."""

    __pydantic_config__: ClassVar[dict[str, bool]] = _DOCUMENTED

    coverage: float
    """in which share of pictures like those that it was fitted to such a set holds the right class, 0 to 1"""
    predictions: tuple[Prediction, ...]
    """its classes, the likeliest first; at least one, and however many were asked for"""


Method = Literal["cam", "grad-cam", "occlusion"]
"""How heat maps are made; see `classifier.explanation.maps` and `classifier.explanation.occlusion`."""


@dataclass(frozen=True, slots=True)
class ClassMap:
    """What speaks for one class."""

    __pydantic_config__: ClassVar[dict[str, bool]] = _DOCUMENTED

    index: int
    """position of the class in the model's output, from 0"""
    label: str
    """what the class is called"""
    grid: tuple[tuple[float, ...], ...]
    """rows from the top, each from the left: how much of what speaks for the class lies there, from 0 to 1 where it is
    most; all are 0 where nothing speaks for it"""


@dataclass(frozen=True, slots=True)
class Explanation:
    """Heat maps: which parts of the picture speak for a class."""

    __pydantic_config__: ClassVar[dict[str, bool]] = _DOCUMENTED

    method: Method
    """how the maps were made: `cam`, exact, from the last feature map; `grad-cam`, from its gradients; `occlusion`, by
    covering one part after the other"""
    box: Box
    """the part of the upright original that each grid covers: left, top, right and bottom in pixels"""
    maps: tuple[ClassMap, ...]
    """one for each class asked for, in that order"""

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Timings:
    """Milliseconds by stage."""

    __pydantic_config__: ClassVar[dict[str, bool]] = _DOCUMENTED

    queue: float
    """waiting for a turn, and for the model"""
    decode: float
    """from bytes to pixels"""
    preprocess: float
    """cropping and resizing"""
    inference: float
    """the model"""
    total: float
    """all of it, and what lies between"""


@dataclass(frozen=True, slots=True)
class Classification:
    """What a model says of one picture."""

    __pydantic_config__: ClassVar[dict[str, bool]] = _DOCUMENTED

    predictions: tuple[Prediction, ...]
    """the most likely classes, best first"""
    sure: bool
    """false when no class is likely enough to be the answer, when what the model sees of the picture is blank or noise,
    or when it looks like none of the things that the model knows"""
    width: int
    """pixels of the upright original"""
    height: int
    """pixels of the upright original"""
    format: str
    """of the file, such as `JPEG`; empty for an image that was opened already"""
    model: str
    """name of the model package"""
    backend: str
    """what ran the model, such as `litert`"""
    device: str
    """where inference ran, such as `CPU (2 threads)`"""
    timings: Timings
    """milliseconds by stage"""
    familiar: float | None = None
    """how much the picture looks like the things that the model knows, 0 to 1: an answer below 0.5 is not sure; absent
    (null) if the model cannot tell"""
    notes: tuple[Note, ...] = ()
    """what else there is to know of how the picture was read, such as that its file is cut off"""
    structured: bool = True
    """false when what the model sees of the picture is blank or noise: its scores say nothing then, however high"""
    view: View = "crop"
    """what the model saw: the centre `crop`, the `whole` picture on grey, or `both`, of which the scores are the
    mean"""
    box: Box = (0.0, 0.0, 0.0, 0.0)
    """the part of the upright original outside which the model saw nothing: left, top, right and bottom in pixels"""
    set: PredictionSet | None = None
    """the classes one of which is right as often as it says; absent (null) if the model package promises none, and for
    pictures that no promise holds for: with another view than it was made with, blank or noise, or like none of the
    things that the model knows"""
    explanation: Explanation | None = None
    """which parts of the picture speak for the classes asked for; absent (null) unless asked for"""

    @property
    def known(self) -> bool:
        """False when the picture looks like none of the things that the model knows."""
        return self.familiar is None or self.familiar >= LIMIT

    @property
    def doubt(self) -> Doubt | None:
        """Why the answer is not sure: the first reason that holds; None when it is sure."""
        if self.sure:
            return None
        if not self.structured:
            return "unstructured"
        return "unsure" if self.known else "unknown"

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Scores:
    """A model's scores of all classes for one picture.

    Attributes:
        scores: probabilities `(classes,)`, the same that `classify` gives.
        log_scores: log-probabilities `(classes,)` before calibration, that is at temperature 1.
        sure: as in `Classification`.
        familiar: as in `Classification`.
        features: pooled, `(channels,)`; None if the package names no such output, or they were not asked for.
        promised: whether a set can be promised for the picture: neither blank, noise nor unknown, whatever the package
            promises.
        set: indices of the classes in its set, the likeliest first; None as in `Classification`.
    """

    scores: NDArray[np.float32]
    log_scores: NDArray[np.float32]
    sure: bool
    familiar: float | None = None
    features: NDArray[np.float32] | None = None
    promised: bool = True
    set: NDArray[np.intp] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Inference:
    """All that a model gives for one picture, for programs that know the model.

    Attributes:
        probabilities: float32 `(classes,)`, the same that are the scores of a `Classification`.
        scores: float32 `(classes,)`, or `(1,)` if the package says `output.binary`: what the model itself gives, before
            softmax and calibration.
        features: float32 `(h, w, channels)`, the last feature map, or None if the package names no such output.
        model: as in `Classification`.
        backend: as in `Classification`.
        device: as in `Classification`.
        timings: as in `Classification`.
        familiar: as in `Classification`; None, too, if the features were not asked for.
        structured: as in `Classification`; true of what was fitted to the input already, which is not looked at.
        notes: as in `Classification`.
    """

    probabilities: NDArray[np.float32]
    scores: NDArray[np.float32]
    features: NDArray[np.float32] | None
    model: str
    backend: str
    device: str
    timings: Timings
    familiar: float | None = None
    structured: bool = True
    notes: tuple[Note, ...] = ()
