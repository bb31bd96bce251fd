"""Infers which values a model takes from the multiplication and addition with which it begins."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from classifier.importing.options import SCALES, Scaling
from classifier.importing.values.scaling import OWN

_CENTRED = Scaling(127.5, 255.0)  # -0.5 to 0.5
_MADE = (*SCALES.items(), ("centred", _CENTRED))
_TAKEN = ("unit", "signed", "raw", "imagenet")
_CLOSE = 0.02


@dataclass(frozen=True, slots=True)
class Affine:
    """A map of values, `scale * value + offset`.

    Attributes:
        scale: one factor, or one for each channel.
        offset: one addend for each factor.
        told: what the steps before the last told of the values.
    """

    scale: NDArray[np.float64]
    offset: NDArray[np.float64]
    told: Scaling | None = None

    def then(self, sign: str, constant: NDArray[np.float64], *, first: bool) -> Affine | None:
        """This map and one more step of arithmetic; None if the constant does not fit, or divides by zero.

        Args:
            sign: one of `+ - * /`.
            constant: one number, or one for each channel.
            first: whether the constant is the first operand, as in `1 - value`.
        """
        constant = constant.reshape(-1)
        if constant.size != 1 and self.scale.size not in (1, constant.size):
            return None
        if sign == "/" and (first or not constant.all()):
            return None
        if sign in "*/":
            factor = constant if sign == "*" else 1 / constant
            return Affine(self.scale * factor, self.offset * factor, self.values())
        if sign == "-" and first:
            return Affine(-self.scale + 0 * constant, constant - self.offset, self.values())
        addend = constant if sign == "+" else -constant
        return Affine(self.scale + 0 * constant, self.offset + addend, self.values())

    @property
    def uniform(self) -> bool:
        """Whether it does the same to each channel."""
        return self.scale.size == 1

    def values(self) -> Scaling | None:
        """The values that a model takes which begins with this map; None if that does not tell.

        The first step that tells decides. A step tells if it makes a customary range, such as -1 to 1, of exactly one
        other customary range, or else if it makes of all but one something that a network can hardly work with.
        """
        if self.told is not None:
            return self.told
        if not (self.scale.all() and np.isfinite(self.scale).all() and np.isfinite(self.offset).all()):
            return None
        exact = [name for name in _TAKEN if self._makes_customary(name)]
        if len(exact) > 1:
            return None
        name = exact[0] if exact else self._only_plausible()
        return SCALES[name].because(OWN) if name else None

    def _makes_customary(self, taken: str) -> bool:
        ends = _ends(SCALES[taken]) * self.scale + self.offset
        for made, scaling in _MADE:
            wanted = _ends(scaling)
            for order in (wanted, wanted[:, ::-1]):
                fits = made != taken and order.shape[1] in (1, ends.shape[1])
                if fits and np.all(np.abs(ends - order) <= _CLOSE * np.ptp(order, axis=0)):
                    return True
        return False

    def _only_plausible(self) -> str:
        """By the mean that it subtracts and the deviation that it divides by."""
        mean, std = -self.offset / self.scale, 1 / np.abs(self.scale)
        if _within(mean, -2, 260) and _within(std, 20, 300):
            return "raw"
        if _within(mean, 10, 260) and _within(std, 0.9, 300):
            return "raw"
        if _within(mean, -0.1, 1) and _within(std, 1 / 300, 1 / 200):
            return "unit"
        if _within(mean, 0.2, 0.8) and _within(std, 0.15, 0.6):
            return "unit"
        if _within(mean, -1.05, 0.3) and _within(std, 1 / 200, 1 / 100):
            return "signed"
        return ""


def identity() -> Affine:
    """The map that changes nothing."""
    return Affine(np.ones(1), np.zeros(1))


def joined(maps: list[Affine | None]) -> Affine | None:
    """What becomes of channels that are put together again."""
    whole = [one for one in maps if one is not None]
    if len(whole) < len(maps):
        return None
    scales = np.concatenate([one.scale for one in whole])
    offsets = np.concatenate([one.offset for one in whole])
    told = {_key(one.told): one.told for one in whole}
    if len(told) > 1:
        return None
    one = slice(1) if np.ptp(scales) == 0 and np.ptp(offsets) == 0 else slice(None)
    return Affine(scales[one], offsets[one], next(iter(told.values())))


def agreed(maps: Iterable[Affine]) -> Scaling | None:
    """The values that all maps tell, which are what a model makes of its input on different paths; else None."""
    found = {_key(one.values()): one.values() for one in maps}
    return next(iter(found.values())) if len(found) == 1 else None


def _key(scaling: Scaling | None) -> str:
    return str(scaling) if scaling else ""


def _ends(scaling: Scaling) -> NDArray[np.float64]:
    """The values of black and white: `(2, 1)`, or `(2, 3)` by colour."""
    mean, std = np.asarray(scaling.mean, np.float64), np.asarray(scaling.std, np.float64)
    ends: NDArray[np.float64] = (np.array([[0.0], [255.0]]) - mean) / std
    return ends


def _within(values: NDArray[np.float64], low: float, high: float) -> bool:
    return bool(np.all((values >= low) & (values <= high)))
