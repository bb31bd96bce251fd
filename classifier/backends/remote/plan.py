"""How a package's model is called at an engine: which input, of which type and order, and which outputs.

What does not fit is refused by what the engine says of the model, before a picture is sent; what the engine then
answers is checked as well, so that a wrong answer is an error and never a wrong score.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from classifier import formatting
from classifier.backends.protocol import Outputs, wrong_kind
from classifier.backends.remote.deadline import Deadline
from classifier.backends.remote.transport import (
    Array,
    BadAnswerError,
    Metadata,
    RefusalError,
    TensorSpec,
    Transport,
)
from classifier.package import MANIFEST, ModelPackage, OutputSpec
from classifier.package.unknown import FILE
from classifier.preprocessing import normalise

OURS = "image-classifier"
"""How a server of this project calls what runs its models: it scales pixels itself."""

_PIXELS, _VALUES, _SCORES = "pixels", "values", "scores"  # names of inputs and outputs of such a server
_MOST = 16  # pictures in one request, where the engine takes any number
_MOST_FIXED = 32  # pictures in one request, where the engine takes exactly so many
_NEARLY = 0.01  # by how much a value may miss a whole number
_WORDS = {True: ("logit",), False: ("prob", "softmax")}  # how outputs of logits, and of probabilities, are called

Order = Literal["same", "to_first", "to_last"]


@dataclass(frozen=True, slots=True)
class Plan:
    """How to call a model.

    Attributes:
        package: the model's package here.
        input: name of the input that takes scaled values; "" if the engine does not name it.
        dtype: what that input takes.
        order: where the channels go for it.
        pixels: name of an input that takes pixels `(N, H, W, 3)` as they are, and scales them itself; None without one.
        scores: name of the output with the scores; None if the engine does not describe its outputs.
        features: name of the output with the feature map; None if there is none.
        most: the most pictures in one request.
        size: how many pictures that input takes: -1 for any number, 0 where it takes one without a batch dimension.
        unsent: names of its other inputs, which get nothing; the engine decides whether it needs them.
    """

    package: ModelPackage
    input: str
    dtype: np.dtype[np.generic]
    order: Order
    pixels: str | None
    scores: str | None
    features: str | None
    most: int
    size: int
    unsent: tuple[str, ...]

    def run(self, transport: Transport, batch: Array, deadline: Deadline, *, features: bool) -> Outputs:
        """Has an engine run a batch.

        Args:
            transport: leads to the engine.
            batch: pixels uint8 `(N, H, W, 3)`, or scaled values float32, as `Backend.run` takes them; at most `most`.
            deadline: by when the answer must be there.
            features: whether the feature map is wanted, too, if there is one.

        Raises:
            EngineFailure: the engine failed, or its answer does not fit the package.
        """
        wanted = [name for name in (self.scores, self.features if features else None) if name is not None]
        try:
            found = transport.infer(self._inputs(batch), wanted if self.scores is not None else [], deadline)
        except RefusalError as refusal:
            if not self.unsent or not refusal.sized:
                raise
            reason = f"{refusal.reason}; besides {self.input} its model has the inputs {', '.join(self.unsent)}"
            raise RefusalError(reason, refusal.said) from refusal
        return self._checked(found, len(batch), features)

    def _inputs(self, batch: Array) -> dict[str, Array]:
        if batch.dtype == np.uint8:
            if self.pixels is not None:
                return {self.pixels: batch}
            batch = np.concatenate([normalise(one, self.package.manifest.input) for one in batch])
        if self.order == "to_first":
            batch = batch.transpose(0, 3, 1, 2)
        elif self.order == "to_last":
            batch = batch.transpose(0, 2, 3, 1)
        if self.dtype.kind == "u":
            batch = _whole(batch, self.input)
        if self.size > len(batch):  # filled up with what nobody looks at
            batch = np.concatenate([batch, np.zeros((self.size - len(batch), *batch.shape[1:]), batch.dtype)])
        return {self.input: np.ascontiguousarray(batch if self.size else batch[0], self.dtype)}

    def _checked(self, found: Mapping[str, Array], pictures: int, features: bool) -> Outputs:
        spec = self.package.manifest.output
        if not self.size:
            found = {name: _batched(data) for name, data in found.items()}
        if self.scores is None:
            shapes = [TensorSpec(name, data.dtype, data.shape, str(data.dtype)) for name, data in found.items()]
            name = _scores(shapes, spec)
        else:
            name = "" if found.keys() == {""} else self.scores  # an only output may come without its name
            if name not in found:
                raise BadAnswerError(f"its answer lacks the output {name}")
        sent = max(self.size, pictures)
        scores = _floats(found[name], "scores")
        if len(scores.shape) < 1 or scores.shape[0] != sent or scores.size != sent * spec.scores:
            expected = (sent, spec.scores)
            raise BadAnswerError(f"its scores have the shape {formatting.shape(scores.shape)} instead of {expected}")
        scores = scores.reshape(sent, spec.scores)[:pictures]
        if wrong := wrong_kind(scores, spec):
            raise BadAnswerError(f"its {wrong}")
        return Outputs(scores, self._features(found, sent, pictures) if features else None)

    def _features(self, found: Mapping[str, Array], sent: int, pictures: int) -> NDArray[np.float32] | None:
        if self.features is None or self.features not in found:
            return None
        data = _floats(found[self.features], "features")
        if data.ndim != 4 or data.shape[0] != sent:
            raise BadAnswerError(f"its features have the shape {formatting.shape(data.shape)}")
        data = data[:pictures]
        first = self.package.manifest.input.channels_first or self.order == "to_first"
        data = data.transpose(0, 2, 3, 1) if first and self.order != "to_last" else data
        if self.package.unknown and data.shape[-1] != self.package.unknown.channels:
            raise BadAnswerError(
                f"it gives {data.shape[-1]} features, but {FILE} needs {self.package.unknown.channels}"
            )
        return data


def plan(package: ModelPackage, metadata: Metadata) -> Plan:
    """How to call a model as its engine describes it.

    Raises:
        BadAnswerError: the package does not fit what is described.
    """
    names = {tensor.name: tensor for tensor in metadata.inputs if metadata.platform == OURS}
    pixels = _PIXELS if _takes_pixels(names.get(_PIXELS), package) else None
    order: Order = "same"
    if metadata.inputs:
        chosen, order = _input(package, [names[_VALUES]] if _VALUES in names else metadata.inputs)
    else:
        chosen = TensorSpec("", np.dtype(np.float32), (1, *package.manifest.input.shape))
    assert chosen.dtype is not None  # noqa: S101
    size = 0 if len(chosen.shape) == len(package.manifest.input.shape) else chosen.shape[0]
    most = min(metadata.most or _MOST, _MOST) if size == -1 else max(size, 1)
    unsent = () if _VALUES in names else tuple(one.name for one in metadata.inputs if one.name != chosen.name)
    wanted = package.manifest.output.features
    scores, features = None, wanted  # an engine that does not describe its outputs names them in its answer
    if metadata.outputs:
        described = metadata.outputs if size else [one._replace(shape=_with_batch(one)) for one in metadata.outputs]
        if metadata.platform == OURS and any(tensor.name == _SCORES for tensor in described):
            scores = _SCORES
        else:
            scores = _scores(described, package.manifest.output)
        described = [tensor for tensor in described if tensor.dtype is not None]
        features = next((tensor.name for tensor in described if tensor.name == wanted), None)
        if wanted and features is None:
            maps = [tensor.name for tensor in described if len(tensor.shape) == 4 and tensor.name != scores]
            features = maps[0] if len(maps) == 1 else None
    return Plan(package, chosen.name, chosen.dtype, order, pixels, scores, features, most, size, unsent)


def _takes_pixels(tensor: TensorSpec | None, package: ModelPackage) -> bool:
    return (
        tensor is not None and tensor.dtype == np.uint8 and _fits(tensor.shape[1:], (*package.manifest.input.size, 3))
    )


def _input(package: ModelPackage, described: Sequence[TensorSpec]) -> tuple[TensorSpec, Order]:
    """The input that takes pictures of the package, and where it has the channels."""
    spec = package.manifest.input
    orders: list[tuple[Order, tuple[int, ...]]] = [("same", spec.shape)]
    if spec.channel_axis and spec.channels_first:
        orders.append(("to_last", (*spec.size, spec.channels)))
    elif spec.channel_axis:
        orders.append(("to_first", (spec.channels, *spec.size)))
    fitting = [(one, order) for order, shape in orders for one in described if _takes(one, shape)]
    # One picture without a batch dimension, where nothing takes a batch.
    fitting = fitting or [(one, order) for order, shape in orders for one in described if _fits(one.shape, shape)]
    for one, order in fitting:
        if one.dtype is not None and one.dtype.kind == "f":
            return one, order
    for one, order in fitting:
        if one.dtype == np.uint8:
            if np.any(np.not_equal(spec.mean, 0)) or np.any(np.not_equal(spec.std, 1)) or spec.channels == 1:
                raise BadAnswerError(
                    f"its input {one.name} takes whole numbers of 8 bits, but input.mean and input.std in "
                    f"{MANIFEST} ask for other values"
                )
            return one, order
    shapes = ", ".join(map(str, described))
    if fitting:
        raise BadAnswerError(f"its model takes {shapes}, but pictures are sent as FP16, FP32, FP64 or UINT8")
    raise BadAnswerError(f"its model takes {shapes}, but input.size in {MANIFEST} expects {(-1, *spec.shape)}")


def _takes(tensor: TensorSpec, shape: Sequence[int]) -> bool:
    """Whether an input takes batches of pictures of a shape, of any size or of one that can be filled up."""
    return _fits(tensor.shape[1:], shape) and (tensor.shape[0] == -1 or 1 <= tensor.shape[0] <= _MOST_FIXED)


def _scores(described: Sequence[TensorSpec], spec: OutputSpec) -> str:
    """The name of the output with so many scores for each picture, unless the package names it."""
    if spec.name is not None and any(tensor.name == spec.name for tensor in described):
        return spec.name
    fitting = [
        tensor
        for tensor in described
        if tensor.name != spec.features and len(tensor.shape) >= 1 and _counts(tensor.shape[1:], spec.scores)
    ]
    found = [tensor.name for tensor in fitting if tensor.dtype is not None and tensor.dtype.kind == "f"]
    if len(found) > 1:  # the names may say which of them the package means
        named = [name for name in found if any(word in name.lower() for word in _WORDS[spec.logits])]
        found = named if len(named) == 1 else found
    if len(found) == 1:
        return found[0]
    if found:
        raise BadAnswerError(f"several of its outputs could be the scores: {', '.join(found)}")
    shapes = ", ".join(map(str, described)) or "none"
    if fitting:
        raise BadAnswerError(f"its model gives {shapes}, but scores are read as FP16, FP32 or FP64")
    raise BadAnswerError(f"its model gives {shapes}, but output.classes in {MANIFEST} expects {spec.scores} scores")


def _with_batch(tensor: TensorSpec) -> tuple[int, ...]:
    """The shape of an output of a model that takes no batches; its answers may have a batch dimension of 1."""
    return tensor.shape if len(tensor.shape) in (2, 4) and tensor.shape[0] == 1 else (1, *tensor.shape)


def _batched(data: Array) -> Array:
    """An output of such a model, with a batch dimension."""
    return data if data.ndim in (2, 4) and data.shape[0] == 1 else data[None]


def _whole(batch: Array, name: str) -> Array:
    """Values for an input of bytes, if they are such.

    Raises:
        BadAnswerError: they are not, as values that a caller scaled.
    """
    whole = np.rint(batch)
    if np.abs(whole - batch).max(initial=0) > _NEARLY or whole.min(initial=0) < 0 or whole.max(initial=0) > 255:
        raise BadAnswerError(f"its input {name} takes whole numbers from 0 to 255, which these values are not")
    return whole


def _counts(sizes: Sequence[int], count: int) -> bool:
    """Whether sizes without the batch make so many scores: all 1 but one, which may also be of any size."""
    others = [size for size in sizes if size != 1] or [1]
    return len(others) == 1 and others[0] in (-1, count)


def _fits(sizes: Sequence[int], shape: Sequence[int]) -> bool:
    return len(sizes) == len(shape) and all(size in (-1, wanted) for size, wanted in zip(sizes, shape, strict=True))


def _floats(data: Array, what: str) -> NDArray[np.float32]:
    if data.dtype.kind != "f":
        raise BadAnswerError(f"its {what} are of the type {data.dtype}, not floating-point numbers")
    with np.errstate(over="ignore"):  # what is too large becomes infinity
        found = data.astype(np.float32)
    if not np.isfinite(found).all():
        raise BadAnswerError(f"its {what} have NaN or infinity")
    return found
