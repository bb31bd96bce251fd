"""Decides, from the options, the file and what lies beside it, which values a model takes and what its scores mean."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from classifier.errors import ModelFileError, ParameterError
from classifier.formatting import listed, printable
from classifier.importing import label_files, verify
from classifier.importing import labels as labels_files
from classifier.importing.network import Activation, Layout, Network
from classifier.importing.options import SCALES, Options, Scaling, usual
from classifier.importing.sources import TEACHABLE_ALONE, Source
from classifier.importing.values import first_layer
from classifier.package import Colours, InputSpec, OutputSpec
from classifier.picture.fit import fit
from classifier.preprocessing import normalise

Labels = dict[str, tuple[str, ...]]

_GUESS = (
    "a guess, as {habit}the file does not say. If the answers are poor, import it again with the --scale that it was "
    "trained with: {others}"
)
_ONE_SCORE = "two labels, each on a line, that of a low score first, or with one, if its score stands for itself"


def scaling(source: Source, network: Network, options: Options, place: Layout) -> Scaling:
    """The scaling, and the order of the colours that goes with it, from the first of these that tells.

    The options; the file or its graph; Teachable Machine's habit; what photos give in the first layer; what the file
    only suggests. Else it is the habit of those whose program wrote the file, or 0 to 1.
    """
    if options.scaling:
        return options.scaling.because("as you say")
    if network.scaling and not network.scaling.guessed:
        return network.scaling
    if source.teachable_machine:
        return SCALES["signed"].because("as Teachable Machine's models take them")
    if network.first_layer and (found := first_layer.scaling(network.first_layer, _photos(place, options))):
        return found
    if network.scaling:
        return network.scaling
    if (*place.size, place.channels) == (224, 224, 3) and source.file.name in TEACHABLE_ALONE:
        return _guess(3, "signed")
    return _guess(place.channels, "imagenet" if network.of_pytorch and place.channels == 3 else "unit")


def _guess(channels: int, name: str) -> Scaling:
    others = [other for other in usual(channels) if other != name]
    habits = {"imagenet": "PyTorch's models", "signed": "Teachable Machine's models, which have such a name,"}
    habit = f"{habits[name]} usually take it, and " if name in habits else ""
    return SCALES[name].because(_GUESS.format(habit=habit, others=listed(others)), guessed=True)


def _photos(place: Layout, options: Options) -> list[NDArray[np.float32]]:
    """Pixels of the sample photos, `(H, W, channels)`."""
    plain = InputSpec(size=place.size, crop=options.crop or 1.0, mean=0.0, std=1.0, channels=_channels(place))
    return [normalise(fit(photo, plain.geometry), plain)[0] for photo in verify.photos().values()]


def _channels(place: Layout) -> Literal[1, 3]:
    return 1 if place.channels == 1 else 3


def _colours(place: Layout, scale: Scaling, options: Options, network: Network) -> Colours:
    """The order of the colours, from the first of these that tells.

    The options; what the file says in words; the scaling; the file's own one if that is another. Else red, green, blue.
    """
    if place.channels == 1:
        return "rgb"
    given = options.scaling.colours if options.scaling else None
    own = network.scaling.colours if network.scaling else None
    return options.colours or given or network.told.colours or scale.colours or own or "rgb"


def input_spec(source: Source, network: Network, place: Layout, scale: Scaling, options: Options) -> InputSpec:
    """The `[input]` of the package.

    Raises:
        ParameterError: the options give a mean or std for each colour, or an order of them, and the model takes grey.
    """
    if place.channels == 1 and options.colours:
        raise ParameterError(f"{source.file}: it takes grey pictures, which have no colours. Leave --colours out.")
    if place.channels == 1 and (isinstance(scale.mean, tuple) or isinstance(scale.std, tuple)):
        raise ParameterError(
            f"{source.file}: it takes grey pictures, so there is one mean and one std, not one for each colour. "
            "Give --mean and --std one number each, or --scale unit, signed or raw."
        )
    return InputSpec(
        size=place.size,
        crop=options.crop or network.told.crop or 1.0,
        # Teachable Machine's own example resizes with Lanczos.
        resample=options.resample or network.told.resample or ("lanczos" if source.teachable_machine else "bilinear"),
        mean=scale.mean,
        std=scale.std,
        channels=_channels(place),
        colours=_colours(place, scale, options, network),
        channels_first=place.channels_first,
        channel_axis=place.channel_axis,
    )


def output_spec(
    activation: Activation, scores: int, names: int, features: str | None = None, name: str | None = None
) -> OutputSpec:
    """The `[output]` of the package.

    Args:
        activation: the model's last operation.
        scores: how many scores it gives.
        names: how many labels there are; if there are two labels for one score, it is the score of the second.
        features: name of the output with the features.
        name: name of the output with the scores, if it has to be told.
    """
    binary = scores == 1 and names == 2
    return OutputSpec(
        classes=2 if binary else scores,
        logits=activation == "none",
        multi_label=not binary and (activation == "sigmoid" or scores == 1),
        binary=binary,
        name=name,
        features=features,
    )


def labels(source: Source, network: Network, options: Options, classes: int) -> tuple[Labels, str]:
    """Labels by language, and where they come from: the options, else the model file, else a labels file beside it.

    Raises:
        ModelFileError: there are no labels, or not one for each class.
    """
    number = f"{classes} class{'es' if classes > 1 else ''}"
    if options.labels:
        found = {language: labels_files.read(file) for language, file in options.labels}
        where = {language: str(file) for language, file in options.labels}
    elif network.labels:
        said_by = network.labels_from or f"{source.file.name}'s metadata"
        found, where = network.labels, dict.fromkeys(network.labels, said_by)
    elif source.labels:
        lines, name = label_files.choose(source.labels, classes, f"{source.file}: it has {number}")
        found, where = {"en": lines}, {"en": printable(name)}
    else:
        raise ModelFileError(
            f"{source.file}: it has {number}, and nothing says what they are called. Give a file with "
            + (f"a label on each of {classes} lines, in the order of the model's output" if classes > 1 else _ONE_SCORE)
            + ": --labels FILE, or labels.txt beside it."
        )
    for language, lines in found.items():
        if not label_files.fit(lines, classes):
            raise ModelFileError(
                f"{source.file}: it has {number}, but there are {len(lines)} labels in {where[language]}. "
                "Give one for each class, in the order of the model's output: --labels FILE."
            )
    return found, ", ".join(dict.fromkeys(where.values()))


def meaning(output: OutputSpec) -> str:
    """What a model's scores mean, for people."""
    if output.binary:
        kind = "one score, of the second of two classes"
    elif output.multi_label:
        kind = "each score stands for itself: several labels can hold at once"
    else:
        kind = "scores that add up to 1"
    squash = "sigmoid" if output.binary or output.multi_label else "softmax"
    return f"{output.classes} class{'es' if output.classes > 1 else ''}; {kind}" + (
        f", after a {squash}, which the model lacks" if output.logits else ""
    )


def preview(names: tuple[str, ...]) -> str:
    """The first labels, for people."""
    few = ", ".join(names[:5])
    return f"{few}, … ({len(names)})" if len(names) > 5 else few
