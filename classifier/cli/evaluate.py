"""`classifier evaluate`: how good a model is, as a summary and, where asked for, as JSON and HTML."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from classifier.cli import options
from classifier.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

    from classifier.classifier import Classifier
    from classifier.evaluation.comparison import Comparison
    from classifier.evaluation.dataset import Dataset
    from classifier.evaluation.measure import Answer
    from classifier.evaluation.predictions import Earlier
    from classifier.evaluation.result import Run
    from classifier.package import ModelPackage
    from classifier.result import Scores
    from classifier.settings import Settings

NAME = "evaluate"
_OUTPUTS = ("--predictions", "--json", "--html")

ABOUT = "Measure how good a model is on pictures whose classes are known"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command's arguments."""
    options.add_model_and_dataset(parser)
    parser.add_argument("--json", metavar="FILE", help="write all numbers as JSON; - for standard output")
    parser.add_argument("--html", metavar="FILE", help="write a report with plots and pictures, all in one file")
    parser.add_argument("--predictions", metavar="FILE", help="write a CSV file with a row for each picture")
    compare = "another model, or the predictions of an earlier run (.csv): which is right more often, by McNemar's test"
    parser.add_argument("--compare", metavar="MODEL", help=compare)
    others = "a folder of pictures that show none of the model's classes: how many of them is it sure of?"
    parser.add_argument("--others", metavar="FOLDER", help=others)
    parser.add_argument("--lang", help="language of the labels and of the HTML report, such as en, es or zh")
    options.add_view(parser)
    options.add_class_names(parser)


def run(args: argparse.Namespace) -> int:
    """Measures a model; prints a summary, and writes what was asked for.

    Returns:
        The exit status: 1 when a picture could not be classified, or a file could not be written.

    Raises:
        InputError: the dataset holds nothing to measure, or a class that is not the model's.
        ParameterError: neither labels nor reports are in that language, a file cannot be written there, or would be
            written over another one or over what is read.
    """
    from classifier.cli.loading import loaded_model

    with loaded_model(args.model, args.view) as classifier:
        return _evaluate(classifier, args)


def _evaluate(classifier: Classifier, args: argparse.Namespace) -> int:
    import json

    from classifier.cli import measuring, other_pictures, outputs, report, summary
    from classifier.evaluation import html, predictions
    from classifier.evaluation.document import document
    from classifier.evaluation.result import Evaluation
    from classifier.languages import languages

    package = classifier.package
    if args.lang not in languages():  # the report has words in these, whatever the labels are in
        package.check_language(args.lang)
    wanted = outputs.named({option: getattr(args, option[2:]) for option in _OUTPUTS})
    outputs.check(wanted)
    dataset = measuring.dataset(package, args.folder, args.labels, skip_unknown=args.skip_unknown)
    strange = other_pictures.entries(args.others) if args.others else []
    outputs.spare(wanted, [*_inputs(args, package, dataset, classifier.settings), *(entry.name for entry in strange)])
    earlier = _other_run(args)  # first, since the name of a model or a file may be wrong
    answers, failures = measuring.collect(classifier, dataset, _answer)
    about = (dataset.name, dataset.skipped, package, classifier.backend, classifier.device)
    others, compared, late = None, None, None
    try:
        if strange and answers:
            others = other_pictures.measure(classifier, args.others, strange, answers)
        if earlier is not None:
            compared = _comparison(args.compare, answers, earlier)
    except InputError as error:  # what was measured is told all the same
        late = error
    found = Evaluation(*about, answers, failures, dataset.unknown, _run(classifier, args), compared, others)
    labels = package.labels_for(args.lang or package.language)

    def web_page() -> str:
        reader = classifier.decoder, classifier.settings.max_bytes
        return html.render(found, html.thumbnails(found, *reader), args.lang, html.small_thumbnails(found, *reader))

    def numbers() -> str:
        values = document(found, args.lang)
        if wanted["--json"] == outputs.STDOUT:
            return report.to_json(values, indent=1) + "\n"
        return json.dumps(values, ensure_ascii=False, indent=1) + "\n"

    contents = {"--predictions": lambda: predictions.render(found, labels), "--json": numbers, "--html": web_page}
    try:
        if outputs.STDOUT not in wanted.values():
            print("\n".join(summary.evaluation(found, args.lang)), flush=True)
    finally:  # whatever becomes of one of them, the others are written
        written = outputs.write(wanted, contents)
    if late:
        raise late
    return int(not written or bool(failures) or bool(others and others.failures))


def _answer(file: str, accepted: tuple[int, ...], scores: Scores) -> Answer:
    from dataclasses import replace

    from classifier.evaluation.fingerprints import fingerprint
    from classifier.evaluation.measure import answer

    return replace(answer(file, accepted, scores), fingerprint=fingerprint(file))


def _inputs(
    args: argparse.Namespace, package: ModelPackage, dataset: Dataset, settings: Settings
) -> Iterator[str | Path]:
    """All files that the command reads."""
    from pathlib import Path

    from classifier.package.locate import locate

    yield from (args.folder, *filter(None, (args.labels, args.compare)))
    yield from (entry.name for entry in dataset.entries)
    models = [Path(args.model), package.folder]  # a bare model file becomes a package elsewhere
    if args.compare and not _is_run(args.compare):
        models.append(locate(args.compare, settings.models))
    for model in models:
        yield model
        yield from model.rglob("*")


def _run(classifier: Classifier, args: argparse.Namespace) -> Run:
    import datetime
    import shlex

    from classifier.backends.names import info
    from classifier.evaluation.result import Run

    form = info(classifier.backend).form
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    weights = classifier.package.weights_hash(form) if form else None
    return Run(now, shlex.join(["classifier", *args.argv]), weights, classifier.settings.view)


def _other_run(args: argparse.Namespace) -> list[Earlier] | None:
    """The answers of the model, or of the earlier run, that `--compare` names."""
    from classifier.cli import measuring
    from classifier.cli.loading import loaded_model
    from classifier.evaluation import predictions

    if not args.compare:
        return None
    if _is_run(args.compare):
        return predictions.read(args.compare)
    with loaded_model(args.compare, args.view) as classifier:
        dataset = measuring.dataset(classifier.package, args.folder, args.labels, skip_unknown=args.skip_unknown)
        answers, _ = measuring.collect(classifier, dataset, _answer)
    return [predictions.Earlier(answer.file, answer.right, answer.fingerprint) for answer in answers]


def _is_run(compared: str) -> bool:
    """Whether `--compare` names the predictions of an earlier run, and not a model."""
    return compared.lower().endswith(".csv")


def _comparison(name: str, answers: Sequence[Answer], earlier: Sequence[Earlier]) -> Comparison:
    """The comparison with another run.

    Raises:
        InputError: they have no picture in common.
    """
    from classifier.evaluation import comparison

    this = {answer.file: answer.right for answer in answers}
    other = {answer.file: answer.right for answer in earlier}
    if not this.keys() & other.keys():  # the run was started in another folder, or the pictures were moved
        this = {answer.fingerprint: answer.right for answer in answers if answer.fingerprint}
        other = {answer.fingerprint: answer.right for answer in earlier if answer.fingerprint}
    return comparison.compare(name, this, other)
