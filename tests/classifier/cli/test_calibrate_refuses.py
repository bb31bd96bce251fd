"""`calibrate --write` writes nothing that it says not to use, and no stale word about the old temperature."""

from __future__ import annotations

import csv
import shutil
import tomllib
from pathlib import Path

import pytest

from classifier import cli
from tests.support.packages import changed
from tests.support.photos import ROOT

LABELS = ROOT / "tests/photos/labels.csv"
STALE = ("# logits are divided by it before the softmax", "# fitted on 5,000 pictures of the summer")


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CLASSIFIER_BACKEND", "litert")
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def package(tmp_path: Path) -> Path:
    return changed(tmp_path / "mine", STALE, without="tensorflow").folder


def rows(count: int, label: str | None = None) -> None:
    """Writes data.csv: photos that the model knows, or all with one label."""
    with LABELS.open(encoding="utf-8") as file:
        listed = [(LABELS.parent / row["path"], row["label"]) for row in csv.DictReader(file)]
    known = [row for row in listed if "dam" in row[1] or "hammer" in row[1] or label]
    Path("data.csv").write_text("".join(f"{path},{label or own}\n" for path, own in known[:count]), "utf-8")


@pytest.mark.parametrize(
    ("count", "label", "said"),
    [
        (2, None, "it reached its limit of 0.05, because every picture is right"),
        (14, "tench", "it reached its limit of 20, because the scores say nothing about these classes"),
        (3, "dam", "3 pictures say too little: use 100 or more"),
    ],
)
def test_what_should_not_be_used_is_not_written(
    capsys: pytest.CaptureFixture[str], package: Path, count: int, label: str | None, said: str
) -> None:
    before = (package / "model.toml").read_bytes()
    rows(count, label)
    assert cli.main(["calibrate", "./mine", "data.csv", "--write"]) == 1
    out = capsys.readouterr().out
    assert f"Do not use this temperature: {said}" in out
    assert out.endswith("Nothing was written: mine/model.toml keeps the temperature 1.\n")
    assert (package / "model.toml").read_bytes() == before


def test_the_comment_goes_with_the_temperature_and_the_record_with_the_next(
    capsys: pytest.CaptureFixture[str], package: Path
) -> None:
    shutil.copy(LABELS, LABELS.name)
    text = LABELS.read_text("utf-8").replace("\n", f"\n{LABELS.parent}/").removesuffix(f"{LABELS.parent}/")
    Path("data.csv").write_text(text, "utf-8")
    for _ in range(2):
        assert cli.main(["calibrate", "./mine", "data.csv", "--write"]) == 0
        after = (package / "model.toml").read_text("utf-8")
        assert "of the summer" not in after
        assert after.count("[calibration]") == after.count("# what output.temperature was fitted to") == 1
        assert after.count("; fitted on 49 pictures of data.csv, ") == 1
        assert tomllib.loads(after)["calibration"]["pictures"] == 49
    capsys.readouterr()
    Path("more.csv").write_text("\n".join(text.splitlines()[:9]) + "\n", "utf-8")
    assert cli.main(["evaluate", "./mine", "more.csv"]) == 0
    out = capsys.readouterr().out
    assert "The temperature was fitted to 8 of these pictures (data.csv, " in out
    assert "Measure on others." in out
