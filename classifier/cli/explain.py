"""`classifier explain`: which parts of a picture speak for a class, as text, as a picture or as JSON."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from classifier.cli import options

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from classifier.classifier import Classifier
    from classifier.errors import ClassifierError
    from classifier.result import Classification, ClassMap

NAME = "explain"
ABOUT = "Show which parts of a picture speak for a class"

_SHADES = " .:-=+*#%@"  # of nothing to most
_SIDE = 2048  # pixels along a side of a picture that is written
_OUTPUT = "--output"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command's arguments."""
    parser.add_argument("file", metavar="FILE", help="a picture, or - for standard input")
    label = "a class, by its label or index; may be given several times. The best one if none is given"
    parser.add_argument("--label", action="append", metavar="LABEL", help=label)
    options.add_model(parser)
    options.add_view(parser)
    parser.add_argument("--lang", help="language of the labels, such as en or zh")
    parser.add_argument(_OUTPUT, metavar="FILE.png", help="write the picture with the heat map over it")
    parser.add_argument("--opacity", type=options.share, help="of the heat map, 0 to 1")
    parser.add_argument("--json", action="store_true", help="print one JSON document, as of classify")


def run(args: argparse.Namespace) -> int:
    """Explains a picture.

    Returns:
        The exit status: 1 when the picture could not be classified, or the output not be written.

    Raises:
        ClassifierError: the model cannot be loaded, or an argument is wrong.
    """
    from classifier.cli import outputs
    from classifier.cli.loading import loaded_model
    from classifier.errors import ParameterError
    from classifier.inputs import STDIN

    if args.output and len(args.label or ()) > 1:
        raise ParameterError(f"{_OUTPUT} draws one class. Give one --label.")
    named = outputs.named({_OUTPUT: args.output})
    if args.json and outputs.STDOUT in named.values():
        raise ParameterError(f"{_OUTPUT} and --json both lead to standard output. Name a file for one of them.")
    args.output = named.get(_OUTPUT)
    outputs.check(named)
    outputs.spare(named, [] if args.file == STDIN else [args.file])
    with loaded_model(args.model, args.view) as classifier:
        return _explain(classifier, args)


def _explain(classifier: Classifier, args: argparse.Namespace) -> int:
    from classifier.cli.messages import say
    from classifier.cli.outputs import STDOUT
    from classifier.cli.report import JsonReport
    from classifier.formatting import printable
    from classifier.inputs import Entry, code_and_sentence, each

    pictures: list[bytes] = []  # the one that was read, to draw on

    def many(sources: Iterator[Path | bytes]) -> Iterator[Classification | ClassifierError | OSError]:
        ask = _question(classifier, args)
        for source in sources:
            yield _answered(classifier, source, ask, pictures)

    failed = False
    for name, result in each([Entry(args.file)], many, classifier.settings.max_bytes):
        report = JsonReport(classifier.package.name) if args.json else None
        if isinstance(result, Exception):
            code, detail = code_and_sentence(result)
            say(f"{printable(name)}: {detail}")
            failed = True
            if report:
                report.failure(name, code, detail)
        else:
            if report:
                report.result(name, result)
            elif args.output != STDOUT:
                _print(result, name)
            failed = bool(args.output) and not _written(classifier, result, pictures[0], args)
        if report:
            report.end()
    return int(failed)


def _question(classifier: Classifier, args: argparse.Namespace) -> dict[str, object]:
    """What is asked of the model, but for the picture."""
    from classifier.asked import TOP
    from classifier.evaluation.naming import ClassNames

    ask: dict[str, object] = {"lang": args.lang, "explain": TOP, "progress": _progress()}
    if args.label:
        ask["explain"] = list(ClassNames(classifier.package).find(args.label).values())
    if not args.json:  # all, to tell the score of whichever label, or the best one
        ask["top_k"] = classifier.package.manifest.output.classes if args.label else 1
    return ask


def _answered(
    classifier: Classifier, source: Path | bytes, ask: dict[str, object], pictures: list[bytes]
) -> Classification | ClassifierError | OSError:
    from classifier.errors import ClassifierError, ParameterError
    from classifier.sources import content

    try:
        data = content(source, classifier.settings.max_bytes)
        assert isinstance(data, bytes)  # noqa: S101
        pictures.append(data)
        return classifier.classify(data, **ask)  # type: ignore[arg-type]
    except ParameterError:
        raise
    except (ClassifierError, OSError) as error:
        return error


def _progress() -> Callable[[float], None]:
    """Shows the share that is done, where there is a terminal to show it on."""
    terminal = sys.stderr if sys.stderr and sys.stderr.isatty() else None

    def show(done: float) -> None:
        if terminal:
            terminal.write(f"\rCovering parts of the picture: {done:4.0%}" if done < 1 else f"\r{' ' * 40}\r")
            terminal.flush()

    return show


def _print(result: Classification, name: str) -> None:
    from classifier.formatting import percent, printable

    assert result.explanation is not None  # noqa: S101
    scores = {one.index: one.score for one in result.predictions}
    left, top, right, bottom = (round(side) for side in result.explanation.box)
    print(f"{printable(name)}, by {result.explanation.method}, from {left}, {top} to {right}, {bottom}:")
    for one in result.explanation.maps:
        print(f"{percent(scores[one.index])}  {one.label} ({one.index})")
        print("\n".join(_rows(one)))


def _rows(one: ClassMap) -> Sequence[str]:
    """A map as text, in which a cell is about as wide as it is high."""
    last = len(_SHADES) - 1
    return ["  " + "".join(_SHADES[round(value * last)] * 2 for value in row).rstrip() for row in one.grid]


def _written(classifier: Classifier, result: Classification, data: bytes, args: argparse.Namespace) -> bool:
    """Writes the picture with the map over it; says so where that fails."""
    import io
    from pathlib import Path

    from PIL import Image

    from classifier.cli.messages import say
    from classifier.cli.outputs import STDOUT
    from classifier.explanation.drawing import OPACITY, overlaid
    from classifier.machine import atomic, files

    picture = Image.open(io.BytesIO(classifier.decoder.thumbnail(data, _SIDE)))
    file = io.BytesIO()
    opacity = OPACITY if args.opacity is None else args.opacity
    assert result.explanation is not None  # noqa: S101
    drawn = overlaid(picture, result.explanation, opacity=opacity, size=(result.width, result.height))
    drawn.save(file, "PNG")
    if args.output == STDOUT:
        sys.stdout.buffer.write(file.getvalue())
        return True
    try:
        atomic.write(Path(args.output), file.getvalue())
    except OSError as error:
        say(files.sentence(error, args.output, writing=True))
        return False
    return True
