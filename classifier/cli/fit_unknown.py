"""What `classifier calibrate --unknown` does: fits by which a package knows pictures of none of its classes."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from classifier.classifier import Classifier
from classifier.cli import measuring
from classifier.errors import InputError, PackageError, ParameterError
from classifier.evaluation import familiarity
from classifier.evaluation.familiarity import Familiarity
from classifier.evaluation.fingerprints import fingerprint, sample
from classifier.evaluation.measure import Classes, likeliest
from classifier.formatting import percent, printable
from classifier.machine import atomic, files
from classifier.package import MANIFEST, ModelPackage, unknown
from classifier.result import Scores


def run(classifier: Classifier, args: argparse.Namespace) -> int:
    """Fits the measure to the command's pictures; prints what it does, and writes it if asked to.

    Returns:
        The exit status: 1 when a picture could not be classified, or the measure is not worth writing.

    Raises:
        InputError: the dataset holds nothing to fit to, or a class that is not the model's.
        ParameterError: the model gives no features, or its package cannot be written.
        OSError: the package cannot be written.
    """
    package = classifier.package
    file = package.folder / unknown.FILE
    if package.manifest.output.features is None:
        raise ParameterError(
            f"{package.name} gives no features, by which alone pictures of other things are known: "
            f"output.features in {MANIFEST} names no output for them. docs/unknown.md says how a model gets one."
        )
    if args.write:
        with files.refusing(ParameterError, package.folder, writing=True):  # now, and not after all the work
            files.check_writable(file.resolve(), replace=True)
    dataset = measuring.dataset(package, args.folder, args.labels, skip_unknown=args.skip_unknown)
    kept, failures = measuring.collect(classifier, dataset, _keep, features=True)
    if not kept:
        raise InputError(f"{dataset.name}: none of its pictures could be classified.")
    kept, doubts = measuring.once(kept)
    hashes, truths, rights, features = zip(*kept, strict=True)
    if any(one is None for one in features):
        raise ParameterError(f"{package.name} gives no features where it runs, {classifier.device}.")
    classes = package.manifest.output.classes
    found = familiarity.fit(
        np.stack(features), np.array(truths), np.array(rights), classes, unknown.hashes(package.manifest)
    )
    print("\n".join([*lines(found, package, dataset.name), *doubts]))
    if not args.write:
        print(f"Nothing was written; --write puts it into {printable(str(file))}.")
    elif not found.usable:
        print("Nothing was written.")
        return 1
    else:
        atomic.write(file, replace(found.unknown, pictures=found.pictures, sample=sample(hashes)).content())
        try:
            ModelPackage.load(package.folder, weights=False)
        except PackageError:
            file.unlink()
            raise
        print(f"Written to {printable(str(file))}. A server that runs takes it when it starts again.")
        if conformal := package.manifest.conformal:
            print(
                "The sets were fitted to pictures that were known before. Fit them again, to those that are now: "
                f"classifier calibrate --coverage {conformal.coverage:g}"
            )
    return int(bool(failures))


def lines(found: Familiarity, package: ModelPackage, dataset: str) -> list[str]:
    """What was fitted, and how far it can be trusted."""
    said = [
        f"{package.name} on {printable(dataset)}: {found.pictures} pictures, {found.right} right",
        f"  {percent(found.kept)} of the right answers stay familiar, each measured by pictures of the other folds.",
        f"  {len(found.unknown.components)} directions of {found.unknown.channels}, "
        f"{len(found.unknown.content()) / 1e6:.2f} MB. What it does to other things, tell by: "
        "classifier evaluate --others",
    ]
    if found.lacking:
        said.append(
            f"Do not use it: {len(found.lacking)} of the model's {package.manifest.output.classes} classes have fewer "
            f"than {familiarity.EACH} pictures here ({_some(found.lacking, package)}), and would be called unknown. "
            "Add pictures of them."
        )
    elif found.pictures < familiarity.FEWEST:
        said.append(f"Do not use it: {found.pictures} pictures are too few. Use {familiarity.FEWEST} or more.")
    return said


def _keep(file: str, accepted: Classes, scores: Scores) -> tuple[str, int, bool, object]:
    return fingerprint(file), likeliest(accepted, scores), int(scores.scores.argmax()) in accepted, scores.features


def _some(indices: Sequence[int], package: ModelPackage, most: int = 5) -> str:
    labels = package.labels_for(package.language)
    return ", ".join(labels[index] for index in indices[:most]) + (" ..." if len(indices) > most else "")
