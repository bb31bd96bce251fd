"""`classifier train`: a model package of a folder of photos."""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

from classifier.cli import options
from classifier.errors import ParameterError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from classifier.evaluation.dataset import Named
    from classifier.evaluation.familiarity import Familiarity
    from classifier.evaluation.measure import Failure
    from classifier.evaluation.result import Evaluation
    from classifier.package import ModelPackage
    from classifier.picture.prepare import Decoder
    from classifier.settings import Settings
    from classifier.training.extract import Extractor
    from classifier.training.fitting import Fitted
    from classifier.training.package import Names

NAME = "train"
ABOUT = "Make a model package of photos, a folder for each kind of thing"
BASE = "efficientnet-lite2"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command's arguments."""
    parser.add_argument("photos", metavar="PHOTOS", help=options.DATASET)
    target = "the package's folder, which must not exist yet, unless with --add"
    parser.add_argument("target", metavar="NEW", help=target)
    parser.add_argument("--base", metavar="MODEL", help=f"the model whose features are taken; {BASE} if not given")
    add = "add the photos to the model in NEW, which keeps what it saw of those before"
    parser.add_argument("--add", action="store_true", help=add)
    parser.add_argument("--name", help="name of the package; its folder's if not given")
    parser.add_argument("--title", help="name for people; the package's if not given")


def run(args: argparse.Namespace) -> int:
    """Trains a model; prints how good it is, and writes its package.

    Returns:
        The exit status: 1 when a photo could not be read.

    Raises:
        InputError: there are no photos of two classes.
        ModelFileError: the package cannot be written there.
        ParameterError: the base cannot be trained further, or options do not go together.
        PackageError: nothing can be added to the package.
    """
    from contextlib import closing

    from classifier.cli.signals import interrupted_by_signals
    from classifier.evaluation.dataset import read_named
    from classifier.package.opened import opened_package
    from classifier.picture.sandbox import Workers
    from classifier.settings import read_settings
    from classifier.training.package import check_room

    if args.add and (args.base or args.name or args.title):
        raise ParameterError("--add keeps the base, the name and the title that the model has. Leave them out.")
    target = Path(args.target)
    check_room(target, add=args.add)
    settings = read_settings(model=os.path.join(target, "") if args.add else args.base or BASE)
    base = opened_package(settings)
    names = _names(args, target, base)
    named = read_named(args.photos)
    with interrupted_by_signals(), closing(Workers(settings.limits)) as decoder:
        decoder.start()  # while the model loads
        return _train(args, base, names, named, settings, decoder)


def _train(
    args: argparse.Namespace, base: ModelPackage, names: Names, named: Named, settings: Settings, decoder: Decoder
) -> int:
    from functools import partial

    from classifier.cli import measuring
    from classifier.cli.quiet import without_notice
    from classifier.evaluation.dataset import check_labels
    from classifier.inputs import each
    from classifier.package import ModelPackage
    from classifier.training import examples, fitting, package
    from classifier.training.extract import Extractor, Seen
    from classifier.training.gather import Photo, gather

    before = examples.read(base.folder, package.weights_hash(base)) if args.add else None
    if before:
        check_labels(args.photos, (*before.classes, *named.labels))
    view = before.view if before else "whole" if settings.view == "whole" else "crop"
    with without_notice():
        extractor = Extractor(base, decoder, settings, view)
    begun = time.perf_counter()
    many = partial(extractor.many, known=before.hashes if before else ())
    results = zip(each(named.entries, many, settings.max_bytes), named.labels, strict=True)
    photos, failures = measuring.sorted_out(
        len(named.entries),
        ((file, Photo(file, label, one) if isinstance(one, Seen) else one) for (file, one), label in results),
    )
    gathered = gather(args.photos, photos, view, before)
    fitting_begun = time.perf_counter()
    fitted = fitting.fit(gathered.examples)
    took = fitting_begun - begun, time.perf_counter() - fitting_begun

    def evaluation(made: ModelPackage) -> Evaluation:
        return _evaluation(args, made, fitted, named.skipped, failures, extractor)

    def report(made: ModelPackage) -> str:
        from classifier.evaluation import html

        found, reader = evaluation(made), (decoder, settings.max_bytes)
        return html.render(found, html.thumbnails(found, *reader), None, html.small_thumbnails(found, *reader))

    with package.room(Path(args.target), add=args.add) as folder, without_notice():
        known = package.save(fitted, extractor, names, folder, report)
    found = evaluation(ModelPackage.load(args.target))
    print("\n".join(_lines(args, extractor, found, gathered.said, known, took)))
    return int(bool(failures))


def _names(args: argparse.Namespace, target: Path, base: ModelPackage) -> Names:
    from classifier.package.naming import checked, named
    from classifier.training.package import Names

    dataset = Path(args.photos).absolute().name
    if args.add:
        before = base.manifest.training.dataset if base.manifest.training else dataset
        return Names(base.manifest.name, base.manifest.title, before if before == dataset else f"{before}, {dataset}")
    name = checked(args.name or named(target))
    return Names(name, args.title or name, dataset)


def _evaluation(
    args: argparse.Namespace,
    made: ModelPackage,
    fitted: Fitted,
    skipped: int,
    failures: list[Failure],
    extractor: Extractor,
) -> Evaluation:
    """What cross-validation says of the model, as `classifier evaluate` would say it."""
    import datetime
    import shlex

    from classifier.backends.names import LITERT
    from classifier.evaluation.result import Evaluation, Run

    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    command = shlex.join(["classifier", *args.argv])
    return Evaluation(
        f"{args.photos}, {fitted.validation.folds}-fold cross-validation",
        skipped,
        made,
        LITERT.name,
        extractor.device,
        fitted.answers,
        failures,
        run=Run(now, command, made.weights_hash("litert"), extractor.view),
        validated=True,
    )


def _lines(
    args: argparse.Namespace,
    extractor: Extractor,
    found: Evaluation,
    said: Sequence[str],
    known: Familiarity,
    took: tuple[float, float],
) -> list[str]:
    """What is told at the end."""
    import shlex

    from classifier.cli import summary
    from classifier.formatting import printable

    target = printable(args.target)
    lines = summary.evaluation(found, None)
    seen, fitted = took
    lines += ["", *said]
    if not known.usable:
        lines.append("It cannot tell things that are none of its classes: that takes 10 photos of each, and 50 in all.")
    shown = shlex.quote(target if "/" in target else f"./{target}")
    lines += [
        f"Features of {extractor.name} took {seen:.1f} s, the last layer and its cross-validation {fitted:.1f} s.",
        f"Written to {target}, with a card, README.md, and a report, report.html.",
        f"Try it: classifier serve --model {shown}",
    ]
    return lines
