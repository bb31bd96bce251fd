"""`classifier import`: its options, which are checked before anything is loaded, and what it prints."""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from classifier.cli import options
from classifier.cli.signals import interrupted_by_signals
from classifier.errors import ParameterError
from classifier.machine import progress

if TYPE_CHECKING:
    from classifier.importing.options import Options

NAME = "import"
ABOUT = "Make a model package of a model file"

# As in classifier.importing.options.SCALES, classifier.package.Colours and .Resample, whose import would load NumPy and
# pydantic.
_SCALES = ("unit", "signed", "raw", "imagenet", "caffe")
_COLOURS = ("rgb", "bgr")
_FILTERS = ("nearest", "box", "bilinear", "hamming", "bicubic", "lanczos")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command's arguments."""
    parser.add_argument("source", metavar="SOURCE", help="a model file, a SavedModel, or a folder or zip of one")
    parser.add_argument("target", metavar="DEST", help="the package's folder, which must not exist yet")
    parser.add_argument(
        "--labels",
        type=_labels,
        action="append",
        default=[],
        metavar="[LANG=]FILE",
        help="a label on each line, in the order of the model's output; with zh= before it in Chinese",
    )
    parser.add_argument("--output", metavar="NAME", help="name of the output with the scores, of a model with several")
    parser.add_argument("--name", help="name of the package; its folder's if not given")
    parser.add_argument("--title", help="name for people; the package's if not given")
    parser.add_argument(
        "--size", type=_size, metavar="PIXELS", help="size of the input, as 224 or 192x256 (height x width)"
    )
    scale = parser.add_mutually_exclusive_group()
    scale.add_argument(
        "--scale",
        choices=_SCALES,
        help="values it was trained on: 0 to 1, -1 to 1, 0 to 255, those of PyTorch's ImageNet models, or those of "
        "Caffe's, and of ResNet and VGG in Keras: 0 to 255 less ImageNet's mean, blue first",
    )
    scale.add_argument("--mean", type=_numbers, metavar="N[,N,N]", help="value = (pixel - mean) / std; needs --std")
    parser.add_argument("--std", type=_numbers, metavar="N[,N,N]", help="see --mean; of red, green and blue")
    parser.add_argument(
        "--colours", choices=_COLOURS, help="order in which it takes them: bgr if it was trained with OpenCV or Caffe"
    )
    parser.add_argument(
        "--crop",
        type=_share,
        metavar="SHARE",
        help="of the picture that the centre crop keeps: above 0, at most 1; 1 if not given",
    )
    parser.add_argument("--resample", choices=_FILTERS, help="how pictures are resized; bilinear if not given")
    parser.add_argument(
        "--try",
        dest="photos",
        type=Path,
        action="append",
        default=[],
        metavar="PHOTO",
        help="also show what the model says of this picture, with each usual scaling if the file does not tell which",
    )
    parser.add_argument("--trust", action="store_true", help=options.TRUST)
    parser.add_argument(
        "-v", "--verbose", action="store_true", help="show what TensorFlow and LiteRT write while they read the model"
    )
    parser.add_argument("--link", action="store_true", help=argparse.SUPPRESS)


def run(args: argparse.Namespace) -> int:
    """Runs the command.

    Raises:
        ClassifierError: as `import_model` does.
    """
    if not progress.watched():
        return _in_child(args)
    from classifier.cli.quiet import without_libraries
    from classifier.importing.core import import_model

    def say(word: str, sentence: str) -> None:
        print(f"{word:10}{sentence}", flush=True)

    told = _told(args)
    with without_libraries(verbose=args.verbose):
        import_model(Path(args.source), Path(args.target), told, say)
    return 0


def _in_child(args: argparse.Namespace) -> int:
    """The same in a child process, since a model file can crash or hang the library that loads it."""
    from classifier.machine.import_process import run_import

    def write(stream: TextIO | None, line: str) -> None:
        if stream:
            stream.write(line)
            stream.flush()

    with interrupted_by_signals():
        return run_import(
            args.argv,
            args.source,
            Path(args.target),
            out=lambda line: write(sys.stdout, line),
            err=lambda line: write(sys.stderr, line),
        )


def _told(args: argparse.Namespace) -> Options:
    """The options of the import, from the command line and CLASSIFIER_TRUST.

    Raises:
        ParameterError: two options do not go together.
    """
    from classifier.importing.options import SCALES, Options, Scaling
    from classifier.importing.values.colours import red_first
    from classifier.settings import read_settings

    trust = read_settings(trust=args.trust or None).trust
    if (args.mean is None) != (args.std is None):
        raise ParameterError("--mean and --std belong together: value = (pixel - mean) / std. Give both, or --scale.")
    scaling = None
    if args.scale:
        scaling = SCALES[args.scale]
    elif args.mean is not None:
        if len(args.mean) != len(args.std) or any(one <= 0 for one in args.std):
            raise ParameterError("--mean and --std: expected as many numbers for one as for the other, std above 0.")
        scaling = Scaling(_value(args.mean), _value(args.std))
        if red_first(scaling) is not scaling:
            numbers = ",".join(f"{one:g}" for one in args.mean)
            raise ParameterError(
                f"--mean {numbers}: this is the mean of blue, green and red. Give mean and std of red, green and blue, "
                f"--mean {','.join(f'{one:g}' for one in args.mean[::-1])}, with --colours bgr if the model takes BGR."
            )
    return Options(
        labels=tuple(args.labels),
        name=args.name,
        title=args.title,
        output=args.output,
        size=args.size,
        scaling=scaling,
        colours=args.colours,
        crop=args.crop,
        resample=args.resample,
        trust=trust,
        photos=tuple(args.photos),
        link=args.link,
    )


def _value(numbers: list[float]) -> float | tuple[float, float, float]:
    return numbers[0] if len(numbers) == 1 else (numbers[0], numbers[1], numbers[2])


def _labels(text: str) -> tuple[str, Path]:
    match = re.fullmatch(r"([a-z]{2,3}(?:-[A-Za-z0-9]+)*)=(.+)", text)
    return (match[1], Path(match[2])) if match else ("en", Path(text))


def _size(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"(\d{1,5})(?:x(\d{1,5}))?", text)
    height, width = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
    if not height or not width:
        raise argparse.ArgumentTypeError(f"must be pixels, as 224 or 192x256 (height x width), not {text!r}")
    return height, width


def _numbers(text: str) -> list[float]:
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) not in (1, 3):
        raise argparse.ArgumentTypeError(f"must be one number, or three with commas between, not {text!r}")
    return numbers


def _share(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = 0.0
    if not 0 < share <= 1:
        raise argparse.ArgumentTypeError(f"must be above 0 and at most 1, not {text!r}")
    return share
