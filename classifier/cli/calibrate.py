"""`classifier calibrate`: the temperature that fits a model's scores to pictures whose classes are known, and sets."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from classifier.cli import options
from classifier.errors import InputError, ParameterError
from classifier.machine import files

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from classifier.classifier import Classifier
    from classifier.evaluation.calibration import Calibration
    from classifier.evaluation.conformal import Sets
    from classifier.package import ModelPackage
    from classifier.result import Scores

NAME = "calibrate"
ABOUT = "Fit the temperature that makes a model's scores honest, or what is unknown to it"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command's arguments."""
    options.add_model_and_dataset(parser)
    unknown = (
        "fit, in place of the temperature, by which pictures of none of the model's classes are known: unknown.npz"
    )
    sets = "fit, too, sets of classes that hold the right one in this share of pictures, such as 0.9"
    either = parser.add_mutually_exclusive_group()
    either.add_argument("--unknown", action="store_true", help=unknown)
    either.add_argument("--coverage", type=options.coverage, metavar="SHARE", help=sets)
    parser.add_argument("--write", action="store_true", help="put what was fitted into the package")
    options.add_class_names(parser)


def run(args: argparse.Namespace) -> int:
    """Fits a temperature, and sets if asked to; prints what they are, and writes them into the package if asked to.

    Returns:
        The exit status: 1 when a picture could not be classified, or what was fitted is not worth writing.

    Raises:
        InputError: the dataset holds nothing to fit to, or a class that is not the model's.
        PackageError: the temperature cannot be put into the package.
        ParameterError: the temperature is to be written, but the model is not a package.
        OSError: the package cannot be written.
    """
    from classifier.cli.loading import loaded_model
    from classifier.package import is_bare, locate
    from classifier.settings import read_settings

    if args.write and is_bare(locate(args.model, read_settings().models)):
        raise ParameterError(
            f"{args.model} has no model.toml to write to. "
            f"Make a package of it first: classifier import {args.model} FOLDER"
        )
    view = read_settings().view
    if view != "crop":
        seen = "whole" if view == "whole" else "centre crop"
        print(f"CLASSIFIER_VIEW={view}: fitted to the {seen} of each picture.")
    # Each of two views has scores and features of its own, to which one temperature and one measure are fitted.
    with loaded_model(args.model, "crop" if view == "both" else view) as classifier:
        if args.unknown:
            from classifier.cli import fit_unknown

            return fit_unknown.run(classifier, args)
        return _calibrate(classifier, args)


def _calibrate(classifier: Classifier, args: argparse.Namespace) -> int:
    import numpy as np

    from classifier.cli import measuring, summary
    from classifier.evaluation import calibration, conformal
    from classifier.package.temperature import check_writable

    package = classifier.package
    if args.write:
        with files.refusing(ParameterError, package.folder, writing=True):  # now, and not after all the work
            check_writable(package.folder)
    dataset = measuring.dataset(package, args.folder, args.labels, skip_unknown=args.skip_unknown)
    kept, failures = measuring.collect(classifier, dataset, _keep)
    if not kept:
        raise InputError(f"{dataset.name}: none of its pictures could be classified.")
    kept, doubts = measuring.once(kept)
    hashes, truths, scores, promised = zip(*kept, strict=True)
    logs, labels, eligible = np.stack(scores), np.array(truths), np.array(promised)
    found = calibration.calibrate(logs, labels, package.manifest.output.temperature)
    said, sets = summary.calibration(found, package, dataset.name), None
    if args.coverage:
        sets = conformal.fit(logs, labels, eligible, args.coverage, found.after.temperature)
        said += ["", *summary.sets(sets)]
    print("\n".join([*said, *doubts]))
    if args.write and (found.problem or (sets and sets.problem)):
        print(f"Nothing was written: {_manifest(package)} keeps the temperature {found.before.temperature:g}.")
        return 1
    if args.write:
        _write(classifier, dataset.name, found, sets, hashes, promised)
        print(f"Written to {_manifest(package)}. A server that runs takes it when it starts again.")
    else:
        print(f"Nothing was written; --write puts it into {_manifest(package)}.")
    return int(bool(failures))


def _keep(file: str, accepted: tuple[int, ...], scores: Scores) -> tuple[str, int, NDArray[np.float32], bool]:
    from classifier.evaluation.fingerprints import fingerprint
    from classifier.evaluation.measure import likeliest

    return fingerprint(file), likeliest(accepted, scores), scores.log_scores, scores.promised


def _write(
    classifier: Classifier,
    dataset: str,
    found: Calibration,
    sets: Sets | None,
    hashes: Sequence[str],
    promised: Sequence[bool],
) -> None:
    import datetime

    from classifier.evaluation.fingerprints import lines, sample
    from classifier.formatting import printable
    from classifier.package.manifest import CalibratedOn
    from classifier.package.temperature import set_temperature

    package, today, name = classifier.package, datetime.datetime.now(datetime.UTC).date(), printable(dataset)
    record = CalibratedOn(dataset=name, date=today, pictures=found.pictures, hashes=lines(sample(hashes)))
    comment = f"logits are divided by it; fitted on {found.pictures} pictures of {name}, {today}"
    conformal = None
    if sets:
        own = lines(sample(one for one, kept in zip(hashes, promised, strict=True) if kept))
        on = record.model_copy(update={"pictures": sets.pictures, "hashes": own})
        conformal = sets.table(on, classifier.settings.view, package.manifest)
    set_temperature(package.folder, found.after.temperature, comment, record, conformal)


def _manifest(package: ModelPackage) -> Path:
    """The path of the package's `model.toml`, relative to the working folder if it is in or below that."""
    from classifier.package import MANIFEST

    file, here = (package.folder / MANIFEST).absolute(), Path.cwd()
    return file.relative_to(here) if file.is_relative_to(here) else file
