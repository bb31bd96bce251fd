"""`classifier import` in a confined child process: what it says comes as it goes, and a crash is one sentence."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from classifier.errors import ModelFileError
from classifier.formatting import printable
from classifier.machine import child

REFUSAL = "classifier: "
"""How the sentence begins with which a command ends."""


def unfinished(target: Path) -> Path:
    """The folder beside a package's own in which an import makes it."""
    return target.with_name(f".{target.name}.importing")


def run_import(
    arguments: Sequence[str],
    source: str,
    target: Path,
    *,
    out: child.Write,
    err: child.Write,
    variables: Mapping[str, str] | None = None,
) -> int:
    """Runs the command with these arguments; its exit status.

    Args:
        arguments: those of the command line, `import` among them.
        source: the model, for messages.
        target: the package's folder.
        out: called with each line of standard output.
        err: called with each line of standard error.
        variables: environment variables to set.

    Raises:
        ModelFileError: the model crashed, hangs or takes all memory; nothing is left then.
    """
    # What is there already is another import's, which ours will refuse to disturb.
    ours = [folder for folder in (unfinished(target), target) if not os.path.lexists(folder)]
    refusals: list[str] = []  # held back: a damaged model can crash its process after that, too, when it is unloaded

    def sort(line: str) -> None:
        (refusals.append if line.startswith(REFUSAL) else err)(line)

    done = False
    try:
        end = child.run("classifier", arguments, out=out, err=sort, variables=variables)
        done = end.status is not None
    finally:
        if not done:
            for folder in ours:
                shutil.rmtree(folder, ignore_errors=True)
    if end.status is None and not refusals:
        raise ModelFileError(crashed(source, end))
    for line in refusals:
        err(line)
    return 2 if end.status is None else end.status


def crashed(model: str, end: child.End) -> str:
    """The sentence about a model that ended the process in which it was tried."""
    return (
        f"{printable(model)}: this model cannot be used. It was tried in a process of its own, and {end.problem}. "
        "The file is damaged, made to harm, or too much for this machine. Export it again where it was made."
    )
