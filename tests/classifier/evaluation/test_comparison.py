"""Comparing two runs: McNemar's test and the interval of the difference against what is published and counted."""

from __future__ import annotations

import math
from itertools import product
from pathlib import Path

import pytest

from classifier.errors import InputError
from classifier.evaluation import predictions
from classifier.evaluation.comparison import Comparison, compare, mcnemar


@pytest.mark.parametrize(("only_this", "only_other"), list(product((0, 1, 3, 9, 20), (0, 2, 9, 31))))
def test_the_p_value_is_that_of_counting_all_splits(only_this: int, only_other: int) -> None:
    total, fewer = only_this + only_other, min(only_this, only_other)
    as_uneven = sum(math.comb(total, k) for k in range(total + 1) if min(k, total - k) <= fewer)
    assert mcnemar(only_this, only_other) == pytest.approx(as_uneven / 2**total, rel=1e-9)


def test_many_pictures_do_not_overflow() -> None:
    assert mcnemar(50_000, 50_100) == pytest.approx(0.754, abs=0.003)  # chi-squared with correction: 0.7543
    assert mcnemar(10_000, 20_000) == 0.0


def test_the_interval_is_the_published_one() -> None:
    """Agresti and Min (2005), section 1: the approval ratings of 1,600 people."""
    found = Comparison("second", 794, 150, 86, 570, 0)
    assert found.difference == pytest.approx(0.04)
    assert found.interval == pytest.approx((0.021, 0.059), abs=0.001)


def test_only_pictures_of_both_are_compared() -> None:
    this = {"a": True, "b": True, "c": False, "d": False, "e": True}
    other = {"a": True, "b": False, "c": True, "d": False, "f": True}
    found = compare("x", this, other)
    assert (found.both, found.only_this, found.only_other, found.neither) == (1, 1, 1, 1)
    assert (found.pictures, found.unpaired, found.p) == (4, 2, 1.0)
    with pytest.raises(InputError, match="x: it has no picture in common"):
        compare("x", this, {"z": True})


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("file,right,sha256\na,true,1\nb,false,2\nc,,\n", "utf-8"),
        ("file,right,sha256\na,True,1\nb,False,2\nc,,\n", "utf-8"),  # pandas
        ("sha256;right;file\r\n1;TRUE;a\r\n2;FALSE;b\r\n;;c\r\n", "utf-8-sig"),  # spreadsheets
        ("file\tright\tsha256\na\tTRUE\t1\nb\tFALSE\t2\nc\t\t\n", "utf-16"),
    ],
)
def test_predictions_can_be_written_anew_by_other_programs(tmp_path: Path, text: str, encoding: str) -> None:
    (tmp_path / "p.csv").write_bytes(text.encode(encoding))
    found = predictions.read(str(tmp_path / "p.csv"))
    assert [(one.file, one.right, one.fingerprint) for one in found] == [("a", True, "1"), ("b", False, "2")]


def test_other_words_than_true_and_false_are_no_wrong_answers(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text("file,right\na,WAHR\n", "utf-8")
    with pytest.raises(InputError, match=r"its column right has 'wahr', but should be true or false\."):
        predictions.read(str(tmp_path / "p.csv"))
