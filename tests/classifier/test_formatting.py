"""Numbers and names for people."""

from __future__ import annotations

import csv
import io

import pytest

from classifier.formatting import (
    csv_line,
    csv_text,
    filled,
    in_chinese,
    millions,
    percent,
    printable,
    whole_number,
)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0.0%"), (0.0001, "<0.1%"), (0.00099, "<0.1%"), (0.001, "0.1%"), (0.0123, "1.2%"), (1.0, "100.0%")],
)
def test_percentages_read_well(value: float, text: str) -> None:
    assert percent(value) == text


@pytest.mark.parametrize(("value", "text"), [(0.0, "0%"), (0.0099, "<1%"), (0.01, "1%"), (0.95, "95%")])
def test_percentages_without_digits_read_well(value: float, text: str) -> None:
    assert percent(value, 0) == text


@pytest.mark.parametrize(
    ("amount", "english", "chinese"),
    [
        (50_000_000, "50", "5000 万"),
        (64_000_000, "64", "6400 万"),
        (17_895_697, "17.8", "1780 万"),
        (1_000_000, "1", "100 万"),
        (65_535, "0.0655", "6.55 万"),
        (10_000, "0.01", "1 万"),
        (960, "0.00096", "960 "),
        (0, "0", "0 "),
        (99_999_999, "99.9", "9990 万"),
        (100_000_000, "100", "1 亿"),
        (123_456_789, "123", "1.23 亿"),
    ],
)
def test_a_limit_is_rounded_down_and_counted_as_each_language_does(amount: int, english: str, chinese: str) -> None:
    assert (millions(amount), in_chinese(amount)) == (english, chinese)


def test_a_text_says_how_its_values_are_written() -> None:
    values = {"pixels": 50_000_000, "names": ["cat", "dog"], "side": 65_535, "text": "a{b}"}
    english = "{pixels:millions} million, {side:,}: {names:, }; {text!r}"
    assert filled(english, **values) == "50 million, 65,535: cat, dog; 'a{b}'"
    assert filled("{pixels:万}像素，{side}：{names:、}；{text}", **values) == "5000 万像素，65535：cat、dog；a{b}"


def test_no_share_is_a_dash() -> None:
    assert percent(None) == "–"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("大熊猫 1.jpg", "大熊猫 1.jpg"),
        ("two\nlines.jpg", "two\\nlines.jpg"),
        ("\x1b[31mred.jpg", "\\x1b[31mred.jpg"),
        ("\udce9.jpg", "\\udce9.jpg"),
    ],
)
def test_a_name_stays_on_its_line(name: str, text: str) -> None:
    assert printable(name) == text


@pytest.mark.parametrize(
    ("text", "number"),
    [("0", 0), ("10", 10), ("007", 7), ("11", None), ("", None), ("-1", None), ("1.5", None), ("x", None)],
)
def test_a_whole_number_is_read_up_to_the_most_that_is_allowed(text: str, number: int | None) -> None:
    assert whole_number(text, 10) == number


def test_thousands_of_digits_are_no_number() -> None:
    assert whole_number("9" * 5000, 10**6000) is None


@pytest.mark.parametrize("begin", ["=", "+", "-", "@", "\t", "\r", "\n", "＝"])
def test_no_cell_begins_like_a_formula_and_its_text_can_be_had_back(begin: str) -> None:
    text = f"{begin}1+1"
    assert csv_line([text]).lstrip('"').startswith("'")
    assert csv_text(f"'{text}") == text
    assert csv_text(text) == text


@pytest.mark.parametrize("cell", ["", "a=1", "'quoted'", "'", -1, -0.5, 1e-9, "a\r=1+1", "a\n=1+1", 'a",=1+1', "a,b"])
def test_other_cells_stay_as_they_are_and_are_one_cell(cell: object) -> None:
    assert list(csv.reader(io.StringIO(f"{csv_line([cell, 'next'])}\n", newline=""))) == [[str(cell), "next"]]
