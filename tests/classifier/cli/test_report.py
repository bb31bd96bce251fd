"""The result of `classify` as text, CSV and JSON, on a terminal and elsewhere."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
from pathlib import Path

import pytest
from rich.cells import cell_len

from classifier import cli
from tests.support.command import ENVIRONMENT, PANDA, on_terminal, run
from tests.support.packages import LITE0

pytestmark = pytest.mark.usefixtures("lite0")


def test_plain_text(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["classify", str(PANDA), "--top-k", "2"]) == 0
    out, err = capsys.readouterr()
    head, *lines = out.splitlines()
    assert head == str(PANDA)
    assert len(lines) == 2
    assert re.fullmatch(r"  giant panda +\d\d\.\d%", lines[0])
    assert len(lines[0]) == len(lines[1])
    assert err == ""


def test_chinese_labels_keep_the_columns(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["classify", str(PANDA), "--lang", "zh"]) == 0
    _, *lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("  大熊猫")
    assert len({cell_len(line) for line in lines}) == 1


def test_an_unsure_answer_says_so(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    package = tmp_path / "strict"
    shutil.copytree(LITE0, package)
    manifest = (package / "model.toml").read_text("utf-8")
    text = re.sub(r"unsure_below = \S+", "unsure_below = 1.0", manifest)
    (package / "model.toml").write_text(text, "utf-8")
    assert cli.main(["classify", "--model", "./strict", str(PANDA)]) == 0
    assert capsys.readouterr().out.splitlines()[0] == f"{PANDA} (not sure)"


def test_csv(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["classify", "--csv", "--top-k", "2", str(PANDA), "missing"]) == 1
    out, err = capsys.readouterr()
    rows = list(csv.DictReader(io.StringIO(out)))
    assert list(rows[0]) == ["file", "rank", "label", "index", "score", "sure", "error", "reason", "in_set", "set_size"]
    assert [row["rank"] for row in rows] == ["1", "2", ""]
    assert [row["sure"] for row in rows] == ["true", "true", ""]
    assert [row["error"] for row in rows] == ["", "", "missing_file"]
    assert rows[2]["reason"] == "There is no such file. Check its name and folder."
    assert not any(rows[2][column] for column in ("label", "index", "score"))
    assert (rows[0]["label"], rows[0]["index"]) == ("giant panda", "388")
    assert 0 < float(rows[0]["score"]) <= 1
    assert err.startswith("classifier: missing: ")


@pytest.mark.parametrize("name", ["=1+1", "+1.webp", "@sum", "\t=1", "\r=1", "\n=1", "＝1"])
def test_a_name_in_csv_is_no_formula_in_a_spreadsheet(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copy(PANDA, name)
    assert cli.main(["classify", "--csv", "--top-k", "1", name, f"{name}2"]) == 1
    read, failed = csv.DictReader(io.StringIO(capsys.readouterr().out, newline=""))
    assert (read["file"], read["label"], read["sure"]) == (f"'{name}", "giant panda", "true")
    assert (failed["file"], failed["error"]) == (f"'{name}2", "missing_file")


def test_labels_that_the_locale_cannot_write_are_escaped() -> None:
    environment = {**ENVIRONMENT, "PYTHONIOENCODING": "ascii"}
    ended = run("classify", "--lang", "zh", "--json", "--top-k", "1", PANDA, env=environment)
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout)["results"][0]["predictions"][0]["label"] == "大熊猫"
    assert run("classify", "--lang", "zh", PANDA, env=environment).returncode == 0


def test_a_terminal_gets_bars_colours_and_progress() -> None:
    status, written = on_terminal("classify", PANDA, "nope", PANDA, "--lang", "zh")
    assert status == 1
    assert "Classifying" in written
    assert "3/3" in written
    assert "━" in written
    assert "\x1b[36m" in written
    assert "classifier: nope: There is no such file. Check its name and folder." in written
    assert written.endswith("\x1b[2K")  # the progress bar does not stay
    rows = [line for line in re.sub(r"\x1b\[[0-9;?]*\w", "", written).splitlines() if "%" in line]
    assert len(rows) == 10
    assert len({cell_len(row.split("\r")[-1]) for row in rows}) == 1


def test_one_file_needs_no_progress() -> None:
    status, written = on_terminal("classify", PANDA)
    assert status == 0
    assert "Classifying" not in written


def test_no_color_is_honoured() -> None:
    _, written = on_terminal("classify", PANDA, NO_COLOR="1")
    assert not re.search(r"\x1b\[(?:\d+;)*3\d", written)
    assert "giant panda" in written


def test_progress_goes_to_the_terminal_when_results_go_elsewhere() -> None:
    status, written = on_terminal("classify", PANDA, PANDA, "--csv", piped=True)
    assert status == 0
    assert "2/2" in written
    assert "giant panda" not in written


def test_json_on_a_terminal_is_nothing_but_json() -> None:
    status, written = on_terminal("classify", PANDA, PANDA, "--json")
    assert status == 0
    assert len(json.loads(written)["results"]) == 2
