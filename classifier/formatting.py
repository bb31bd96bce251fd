"""Numbers and names as people read and write them: one rule each, for page, report and command line."""

from __future__ import annotations

import csv
import io
import string
from collections.abc import Iterable
from fractions import Fraction
from typing import Any

_DIGITS = 100  # of the longest number that is read, zeros before it included

_SHOWN, _LONGEST = 5, 40  # names in a sentence, and characters of each

_FORMULAS = (
    "=",
    "+",
    "-",
    "@",
    "\t",
    "\r",
    "\n",
    "\uff1d",
    "\uff0b",
    "\uff0d",
    "\uff20",
)  # the last ones are full-width


def percent(value: float | None, digits: int = 1) -> str:
    """A share for people.

    Args:
        value: 0 to 1; None if there is no value.
        digits: digits after the decimal point.

    Returns:
        Text such as `75.4%`; a dash for None; `<0.1%` for a share above zero that the digits cannot show.
    """
    if value is None:
        return "–"
    least = 10.0 ** -(digits + 2)
    return f"<{least:.{digits}%}" if 0 < value < least else f"{value:.{digits}%}"


def odds(share: float) -> tuple[int, int]:
    """A share in the smallest whole numbers: 0.9 is 9 in 10, 0.95 is 19 in 20."""
    return Fraction(repr(share)).as_integer_ratio()


def millions(amount: int) -> str:
    """An amount in millions: three digits, rounded down, so that a limit that is shown is really allowed."""
    return f"{_three_digits(amount) / 1e6:g}"


def in_chinese(amount: int) -> str:
    """An amount as Chinese counts, by 10^4 and 10^8, in three digits, rounded down; a unit can follow at once.

    Returns:
        Text such as `5000 万`, `1.23 亿`, or `960 ` with a space, as stands between digits and a Chinese unit.
    """
    shown = _three_digits(amount)
    for size, name in ((10**8, "亿"), (10**4, "万")):
        if shown >= size:
            return f"{shown / size:g} {name}"
    return f"{shown} "


def _three_digits(amount: int) -> int:
    step = int(10 ** max(0, len(str(amount)) - 3))
    return amount // step * step


def filled(text: str, /, **values: object) -> str:
    """A text with its values filled in, each written as the text asks for.

    Args:
        text: names in braces, as for `str.format`, each with a colon and how its value is written: `{pixels:millions}`
            as by `millions`, `{pixels:万}` as by `in_chinese`; of a list what stands between its items, such as `, `
            in `{names:, }` or ` x ` in `{sides: x }`; else as Python writes it.
        values: by name.
    """
    return _TEXTS.vformat(text, (), values)


class _Texts(string.Formatter):
    def format_field(self, value: Any, format_spec: str) -> str:
        if isinstance(value, list | tuple):
            return format_spec.join(value)
        written = _WRITTEN.get(format_spec)
        return written(value) if written else format(value, format_spec)


_WRITTEN = {"millions": millions, "万": in_chinese}
_TEXTS = _Texts()


def printable(name: str) -> str:
    """A file's name on one line: line breaks, control characters and bytes that are not UTF-8 are escaped."""
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in name)


def cut(name: str) -> str:
    """A name that somebody sent, for a sentence about it: its first 40 characters, on one line."""
    return printable(name if len(name) <= _LONGEST else f"{name[:_LONGEST]}...")


def quoted(names: Iterable[str]) -> str:
    """Names that somebody sent, for a sentence about them: each once, and the first five of them."""
    every = list(dict.fromkeys(names))
    shown = ", ".join(f"`{cut(name)}`" for name in every[:_SHOWN])
    return shown if len(every) <= _SHOWN else f"{shown} and {len(every) - _SHOWN} others"


def one_line(error: BaseException, longest: int | None = 300) -> str:
    """What an error says, on one line, cut to so many characters if not None; its class if it says nothing."""
    return " ".join(str(error).split())[:longest] or type(error).__name__


def described(error: BaseException, longest: int = 300) -> str:
    """The class of an error, and so many characters of what it says if it says something, on one line."""
    name, said = type(error).__name__, one_line(error, longest)
    return name if said == name else f"{name}: {said}"


def shape(sides: Iterable[object]) -> str:
    """The shape of a tensor; None is a dimension of any size: `(any, 224, 224, 3)`."""
    return f"({', '.join('any' if side is None else str(side) for side in sides)})"


def listed(words: Iterable[str]) -> str:
    """Words as people list alternatives: `auto, litert or tensorflow`."""
    *first, last = words
    return f"{', '.join(first)} or {last}" if first else last


def whole_number(text: str, most: int) -> int | None:
    """The number that somebody wrote in digits; None for other text, and for a number over `most`.

    `int` alone raises ValueError for thousands of digits, since reading them takes long.
    """
    if not text.isdecimal() or len(text) > _DIGITS:
        return None
    number = int(text)
    return number if number <= most else None


def csv_line(values: Iterable[object]) -> str:
    """A line of a CSV file, without its end, in which no spreadsheet sees a formula.

    Texts that begin like a formula get an apostrophe before, which is OWASP's rule:
    https://owasp.org/www-community/attacks/CSV_Injection. Numbers stay as they are.
    """
    row = io.StringIO()
    # `csv` quotes the line breaks that are in its line end. So both are, or a name could begin a line of its own.
    writer = csv.writer(row, lineterminator="\r\n")
    writer.writerow(f"'{one}" if isinstance(one, str) and one.startswith(_FORMULAS) else one for one in values)
    return row.getvalue().removesuffix("\r\n")


def csv_text(cell: str) -> str:
    """The text of a cell that `csv_line` wrote."""
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(_FORMULAS) else cell


def flag(value: bool) -> str:
    """A truth value in a CSV file, as in JSON."""
    return str(value).lower()
