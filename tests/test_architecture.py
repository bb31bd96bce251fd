"""The table of what we rely on without a promise names files and tests that there are, and misses no place."""

from __future__ import annotations

import re
import tomllib

import pytest

from classifier.checkout import ROOT

# Levels A and AA of https://www.w3.org/TR/WCAG22/, guideline by guideline.
CRITERIA = [
    f"{guideline}.{number}"
    for guideline, numbers in {
        **{"1.1": (1,), "1.2": (1, 2, 3, 4, 5), "1.3": (1, 2, 3, 4, 5), "1.4": (1, 2, 3, 4, 5, 10, 11, 12, 13)},
        **{"2.1": (1, 2, 4), "2.2": (1, 2), "2.3": (1,), "2.4": (1, 2, 3, 4, 5, 6, 7, 11), "2.5": (1, 2, 3, 4, 7, 8)},
        **{"3.1": (1, 2), "3.2": (1, 2, 3, 4, 6), "3.3": (1, 2, 3, 4, 7, 8), "4.1": (2, 3)},
    }.items()
    for number in numbers
]
LINES = (ROOT / "docs/architecture.md").read_text("utf-8").splitlines()
ROWS = [[cell.strip() for cell in line.strip("|").split("|")] for line in LINES if line.startswith("| `")]


def test_each_reliance_has_its_place_its_reason_and_its_test() -> None:
    assert len(ROWS) > 30
    assert [row for row in ROWS if len(row) != 4 or not all(row)] == []


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[1])
def test_each_place_and_each_test_of_the_table_is_there(row: list[str]) -> None:
    for name in re.findall(r"`((?:classifier|web)/[^`]*|streamlit_app\.py)`", row[0]):
        assert (ROOT / name).exists(), name
    tests = re.findall(r"`(tests/[^`]*)`", row[3])
    assert tests
    assert [test for test in tests if not _is_there(test)] == []


def test_each_test_that_the_page_on_attacks_names_is_there() -> None:
    rows = [line for line in (ROOT / "docs/security.md").read_text("utf-8").splitlines() if line.startswith("| ")]
    named = [re.findall(r"`(tests/[^`]*)`", row) for row in rows if not row.startswith("| attack |")]
    assert len(named) > 35
    assert [] not in named
    assert [test for names in named for test in names if not _is_there(test)] == []


def test_the_page_on_accessibility_has_every_criterion_and_names_tests_that_are_there() -> None:
    document = (ROOT / "docs/accessibility.md").read_text("utf-8")
    rows = [line.strip("|").split("|") for line in document.splitlines() if re.match(r"\| \d", line)]
    criteria = []
    for criterion, here, _ in rows:
        assert here.strip()
        numbers = re.findall(r"\d\.\d\.\d+", criterion)
        if " to " in criterion:
            numbers = [f"{numbers[0][:-1]}{last}" for last in range(int(numbers[0][-1]), int(numbers[1][-1]) + 1)]
        criteria += numbers
    assert criteria == CRITERIA
    tests = re.findall(r"`(tests/[^`]*\.py[^`]*)`", document)
    assert len(tests) > 30
    assert [test for test in tests if not _is_there(test)] == []


def _is_there(test: str) -> bool:
    """Whether there is a test of this name, `path::function`, or a file of tests, `path`."""
    file, _, function = test.partition("::")
    return f"def {function}(" in (ROOT / file).read_text("utf-8") if function else (ROOT / file).is_file()


def test_whoever_may_import_private_modules_is_in_the_table() -> None:
    ignores = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["ruff"]["lint"]["per-file-ignores"]
    places = {place.removesuffix("/**") for place, codes in ignores.items() if "TID251" in codes}
    product = {place for place in places if place.startswith(("classifier/", "web/"))}
    assert product == {
        "web/server/connections.py",
        "web/server/slow_connections.py",
        "web/server/websocket_frames.py",
        "web/streamlit_internals",
    }
    for place in product:
        assert any(place in row[0] for row in ROWS)
    files = {file.name for file in (ROOT / "web/streamlit_internals").glob("*.py") if file.name != "__init__.py"}
    assert [name for name in files if not any(name in row[0] for row in ROWS)] == []
