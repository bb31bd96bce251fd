"""What `evaluate` writes, and what it finds wrong with the pictures; with a tiny model, so that many runs are quick."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import re
import shutil
import stat
import subprocess
import sys
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from classifier import Classifier, cli
from tests.support import tiny_onnx
from tests.support.photos import golden_photos

LABELS = ("cat", "dog", "hen")


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model `tiny`, another one `other`, a folder `data` of their classes, and `list.csv` of the same."""
    monkeypatch.chdir(tmp_path)
    tiny_onnx.package(tmp_path / "tiny", tiny_onnx.network())
    tiny_onnx.package(tmp_path / "other", tiny_onnx.network(bias=9.0))
    rows = []
    for number, one in enumerate(golden_photos()[:12]):
        place = tmp_path / "data" / LABELS[number % 3] / one.path.name
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(one.path, place)
        rows.append(f"{place.relative_to(tmp_path)},{LABELS[number % 3]}\n")
    Path("list.csv").write_text("".join(rows), "utf-8")
    return tmp_path / "data"


def evaluate(*arguments: str, model: str = "./tiny", dataset: str = "data") -> int:
    return cli.main(["evaluate", model, dataset, *arguments])


def document(*arguments: str, **more: str) -> dict[str, Any]:
    assert evaluate(*arguments, "--json", "report.json", **more) == 0
    found: dict[str, Any] = json.loads(Path("report.json").read_text("utf-8"))
    return found


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--json", "list.csv"], "--json list.csv would overwrite list.csv, which is read. Name another file."),
        (["--html", "link.csv"], "--html link.csv would overwrite list.csv, which is read."),
        (["--predictions", "hard.csv"], "--predictions hard.csv would overwrite list.csv, which is read."),
        (["--json", "tiny/model.toml"], "would overwrite "),
        (["--compare", "./other", "--json", "other/model.toml"], "--json other/model.toml would overwrite "),
        (["--compare", "./other/", "--html", "link.onnx"], "--html link.onnx would overwrite other/model.onnx"),
        (["--labels", "names.txt", "--html", "names.txt"], "--html names.txt would overwrite names.txt"),
        (["--html", "photo"], "--html photo would overwrite "),
        (["--json", "x", "--html", "./x"], "--json and --html both lead to ./x. Name another file for one of them."),
        (["--json", "-", "--html", "-"], "--json and --html both lead to standard output."),
        (["--json", ""], ". cannot be written: a folder is where a file is expected."),
        (["--json", "-", "--html", "/dev/stdout"], "--json and --html both lead to standard output."),
        (["--json", "new", "--html", "data/../new"], "--json and --html both lead to "),
    ],
)
def test_inputs_are_never_written_over_and_outputs_not_by_each_other(
    capsys: pytest.CaptureFixture[str], data: Path, arguments: list[str], said: str
) -> None:
    Path("names.txt").write_text("a\nb\nc\n")
    os.symlink("list.csv", "link.csv")
    os.link("list.csv", "hard.csv")
    os.link("other/model.onnx", "link.onnx")
    os.symlink(next(data.rglob("*.*")), "photo")
    before = {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()}
    assert evaluate(*arguments, dataset="list.csv") == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert said in err
    assert {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()} == before


def test_a_bare_model_file_is_not_written_over(capsys: pytest.CaptureFixture[str]) -> None:
    Path("bare").mkdir()
    for name in ("model.onnx", "labels.txt"):
        shutil.copy(f"tiny/{name}", "bare")
    before = Path("bare/model.onnx").read_bytes()
    assert evaluate("--json", "bare/model.onnx", model="bare/model.onnx") == 2
    assert "--json bare/model.onnx would overwrite bare/model.onnx, which is read." in capsys.readouterr().err
    assert Path("bare/model.onnx").read_bytes() == before


def test_a_dash_is_standard_output_for_each_of_them(capsys: pytest.CaptureFixture[str]) -> None:
    for option, begin in (("--html", "<!doctype html>"), ("--predictions", "file,truth,"), ("--json", "{")):
        assert evaluate(option, "/dev/stdout" if option == "--json" else "-") == 0
        assert capsys.readouterr().out.startswith(begin)
    assert not Path("-").exists()


def test_the_summary_comes_first_and_one_failure_costs_only_that_file(capsys: pytest.CaptureFixture[str]) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("Linux only")
    arguments = ("--predictions", "p.csv", "--json", "/dev/full", "--html", "r.html")
    assert evaluate(*arguments) == 1
    out, err = capsys.readouterr()
    assert out.startswith("tiny on data: 12 pictures")
    assert "/dev/full cannot be written: no space is left there." in err
    assert Path("p.csv").read_text("utf-8").count("\n") == 13
    assert Path("r.html").read_text("utf-8").endswith("</html>\n")


def test_a_reader_who_leaves_early_does_not_cost_the_reports() -> None:
    command = [sys.executable, "-m", "classifier", "evaluate", "./tiny", "data", "--json", "report.json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.close()
    assert json.loads(Path("report.json").read_text("utf-8"))["pictures"] == 12


def test_a_full_disk_leaves_the_last_report_and_no_part_of_a_new_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("report.json").write_text("the last one")
    monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    before = set(os.listdir())
    assert evaluate("--json", "report.json") == 1
    assert "report.json cannot be written: no space is left there." in capsys.readouterr().err
    assert Path("report.json").read_text() == "the last one"
    assert set(os.listdir()) == before


def test_a_report_has_the_mode_of_other_files_and_goes_behind_a_link() -> None:
    Path("there").mkdir()
    Path("there/report.json").touch()
    os.symlink("there/report.json", "report.json")
    document()
    assert Path("report.json").is_symlink()
    document("--predictions", "new.csv")
    Path("plain").touch()
    assert stat.S_IMODE(os.stat("new.csv").st_mode) == stat.S_IMODE(os.stat("plain").st_mode)


def test_the_same_picture_twice_is_noticed(capsys: pytest.CaptureFixture[str], data: Path) -> None:
    first, second, *_ = sorted((data / "cat").iterdir())
    shutil.copy(first, data / "cat/again.webp")
    shutil.copy(second, data / "hen/other.webp")
    found = document()
    out = capsys.readouterr().out
    assert (
        f"1 picture is there more than once, and counted each time: data/cat/again.webp = data/cat/{first.name}." in out
    )
    said = f"at most one is right: data/cat/{second.name} (cat), data/hen/other.webp (hen)."
    assert f"The same picture with different classes, of which {said}" in out
    assert sorted(sorted(one["file"] for one in group) for group in found["repeated"]) == sorted(
        sorted(group)
        for group in (
            [f"data/cat/{first.name}", "data/cat/again.webp"],
            [f"data/cat/{second.name}", "data/hen/other.webp"],
        )
    )


def test_the_same_row_twice_is_noticed(capsys: pytest.CaptureFixture[str]) -> None:
    text = Path("list.csv").read_text("utf-8")
    Path("list.csv").write_text(text + text.splitlines()[0] + "\n", "utf-8")
    assert evaluate(dataset="list.csv") == 0
    assert "1 picture is there more than once" in capsys.readouterr().out
    assert evaluate() == 0
    assert "more than once" not in capsys.readouterr().out


def test_names_like_formulas_are_none_in_the_predictions_and_are_found_again(
    capsys: pytest.CaptureFixture[str], data: Path
) -> None:
    data.rename("=data")
    assert evaluate("--predictions", "p.csv", dataset="=data") == 0
    rows = list(csv.DictReader(io.StringIO(Path("p.csv").read_text("utf-8"))))
    assert all(row["file"].startswith("'=data/") for row in rows)
    Path("p.csv").write_text(re.sub(r"[0-9a-f]{16}", "", Path("p.csv").read_text("utf-8")), "utf-8")
    capsys.readouterr()
    assert evaluate("--compare", "p.csv", dataset="=data") == 0
    assert "12 pictures" in capsys.readouterr().out


def test_the_predictions_have_a_row_for_each_picture(data: Path) -> None:
    (data / "hen/broken.jpg").write_bytes(b"\xff\xd8\xffbroken")
    assert evaluate("--predictions", "p.csv") == 1
    rows = list(csv.DictReader(io.StringIO(Path("p.csv").read_text("utf-8"))))
    assert len(rows) == 13
    failed = [row for row in rows if row["error"]]
    assert [(row["file"], row["error"], row["right"]) for row in failed] == [
        ("data/hen/broken.jpg", "broken_image", "")
    ]
    assert failed[0]["reason"].startswith("This JPEG file is damaged")
    model = Classifier.load("tiny")
    for row in rows:
        if row["error"]:
            continue
        result = model.classify(row["file"])
        for place, one in enumerate(result.predictions, 1):
            assert (row[f"label_{place}"], row[f"index_{place}"]) == (one.label, str(one.index))
            assert float(row[f"score_{place}"]) == pytest.approx(one.score, abs=1e-6)
        truth = Path(row["file"]).parent.name
        assert (row["truth"], row["truth_index"]) == (truth, str(LABELS.index(truth)))
        assert row["right"] == str(result.predictions[0].label == truth).lower()
        assert row["sure"] == str(result.sure).lower()
        assert row["rank"] == str([one.label for one in result.predictions].index(truth) + 1)
        assert "label_4" not in row


def test_brier_score_and_its_interval_are_those_of_their_definition() -> None:
    found = document()
    model = Classifier.load("tiny")
    each = []
    for file in sorted(Path("data").rglob("*.*")):
        scores = {one.label: one.score for one in model.classify(file).predictions}
        each.append(sum((score - (label == file.parent.name)) ** 2 for label, score in scores.items()))
    half = 1.959964 * np.std(each, ddof=1) / len(each) ** 0.5
    assert found["brier"] == pytest.approx(np.mean(each), abs=1e-5)
    assert found["intervals"]["brier"] == pytest.approx([np.mean(each) - half, np.mean(each) + half], abs=1e-5)


def test_any_of_several_accepted_labels_is_right() -> None:
    Path("several.csv").write_text(
        "".join(f"{path},cat|dog|hen\n" for path in sorted(Path("data").rglob("*.*"))), "utf-8"
    )
    found = document(dataset="several.csv")
    assert found["top1"]["share"] == 1.0
    assert found["mistakes"] == []


def test_unknown_classes_are_left_out_and_counted(capsys: pytest.CaptureFixture[str], data: Path) -> None:
    (data / "cow").mkdir()
    Image.new("RGB", (9, 9)).save(data / "cow/a.png")
    assert evaluate() == 2
    assert "'cow' is no class of tiny" in capsys.readouterr().err
    found = document("--skip-unknown")
    assert found["unknown"] == {"cow": 1}
    assert re.search(r"^  unknown +1  pictures of 1 class that the model lacks: cow$", capsys.readouterr().out, re.M)


def test_a_report_says_when_how_and_with_which_weights_it_was_made() -> None:
    found = document()
    weights = Path("tiny/model.onnx").read_bytes()
    assert found["weights"] == {"file": "model.onnx", "sha256": hashlib.sha256(weights).hexdigest()}
    assert found["command"] == "classifier evaluate ./tiny data --json report.json"
    assert found["date"].endswith("+00:00")
    assert evaluate("--html", "r.html") == 0
    text = unescape(Path("r.html").read_text("utf-8"))
    assert "classifier evaluate ./tiny data --html r.html" in text
    assert hashlib.sha256(weights).hexdigest()[:12] in text


@pytest.mark.parametrize("other", ["./other", "earlier.csv"])
def test_two_models_or_runs_are_compared_picture_by_picture(capsys: pytest.CaptureFixture[str], other: str) -> None:
    assert evaluate("--predictions", "earlier.csv", model="./other") == 0
    capsys.readouterr()
    found = document("--compare", other)
    out = capsys.readouterr().out
    first, second = Classifier.load("tiny"), Classifier.load("other")
    counts = {"both": 0, "only_this": 0, "only_other": 0, "neither": 0}
    for file in Path("data").rglob("*.*"):
        mine, theirs = (one.classify(file).predictions[0].label == file.parent.name for one in (first, second))
        counts[("both" if theirs else "only_this") if mine else "only_other" if theirs else "neither"] += 1
    comparison = found["comparison"]
    assert {key: comparison[key] for key in counts} == counts
    assert (comparison["name"], comparison["pictures"], comparison["unpaired"]) == (other, 12, 0)
    assert f"Compared with {other} on 12 pictures" in out
    assert "McNemar p = " in out


def test_a_run_that_was_started_elsewhere_is_paired_by_the_pictures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path / "data")
    assert evaluate("--predictions", "../earlier.csv", model="../other", dataset=".") == 0
    monkeypatch.chdir(tmp_path)
    assert document("--compare", "earlier.csv")["comparison"] == document("--compare", "./other")["comparison"] | {
        "name": "earlier.csv"
    }


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("file,truth\na,b\n", "this is no file of predictions: it needs the columns file and right."),
        ("file,right\nelsewhere.jpg,true\n", "it has no picture in common with what was measured"),
    ],
)
def test_what_cannot_be_compared_says_why(capsys: pytest.CaptureFixture[str], text: str, said: str) -> None:
    Path("earlier.csv").write_text(text)
    assert evaluate("--compare", "earlier.csv", "--json", "report.json") == 2
    out, err = capsys.readouterr()
    assert said in err
    measured = "in common" in said  # only the comparison is missing then
    assert ("top-1" in out, Path("report.json").exists()) == (measured, measured)
