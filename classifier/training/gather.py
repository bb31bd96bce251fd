"""Makes examples of photos that were read: each photo once, and none that is said to be of two classes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from classifier.errors import InputError
from classifier.formatting import printable
from classifier.training.examples import Examples, merged
from classifier.training.extract import Seen
from classifier.views import View

_SHOWN = 10
FEW = 10
"""Photos of a class, with fewer of which it is hardly known."""


@dataclass(frozen=True, slots=True)
class Photo:
    """A photo that was read.

    Attributes:
        file: its name.
        label: the class that it is said to be of.
        seen: what was read.
    """

    file: str
    label: str
    seen: Seen


@dataclass(frozen=True, slots=True)
class Gathered:
    """Examples, and what is to be told of the photos.

    Attributes:
        examples: what to fit to.
        said: sentences.
    """

    examples: Examples
    said: tuple[str, ...]


def gather(name: str, photos: Sequence[Photo], view: View, before: Examples | None = None) -> Gathered:
    """Makes examples of photos, and of those that were there before.

    Args:
        name: the folder or file of the photos.
        photos: those that could be read.
        view: what the model sees of a photo.
        before: those of earlier, some of whose photos may be among these, perhaps in another class.

    Raises:
        InputError: fewer than two classes have a photo.
    """
    by_hash: dict[str, list[Photo]] = defaultdict(list)
    for photo in photos:
        by_hash[photo.seen.hash].append(photo)
    torn = {one: group for one, group in by_hash.items() if len({photo.label for photo in group}) > 1}
    known = dict(zip(before.hashes, before.labels, strict=True)) if before else {}
    whole = {one: group for one, group in by_hash.items() if one not in torn}
    moved = [group[0] for one, group in whole.items() if known.get(one, group[0].label) != group[0].label]
    parts = [*_kept(before, by_hash, whole), *_fresh(whole, view)]
    examples = merged(parts) if parts else None
    if examples is None or len(examples.classes) < 2:
        raise _too_few(name, examples)
    copies = sum(len(group) - 1 for group in whole.values())
    said = [*_torn(torn), *_copies(copies), *_moved(moved), *_lacking(photos, examples), *_small(examples)]
    return Gathered(examples, tuple(said))


def _kept(
    before: Examples | None, by_hash: Mapping[str, list[Photo]], whole: Mapping[str, list[Photo]]
) -> list[Examples]:
    """The examples of earlier, in their classes or in those in which they are now."""
    if before is None:
        return []
    stay = [at for at, one in enumerate(before.hashes) if one not in by_hash]
    again = [at for at, one in enumerate(before.hashes) if one in whole]
    labels = tuple(whole[before.hashes[at]][0].label for at in again)
    parts = [before.take(stay), replace(before.take(again), labels=labels)]
    return [part for part in parts if len(part)]


def _fresh(whole: Mapping[str, list[Photo]], view: View) -> list[Examples]:
    """The photos that were not there before."""
    read = [(group[0], seen) for group in whole.values() if (seen := _features(group)) is not None]
    if not read:
        return []
    hashes = tuple(photo.seen.hash for photo, _ in read)
    labels, names = tuple(photo.label for photo, _ in read), tuple(photo.file for photo, _ in read)
    return [Examples(hashes, labels, names, np.stack([features for _, features in read]), view)]


def _features(group: Sequence[Photo]) -> NDArray[np.float16] | None:
    return next((photo.seen.features for photo in group if photo.seen.features is not None), None)


def _too_few(name: str, examples: Examples | None) -> InputError:
    if examples is None:
        return InputError(f"{name}: there is no photo to train on.")
    return InputError(
        f"{name}: training takes photos of two classes or more, but all are of {examples.classes[0]!r}. "
        "Add a folder of what it is to be told from, such as `other`."
    )


def _torn(torn: dict[str, list[Photo]]) -> list[str]:
    said = [
        "The same photo in several classes, so it was left out: "
        + ", ".join(f"{printable(photo.file)} ({photo.label})" for photo in group)
        for group in torn.values()
    ]
    more = [f"And {len(said) - _SHOWN} more like that."] if len(said) > _SHOWN else []
    return said[:_SHOWN] + more


def _copies(count: int) -> list[str]:
    is_are = "is" if count == 1 else "are"
    return [f"{count} of the photos {is_are} there more than once, and taken once."] if count else []


def _moved(moved: Sequence[Photo]) -> list[str]:
    said = [f"Moved to {photo.label}: {printable(photo.file)}" for photo in moved]
    more = [f"And {len(said) - _SHOWN} more that have another class now."] if len(said) > _SHOWN else []
    return said[:_SHOWN] + more


def _lacking(photos: Sequence[Photo], examples: Examples) -> list[str]:
    gone = sorted({photo.label for photo in photos} - set(examples.classes))
    return [f"No photo is left of {', '.join(gone)}: the model does not have {_it(gone)}."] if gone else []


def _small(examples: Examples) -> list[str]:
    counts = np.bincount(examples.truths)
    single = [label for label, count in zip(examples.classes, counts, strict=True) if count == 1]
    small = [label for label, count in zip(examples.classes, counts, strict=True) if 1 < count < FEW]
    said = []
    if single:
        said.append(
            f"One photo alone of {_some(single)}: cross-validation cannot judge {_it(single)}, and counts "
            f"{_it(single)} as wrong. Add photos."
        )
    if small:
        said.append(f"Fewer than {FEW} photos of {_some(small)}: add photos, and the model gets better.")
    return said


def _some(labels: Sequence[str]) -> str:
    return ", ".join(labels[:_SHOWN]) + (f" and {len(labels) - _SHOWN} more" if len(labels) > _SHOWN else "")


def _it(labels: Sequence[str]) -> str:
    return "it" if len(labels) == 1 else "them"
