"""Infers which values a model takes, from the quantisation of its input."""

from __future__ import annotations

from classifier.importing.options import SCALES, Scaling

OWN = "the model scales them itself"
_RANGE = "the range of the quantised input"
_RANGES = {
    "unit": (0.0, 1.0),
    "signed": (-1.0, 1.0),
    "raw": (0.0, 255.0),
    "imagenet": (-2.118, 2.640),
    "caffe": (-123.68, 151.061),
}
_WHY = {
    "imagenet": f"{_RANGE} is that of ImageNet's mean and deviation, over the three colours together",
    "caffe": f"a guess: {_RANGE} is that of pixels less ImageNet's mean, in which blue mostly comes first. If the "
    "answers are poor, import it again with --scale caffe --colours rgb",
}
# The range is that of the converter's examples, which need not have held the darkest and the brightest pixel.
_SLACK = 0.05


def from_quantisation(scale: float, zero_point: int, low: int, high: int) -> Scaling | None:
    """Infers a model's values from the range that its quantised input covers; None if it is not a usual range.

    Args:
        scale: quantisation scale of the input tensor.
        zero_point: quantisation zero point of the input tensor.
        low: the smallest integer of the tensor's type.
        high: the largest integer of the tensor's type.

    A range that only resembles a usual one, since the converter's examples were few or dark, gives a guess.
    """
    if (low, zero_point) == (-128, 0) and abs(scale * 127 - 1) < 1e-3:
        return None  # Symmetric quantisation gives 0 to 1 and -1 to 1 the same scale, 1/127.
    least, most = (low - zero_point) * scale, (high - zero_point) * scale
    if low < 0 and zero_point == 0:  # symmetric: only the end that is farther from 0 tells
        names = (
            name for name in ("raw", "imagenet", "caffe") if abs(most - _RANGES[name][1]) <= _SLACK * _RANGES[name][1]
        )
        if name := next(names, None):
            return _told(name)
    for name, (a, b) in _RANGES.items():
        if abs(least - a) <= _SLACK * (b - a) and abs(most - b) <= _SLACK * (b - a):
            return _told(name)
    return _likely(least, most, symmetric=low < 0 and zero_point == 0)


def _likely(least: float, most: float, *, symmetric: bool) -> Scaling | None:
    """The usual values with the narrowest range that holds another one, such as -0.85 to 1, as a guess."""
    if symmetric:  # only the end that is farther from 0 tells, and 0 to 1 and -1 to 1 have the same
        least = 0.0
    widest_last = sorted(_RANGES, key=lambda name: _RANGES[name][1] - _RANGES[name][0])
    fitting = (name for name in widest_last if _holds(_RANGES[name], least, most))
    name = next(fitting, None)
    if name is None or (symmetric and name in ("unit", "signed")):
        return None
    others = ", ".join(other for other in _RANGES if other != name)
    why = (
        f"a guess from {_RANGE}, {least:.3g} to {most:.3g}, which is not quite a usual one. If the answers are poor, "
        f"import it again with the --scale that it was trained with: {others}"
    )
    return SCALES[name].because(why, guessed=True)


def _holds(whole: tuple[float, float], least: float, most: float) -> bool:
    slack = _SLACK * (whole[1] - whole[0])
    return whole[0] - slack <= least and most <= whole[1] + slack


def _told(name: str) -> Scaling:
    return SCALES[name].because(_WHY.get(name, _RANGE), guessed=name == "caffe")  # a range tells no order of colours
