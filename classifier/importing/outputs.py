"""Chooses among the outputs of a model: the one with a score for each class, and its features if it gives them, too."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from classifier.backends.protocol import count
from classifier.errors import ModelFileError, ParameterError
from classifier.formatting import printable, shape
from classifier.importing.network import Shape, counted


@dataclass(frozen=True, slots=True)
class Output:
    """An output of a model.

    Attributes:
        name: as the model's file has it.
        shape: batch included, with None for a dimension of any size; empty if nothing is known of it.
        whole: whether it is of whole numbers that stand for themselves, such as the index of the best class.
        sources: names of the outputs of which it is computed.
    """

    name: str
    shape: Shape
    whole: bool = False
    sources: Collection[str] = ()

    @property
    def is_row(self) -> bool:
        """Whether its numbers can be in a row, as scores are."""
        return not self.shape or sum(side != 1 for side in self.shape[1:]) <= 1

    @property
    def count(self) -> int | None:
        """How many numbers it has for a picture; None if that is not known."""
        return count(self.shape)

    def __str__(self) -> str:
        return f"{printable(self.name)} {shape(self.shape)}" if self.shape else printable(self.name)


@dataclass(frozen=True, slots=True)
class Chosen:
    """What is taken of a model's outputs.

    Attributes:
        scores: the name of the scores.
        features: the name of the features of which they are computed; None if it gives none.
        told: whether a package has to name the scores, since there are other outputs than these two.
    """

    scores: str
    features: str | None = None
    told: bool = False

    @property
    def name(self) -> str | None:
        """What `output.name` of a package says."""
        return self.scores if self.told else None


def choose(file: Path, outputs: Sequence[Output], wanted: str | None) -> Chosen:
    """Chooses the scores: the only numbers in a row of which no other output is computed, unless they are named.

    Nothing is guessed: logits beside their softmax, features beside scores, and the index of the best class are told
    apart by what is computed of what.

    Args:
        file: the model.
        outputs: all of its outputs.
        wanted: the name of the scores, if the user says it.

    Raises:
        ModelFileError: none of them is a list of scores, or several can be.
        ParameterError: none of them has that name.
    """
    by_name = {one.name: one for one in outputs}
    if wanted is not None:
        check_wanted(wanted, outputs)
        scores = by_name[wanted]
    else:
        scores = _only(file, outputs)
    return Chosen(scores.name, features := _features(scores, by_name), len(outputs) > 1 + (features is not None))


def check_wanted(wanted: str, outputs: Sequence[Output]) -> None:
    """Refuses the name of an output that a model does not have.

    Raises:
        ParameterError: naming those that it has.
    """
    if wanted not in (one.name for one in outputs):
        raise ParameterError(f"--output {printable(wanted)}: its outputs are {_listed(outputs)}.")


def _only(file: Path, outputs: Sequence[Output]) -> Output:
    floats = [one for one in outputs if not one.whole]
    last = [one for one in floats if not any(one.name in other.sources for other in floats)]
    rows = [one for one in last if one.is_row]
    if len(rows) == 1:
        return rows[0]
    needs = (
        f"{file}: it has 1 input and {counted(len(outputs), 'output')}. "
        "A classifier has one of each: a picture in, a score for each class out."
    )
    if rows:
        raise ModelFileError(f"{needs} Say which of these has the scores, by --output NAME: {_listed(rows)}.")
    raise ModelFileError(
        f"{needs} None of these is a list of scores: {_listed(outputs)}. It may be a detector, which tells where "
        "things are in a picture."
    )


def _features(scores: Output, by_name: Mapping[str, Output]) -> str | None:
    """The last features on the way to the scores; logits, of which there are as many as scores, are none."""
    found = [
        one
        for one in by_name.values()
        if one.name in scores.sources and not one.whole
        if len(one.shape) == 4 or (len(one.shape) == 2 and one.count not in (None, 1, scores.count))
    ]
    last = [one for one in found if not any(one.name in other.sources for other in found)]
    return last[0].name if len(last) == 1 else None


def _listed(outputs: Sequence[Output]) -> str:
    return ", ".join(map(str, outputs))
