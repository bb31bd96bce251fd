"""The command `classifier`: pictures to labels, the server's launcher, how good a model is, and a look at oneself.

Exit status: 0 when all went well; 1 when something asked for failed (a file, a check, the port);
2 when the command could not begin (usage, settings, model); 130 when interrupted; 141 when the
reader of its output left. What needs NumPy, Pillow or pydantic is imported by the command that uses
it: `--help` answers at once, and `doctor` can say which of them is missing.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import logging
import os
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from classifier import __version__
from classifier.backends.names import choices
from classifier.cli import importing
from classifier.errors import ClassifierError, ParameterError

if TYPE_CHECKING:
    from classifier.classifier import Classifier
    from classifier.picture.prepare import Decoder
    from classifier.settings import Settings

_MARKS = {"ok": "32", "warn": "33", "fail": "31;1"}  # ANSI colours


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command.

    Args:
        argv: its arguments; the process's if None.

    Returns:
        The exit status.

    Raises:
        SystemExit: after `--help`, `--version` or wrong usage, as argparse does.
    """
    if sys.stdout is None:  # closed by the caller, who then wants only the status
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115  (it stays for the process's life)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a name or label that the locale cannot write is escaped
            stream.reconfigure(errors="backslashreplace")
    try:
        try:
            args = _arguments(argv)
            status: int = args.command(args)
        finally:
            sys.stdout.flush()
        return status
    except ClassifierError as error:
        _say(error.message)
        return 2
    except ImportError as error:
        _say(f"{error}. Run `classifier doctor` to see what is missing.")
        return 2
    except KeyboardInterrupt:
        _say("interrupted")
        return 130
    except BrokenPipeError:
        _abandon(1, 2)
        return 141
    except OSError as error:
        _say(f"{error.strerror or error}.")
        _abandon(1)
        return 1


def _abandon(*streams: int) -> None:
    """Gives up standard streams: Python flushes them once more at exit, and would complain and change the status."""
    silence = os.open(os.devnull, os.O_WRONLY)
    for number in streams:
        os.dup2(silence, number)


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = _parser()
    args, rest = parser.parse_known_args(argv)
    # `classify a.jpg --top-k 3 b.jpg`: argparse takes files from one place only.
    if rest and (not hasattr(args, "files") or any(len(a) > 1 and a[0] == "-" for a in rest)):
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    if rest:
        args.files += rest
    return args


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="classifier",
        description="Say what is in pictures: here, on a web page and through an API.",
        epilog="Settings are CLASSIFIER_* environment variables; see the README.",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    def add(name: str, run: Callable[[argparse.Namespace], int], about: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=about[0].lower() + about[1:], description=f"{about}.")
        command.set_defaults(command=run)
        return command

    model = "a model package: its name, or the path of its folder or of a model file"

    classify = add("classify", _classify, "Classify pictures")
    classify.add_argument(
        "files",
        nargs="+",
        metavar="FILE",
        help="a picture, a folder of pictures, or - for standard input",
    )
    classify.add_argument("--top-k", type=_positive, metavar="K", help="labels per picture")
    classify.add_argument("--model", help=model)
    classify.add_argument("--lang", help="language of the labels, such as en or zh")
    form = classify.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print one JSON document")
    form.add_argument("--csv", action="store_true", help="print CSV: file,rank,label,index,score")

    data = "a folder with one sub-folder of pictures per class, or a CSV file of path,label"
    names = "one more name for each class, a line each in index order, such as WordNet ids"

    evaluate = add("evaluate", _evaluate, "Measure how good a model is on pictures whose classes are known")
    evaluate.add_argument("model", metavar="MODEL", help=model)
    evaluate.add_argument("folder", metavar="FOLDER", help=data)
    evaluate.add_argument("--json", metavar="FILE", help="write all numbers as JSON; - for standard output")
    evaluate.add_argument("--html", metavar="FILE", help="write a report with plots and pictures, all in one file")
    evaluate.add_argument("--lang", help="language of the labels and of the HTML report, such as en or zh")
    evaluate.add_argument("--labels", metavar="FILE", help=names)

    calibrate = add("calibrate", _calibrate, "Fit the temperature that makes a model's scores honest")
    calibrate.add_argument("model", metavar="MODEL", help=model)
    calibrate.add_argument("folder", metavar="FOLDER", help=data)
    calibrate.add_argument("--write", action="store_true", help="put it into the package's model.toml")
    calibrate.add_argument("--labels", metavar="FILE", help=names)

    serve = add("serve", _serve, "Start the web page and the API")
    serve.add_argument("--host", help="address to listen on; 0.0.0.0 for all")
    serve.add_argument("--port", type=_port, help="port to listen on; 0 for a free one")
    serve.add_argument("--model", help=model)
    serve.add_argument("--backend", choices=choices(), help="what runs the model")
    serve.add_argument("--trust", action="store_true", default=None, help=importing.TRUST)

    importing.add_arguments(add("import", importing.run, "Make a model package of a model file"))

    info = add("info", _info, "Show version, models, backend and limits")
    info.add_argument("--json", action="store_true", help="print JSON")

    doctor = add("doctor", _doctor, "Find what is wrong with this installation, and how to mend it")
    doctor.add_argument("--model", help=model)
    doctor.add_argument("--json", action="store_true", help="print JSON")
    return parser


def _classify(args: argparse.Namespace) -> int:
    from classifier.cli.classify import classify

    return _with_model(classify, args)


def _evaluate(args: argparse.Namespace) -> int:
    from classifier.cli.evaluate import evaluate

    return _with_model(evaluate, args)


def _calibrate(args: argparse.Namespace) -> int:
    from classifier.cli.evaluate import calibrate
    from classifier.package import is_bare, locate
    from classifier.settings import read_settings

    if args.write and is_bare(locate(args.model, read_settings().models)):
        raise ParameterError(
            f"{args.model} has no model.toml to write to. "
            f"Make a package of it first: classifier import {args.model} FOLDER"
        )
    return _with_model(calibrate, args)


def _with_model(run: Callable[[Classifier, argparse.Namespace], int], args: argparse.Namespace) -> int:
    from classifier.picture.sandbox import Workers
    from classifier.settings import read_settings

    settings = read_settings(model=args.model)
    # What goes wrong with a file is said once, in its line.
    logging.getLogger("classifier").addHandler(logging.NullHandler())
    with contextlib.closing(Workers(settings.limits)) as decoder:
        decoder.start()  # beside the model's loading
        return run(_load(settings, decoder), args)


def _serve(args: argparse.Namespace) -> int:
    from classifier.cli import serve
    from classifier.package import is_bare, locate
    from classifier.package.opened import opened_package
    from classifier.settings import read_settings

    port = serve.platform_port(os.environ) if args.port is None else args.port
    settings = read_settings(host=args.host, port=port, model=args.model, backend=args.backend, trust=args.trust)
    # A wrong model is said here, where somebody reads it, not by a server that never becomes ready.
    bare = is_bare(locate(settings.model, settings.models))
    if not bare:
        opened_package(settings)
    before = dict(os.environ)
    for option, name in ((args.host, "ADDRESS"), (args.port, "PORT")):
        if option is not None:
            before.pop(f"STREAMLIT_SERVER_{name}", None)
    env = serve.environment(settings, before)
    problem = serve.port_problem(env["STREAMLIT_SERVER_ADDRESS"], env["STREAMLIT_SERVER_PORT"])
    if problem:
        _say(problem)
        return 1
    if bare:
        env["CLASSIFIER_MODEL"] = str(opened_package(settings).folder)
    serve.launch(env)


def _info(args: argparse.Namespace) -> int:
    from classifier.cli.info import gather, lines
    from classifier.cli.quiet import without_notice
    from classifier.cli.report import to_json
    from classifier.settings import read_settings

    settings = read_settings()
    with without_notice():
        found = gather(settings)
    print(to_json(found, indent=2) if args.json else "\n".join(lines(found)))
    return int("error" in found)


def _doctor(args: argparse.Namespace) -> int:
    import json
    from dataclasses import asdict

    from classifier.cli.doctor import examine

    coloured = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    checks = []
    for check in examine(args.model):
        checks.append(check)
        if not args.json:
            mark = f"\033[{_MARKS[check.status]}m{check.status:4}\033[0m" if coloured else f"{check.status:4}"
            print(f"{mark}  {check.name}: {check.detail}")
            if check.remedy:
                print(f"      -> {check.remedy}")
            sys.stdout.flush()
    failed = any(check.status == "fail" for check in checks)
    if args.json:
        print(json.dumps({"ok": not failed, "checks": [asdict(check) for check in checks]}, indent=2))
    return int(failed)


def _load(settings: Settings, decoder: Decoder) -> Classifier:
    from classifier.backends.loading import choose
    from classifier.classifier import Classifier
    from classifier.cli.quiet import without_notice
    from classifier.package.opened import opened_package

    package = opened_package(settings)
    backend = choose(package).name if settings.backend == "auto" else settings.backend
    # Not around TensorFlow: what it says last when it aborts the process would be lost.
    with without_notice() if backend == "litert" else contextlib.nullcontext():
        return Classifier(package, settings, decoder=decoder)


def _positive(text: str) -> int:
    value = int(text) if text.isdecimal() else 0
    if value < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number from 1, not {text!r}")
    return value


def _port(text: str) -> int:
    value = int(text) if text.isdecimal() else -1
    if not 0 <= value <= 65535:
        raise argparse.ArgumentTypeError(f"must be a number from 0 to 65535, not {text!r}")
    return value


def _say(message: str) -> None:
    """`report.say`, without what that module needs."""
    if sys.stderr:
        print(f"classifier: {message}", file=sys.stderr, flush=True)
