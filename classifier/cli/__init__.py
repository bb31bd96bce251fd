"""The command `classifier`: puts its commands together, runs the one that is asked for, and gives its exit status.

Exit status: 0 when all went well; 1 when something that was asked for failed (a file, a check, the port); 2 when the
command could not begin (usage, settings, model); 130 when it was interrupted; 141 when its output was no longer read.

All commands are imported to show their help. So their modules import NumPy, Pillow, pydantic and Rich, and everything
that needs these, inside functions only: `--help` answers at once, and `doctor` can say which of them is missing.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Sequence
from typing import Protocol

from classifier import __version__
from classifier.cli import calibrate, classify, doctor, evaluate, explain, import_, info, serve, train
from classifier.cli.messages import say
from classifier.errors import ClassifierError
from classifier.machine import files


class Command(Protocol):
    """What the module of a command provides."""

    NAME: str
    ABOUT: str
    """What it does, as a sentence without its full stop."""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declares the command's arguments."""

    def run(self, args: argparse.Namespace) -> int:
        """Runs the command and gives the exit status; a `ClassifierError` that it raises is printed by `main`."""


COMMANDS: tuple[Command, ...] = (classify, explain, train, evaluate, calibrate, serve, import_, info, doctor)
"""All commands, in the order in which `--help` lists them."""


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
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115  (it stays open as long as the process)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a name or label that the locale cannot write is escaped
            stream.reconfigure(errors="backslashreplace")
    try:
        try:
            args = _arguments(argv)
            status: int = args.run(args)
        finally:
            sys.stdout.flush()
        return status
    except ClassifierError as error:
        say(error.message)
        return 2
    except ImportError as error:
        say(f"{error}. Run `classifier doctor` to see what is missing.")
        return 2
    except MemoryError:
        say("memory ran out. Raise the limit (`ulimit -v`, or the container's), or end other programs.")
        return 1
    except RuntimeError as error:
        if "start new thread" not in str(error):  # Python has no class of its own for it
            raise
        say("no more threads can be started. Raise the limit: `ulimit -u`, or the container's `--pids-limit`.")
        return 1
    except KeyboardInterrupt:
        say("interrupted")
        return 130
    except BrokenPipeError:
        _discard(1, 2)
        return 141
    except OSError as error:
        say(files.sentence(error))
        _discard(1)
        return 1


def _discard(*streams: int) -> None:
    """Discards what is still in the buffers of standard streams.

    Python flushes them once more when it exits; that would fail, print a message and change the exit status.
    """
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for number in streams:
        os.dup2(nowhere, number)


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = _parser()
    args, rest = parser.parse_known_args(argv)
    # `classify a.jpg --top-k 3 b.jpg`: argparse takes files from one place only, and leaves the others in `rest`.
    if rest and (not hasattr(args, "files") or any(len(a) > 1 and a[0] == "-" for a in rest)):
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    if rest:
        args.files += rest
    args.argv = list(sys.argv[1:] if argv is None else argv)
    return args


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="classifier",
        description="Say what is in pictures: here, on a web page and through an API.",
        epilog="Settings are CLASSIFIER_* environment variables; see docs/settings.md.",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in COMMANDS:
        about = command.ABOUT
        own = commands.add_parser(command.NAME, help=about[0].lower() + about[1:], description=f"{about}.")
        own.set_defaults(run=command.run)
        command.add_arguments(own)
    return parser
