"""Results as people and programs want them: bars on a terminal, plain text, CSV or JSON.

Each result is written, and flushed, as it comes.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from types import TracebackType
from typing import Protocol

from rich.cells import cell_len
from rich.console import Console
from rich.padding import Padding
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from classifier.cli.messages import line, say
from classifier.formatting import csv_line, flag, odds, percent, printable
from classifier.result import Classification, Doubt, PredictionSet

_DOUBTS: Mapping[Doubt, str] = {
    "unstructured": "not sure: what the model sees of it is blank or noise",
    "unknown": "not sure: it looks like none of the things that the model knows",
    "unsure": "not sure",
}
"""Why an answer is not sure."""


_NAMED = 10
"""The most classes of a set that are named in text."""


class Report(Protocol):
    """Takes results and failures in order; not every format has a place for failures."""

    def result(self, name: str, result: Classification) -> None:
        """Writes one result."""

    def failure(self, name: str, code: str, detail: str) -> None:
        """Writes one failure."""

    def end(self) -> None:
        """Writes what comes after the last one."""


class TextReport:
    """Plain text, the same whatever the terminal: a line with the file, then one per label."""

    def result(self, name: str, result: Classification) -> None:
        """Writes one result."""
        width = max(cell_len(item.label) for item in result.predictions)
        _write(printable(name) + (f" ({_DOUBTS[result.doubt]})" if result.doubt else "") + "\n")
        for item in result.predictions:
            # Width in cells of the terminal, not in characters: a Chinese character takes two cells.
            gap = " " * (width - cell_len(item.label))
            _write(f"  {item.label}{gap}  {percent(item.score):>6}\n")
        if result.set:
            _write(f"  {_in_words(result.set)}\n")
        sys.stdout.flush()

    def failure(self, name: str, code: str, detail: str) -> None:
        """Writes nothing: the failure is told on standard error."""

    def end(self) -> None:
        """Writes nothing."""


class BarReport(TextReport):
    """The same with bars and colours, as far as the terminal and NO_COLOR allow."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def result(self, name: str, result: Classification) -> None:
        """Writes one result."""
        head = Text(printable(name), "bold")
        if result.doubt:
            head.append(f" ({_DOUBTS[result.doubt]})", "not bold yellow")
        table = Table.grid(padding=(0, 2, 0, 0))
        table.add_column(min_width=20, no_wrap=True, overflow="ellipsis")
        table.add_column(width=24)
        table.add_column(justify="right", no_wrap=True)
        for rank, item in enumerate(result.predictions):
            label = Text(item.label, "bold" if rank == 0 and result.sure else "")
            bar = ProgressBar(1, item.score, 24, complete_style="cyan", finished_style="cyan")
            table.add_row(label, bar, percent(item.score))
        self._console.print(head, soft_wrap=True)
        self._console.print(Padding(table, (0, 0, 0, 2), expand=False))
        if result.set:
            self._console.print(Padding(Text(_in_words(result.set)), (0, 0, 0, 2)))


class CsvReport:
    """CSV with a header: one row per label, and one per failure, with its code and its sentence."""

    def __init__(self) -> None:
        self._row("file", "rank", "label", "index", "score", "sure", "error", "reason", "in_set", "set_size")

    def result(self, name: str, result: Classification) -> None:
        """Writes one result."""
        inside = {item.index for item in result.set.predictions} if result.set else None
        for rank, item in enumerate(result.predictions, 1):
            about = (flag(item.index in inside), len(inside)) if inside else ("", "")
            self._row(name, rank, item.label, item.index, item.score, flag(result.sure), "", "", *about)
        sys.stdout.flush()

    def failure(self, name: str, code: str, detail: str) -> None:
        """Writes one failure."""
        self._row(name, "", "", "", "", "", code, detail, "", "")
        sys.stdout.flush()

    def end(self) -> None:
        """Writes nothing."""

    def _row(self, *values: object) -> None:
        _write(f"{csv_line(values)}\n")


class JsonReport:
    """One JSON document, a line per file: `{"model": …, "results": [{"file": …, …}]}`."""

    def __init__(self, model: str) -> None:
        _write(f'{{"model": {json.dumps(model)}, "results": [')
        self._separator = "\n"

    def result(self, name: str, result: Classification) -> None:
        """Writes one result."""
        self._item({"file": name, **result.to_dict()})

    def failure(self, name: str, code: str, detail: str) -> None:
        """Writes one failure."""
        self._item({"file": name, "error": {"code": code, "detail": detail}})

    def end(self) -> None:
        """Closes the document."""
        _write("\n]}\n")
        sys.stdout.flush()

    def _item(self, values: dict[str, object]) -> None:
        _write(self._separator + to_json(values))
        sys.stdout.flush()
        self._separator = ",\n"


class Screen:
    """Messages, and below them a progress bar if there is a terminal."""

    def __init__(self, total: int, console: Console | None) -> None:
        """Args: total: files to come; console: the terminal, or None for no bar."""
        self._console = console
        self._progress = Progress(
            TextColumn("Classifying"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=console or Console(quiet=True),
            transient=True,
            disable=console is None,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._task = self._progress.add_task("", total=total)

    def __enter__(self) -> Screen:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._progress.stop()

    def advance(self) -> None:
        """One file is done."""
        self._progress.advance(self._task)

    def say(self, message: str) -> None:
        """Writes a message to standard error, above the bar."""
        if self._console and sys.stderr and sys.stderr.isatty():
            self._console.print(Text(line(message)), soft_wrap=True)  # a Text, so that brackets are not read as markup
        else:
            say(message)


def _in_words(found: PredictionSet) -> str:
    """A set and what it promises, on one line: `one of these, right 9 times in 10: cat, dog`."""
    labels = [item.label for item in found.predictions]
    named, more = ", ".join(labels[:_NAMED]), len(labels) - _NAMED
    subject = "this one" if len(labels) == 1 else "one of these"
    times, of = odds(found.coverage)
    return f"{subject}, right {times} times in {of}: {named}" + (f" and {more} more" if more > 0 else "")


def _write(text: str) -> None:
    sys.stdout.write(text)


def to_json(values: object, indent: int | None = None) -> str:
    """JSON; characters beyond ASCII are escaped unless standard output is UTF-8."""
    utf8 = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    return json.dumps(values, ensure_ascii=not utf8, indent=indent)
