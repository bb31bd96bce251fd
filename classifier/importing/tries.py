"""Shows what a model says of a few pictures, with each customary scaling where nothing tells which one is right."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from classifier.errors import ImageError, ParameterError
from classifier.formatting import percent, printable
from classifier.importing import verify
from classifier.importing.network import Run
from classifier.importing.options import Scaling, usual
from classifier.machine import files
from classifier.package import InputSpec, OutputSpec
from classifier.picture import decode
from classifier.picture.fit import fit
from classifier.postprocessing import probabilities
from classifier.preprocessing import normalise
from classifier.settings import read_settings

_SHOWN = ("panda.webp", "dog.webp", "coffee.png")  # an animal, a pet and a thing
_NOTHING = 0.05  # bits
_AS_GOOD = 1.1
_LARGE = ("raw", "caffe")

Pictures = Mapping[str, Image.Image]


@dataclass(frozen=True, slots=True)
class Tried:
    """A model that can be run.

    Attributes:
        run: maps values to scores.
        input: the `[input]` of the package, whose scaling is replaced.
        output: the `[output]` of the package.
        labels: a label for each class.
    """

    run: Run
    input: InputSpec
    output: OutputSpec
    labels: Sequence[str]

    def probabilities(self, pictures: Sequence[Image.Image], scaling: Scaling) -> NDArray[np.float64]:
        """Probabilities of pictures in a scaling's values, `(pictures, classes)`; NaN where the model gives none."""
        colours = scaling.colours or self.input.colours
        spec = self.input.model_copy(update={"mean": scaling.mean, "std": scaling.std, "colours": colours})
        values = [normalise(fit(picture, spec.geometry), spec) for picture in pictures]
        with np.errstate(all="ignore"):
            rows = [probabilities(self.run(one).reshape(-1), self.output) for one in values]
        return np.stack(rows).astype(np.float64)


def read(paths: Sequence[Path]) -> dict[str, Image.Image]:
    """Pictures by the names of their files.

    Raises:
        ParameterError: one cannot be read, or is not a picture.
    """
    limits = read_settings().limits
    pictures = {}
    for path in paths:
        with files.refusing(ParameterError, path):
            data = files.read(path, limits.max_bytes)
        name = path.name if path.name not in pictures else str(path)
        try:
            pictures[name] = decode.read(data, limits).image
        except ImageError as error:
            raise ParameterError(f"--try {printable(str(path))}: {error.message}") from error
    return pictures


def lines(model: Tried, taken: Scaling, pictures: Pictures) -> Iterator[str]:
    """The lines of a small table: of the given pictures, and of sample photos if the scaling is only a guess.

    Args:
        model: the model.
        taken: the scaling that the package has.
        pictures: pictures by name.
    """
    photos = verify.photos() if taken.guessed else {}
    tried = [*photos.items(), *pictures.items()]
    samples = list(photos)
    shown = [*(samples.index(name) for name in _SHOWN if name in photos), *range(len(photos), len(tried))]
    if not shown:
        return
    scales = usual(model.input.channels) if taken.guessed else {"as above": taken}
    found = {name: model.probabilities([one for _, one in tried], scale) for name, scale in scales.items()}
    yield _row("picture", "--scale" if taken.guessed else "values", "best label", "score", "entropy")
    for index in shown:
        yield from (_row(tried[index][0], name, *_cells(model, rows[index])) for name, rows in found.items())
    if photos:
        told = {name: _information(rows[: len(photos)], model.output) for name, rows in found.items()}
        yield _conclusion(told, next(name for name, scale in scales.items() if scale.same(taken)))


def _conclusion(told: dict[str, float], taken: str) -> str:
    """What the photos point to, and how to choose it. It decides nothing: see `_information`.

    Values a hundred times as large often tell something by chance, and the right ones never told nothing, of 45 tries
    with nine trained networks: so the large ones count only where those taken tell nothing.
    """
    useful = told if told[taken] < _NOTHING else {name: told[name] for name in told if name not in _LARGE}
    best = max(useful, key=told.__getitem__)
    if told[best] < _NOTHING:
        hint = "With no scaling do the answers tell the sample photos apart, so these say nothing"
    elif told[best] < _AS_GOOD * told[taken]:
        hint = "It tells the sample photos apart as well as any"
    else:
        hint = f"{best} tells the sample photos apart better, a hint but no proof: import it again with --scale {best}"
    bits = ", ".join(f"{name} {one:.1f}" for name, one in told.items())
    return f"taken: {taken}, a guess. {hint} ({bits} bits)"


def _cells(model: Tried, row: NDArray[np.float64]) -> tuple[str, str, str]:
    """Label, score and entropy of the answer for a picture."""
    if not np.isfinite(row).all():
        return "NaN or infinity", "", ""
    best = int(row.argmax())
    entropy = float(_entropy(row, model.output))
    return model.labels[best], percent(float(row[best])), f"{entropy:.1f} bits"


def _row(*cells: str) -> str:
    *others, last = map(printable, cells)
    padded = (f"{cell[: width - 2]:{width}}" for cell, width in zip(others, (18, 10, 26, 8), strict=True))
    return f"{''.join(padded)}{last}".rstrip()


def _information(found: NDArray[np.float64], output: OutputSpec) -> float:
    """Bits that the answers `(pictures, classes)` tell of which picture it was; 0 if they are all the same.

    A wrong scaling often gives one answer for everything. Measured with the 12 sample photos on six trained networks of
    2 to 1,000 classes, the first layer of each changed to take each scaling but Caffe's: the right scaling told the
    most for 20 of 24. Of 0 to 1, -1 to 1 and ImageNet's another one told up to a third more, so this decides nothing.
    """
    finite = found[np.isfinite(found).all(axis=1)]
    if not len(finite):
        return 0.0
    return max(0.0, float(_entropy(finite.mean(axis=0), output) - _entropy(finite, output).mean()))


def _entropy(found: NDArray[np.float64], output: OutputSpec) -> NDArray[np.float64]:
    """Bits along the last axis; where scores stand for themselves, the sum over the labels."""
    sides = (found, 1 - found) if output.multi_label else (found,)
    entropy = sum((side * np.log2(np.maximum(side, 1e-12))).sum(axis=-1) for side in sides)
    return np.asarray(np.abs(entropy), np.float64)  # not below 0, which is not -0 either
