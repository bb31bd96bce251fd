"""`classifier evaluate` and `classifier calibrate` with the real model on real photos."""

from __future__ import annotations

import csv
import datetime
import json
import re
import shutil
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from classifier import Classifier, cli
from classifier.settings import Settings
from tests.support.command import on_terminal, refused, run
from tests.support.packages import LITE0
from tests.support.photos import ROOT, photo

LABELS = ROOT / "tests/photos/labels.csv"
CLASSES = {
    "giant panda": ["panda.webp"],
    "小熊猫": ["red_panda.webp"],
    "105": ["koala.webp"],
    "Hammer": ["hammer1.webp", "hammer8.webp", "cat.webp"],  # the last one is no hammer
}


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CLASSIFIER_BACKEND", "litert")
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    for label, names in CLASSES.items():
        (folder / label).mkdir(parents=True)
        for name in names:
            shutil.copy(photo(name), folder / label)
    return folder


def evaluated(capsys: pytest.CaptureFixture[str], *arguments: str | Path, status: int = 0) -> dict[str, Any]:
    assert cli.main(["evaluate", "efficientnet-lite0", *map(str, arguments), "--json", "-"]) == status
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_a_folder(capsys: pytest.CaptureFixture[str], photos: Path) -> None:
    assert cli.main(["evaluate", "efficientnet-lite0", "photos"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert out.startswith("efficientnet-lite0 on photos: 6 pictures of 4 classes, litert on CPU")
    assert re.search(r"^  top-1 +83\.3%  5 of 6; 95% interval 43\.6% to 97\.0%$", out, re.M)
    assert re.search(r"; well-calibrated scores would show \d+\.\d% by chance$", out, re.M)
    assert "is hammer, place " in out
    assert "photos/Hammer/cat.webp" in out


def test_the_numbers_are_those_of_classify(capsys: pytest.CaptureFixture[str]) -> None:
    found = evaluated(capsys, LABELS)
    model = Classifier.load(LITE0, settings=Settings(backend="litert"))
    names = model.package.labels["en"]
    with LABELS.open(encoding="utf-8") as file:
        rows = [(row["path"], row["label"]) for row in csv.DictReader(file)]
    truths = [int(label) if label.isdecimal() else names.index(label) for _, label in rows]
    results = [model.classify(LABELS.parent / path, top_k=1000).predictions for path, _ in rows]
    ranks = [[one.index for one in result].index(truth) + 1 for result, truth in zip(results, truths, strict=True)]
    own = [result[rank - 1].score for result, rank in zip(results, ranks, strict=True)]
    best = np.array([result[0].score for result in results])
    right = np.array(ranks) == 1
    bins = np.ceil(best * 15)
    gaps = [abs(right[bins == one].mean() - best[bins == one].mean()) * (bins == one).sum() for one in set(bins)]

    assert found["pictures"] == len(rows) == 49
    assert (found["top1"]["right"], found["top5"]["right"]) == (right.sum(), (np.array(ranks) <= 5).sum())
    assert found["confidence"] == pytest.approx(best.mean(), rel=1e-6)
    assert found["nll"] == pytest.approx(-np.log(own).mean(), rel=1e-4)
    assert found["ece"] == pytest.approx(sum(gaps) / len(rows), rel=1e-5)
    wrong = sorted((result[0].score for result, rank in zip(results, ranks, strict=True) if rank > 1), reverse=True)
    assert [one["score"] for one in found["mistakes"]] == pytest.approx(wrong, rel=1e-6)
    assert found["confusion"] == sorted(found["confusion"], key=lambda one: (one["truth"], one["predicted"]))
    assert sum(one["pictures"] for one in found["confusion"]) == 49
    assert sum(one["pictures"] for one in found["reliability"]) == 49


def test_the_report_is_in_a_language_that_the_model_has_no_labels_in(
    capsys: pytest.CaptureFixture[str], photos: Path, tmp_path: Path
) -> None:
    assert (
        cli.main(["evaluate", "efficientnet-lite0", "photos", "--lang", "es", "--html", str(tmp_path / "a.html")]) == 0
    )
    assert "is hammer, place " in capsys.readouterr().out
    text = (tmp_path / "a.html").read_text("utf-8")
    assert '<html lang="es">' in text
    assert "Exactitud top-1" in text
    assert "hammer" in text


def test_the_json_document_has_what_its_guide_lists(capsys: pytest.CaptureFixture[str], photos: Path) -> None:
    found = evaluated(capsys, photos, "--lang", "zh")
    assert {key: type(value).__name__ for key, value in found.items()} == {
        **{"format": "int", "version": "str", "model": "str", "backend": "str", "device": "str"},
        **{
            "view": "str",
            "temperature": "float",
            "dataset": "str",
            "pictures": "int",
            "failed": "int",
            "skipped": "int",
        },
        **{"unsure": "int", "top1": "dict", "top5": "dict", "macro": "dict", "nll": "float", "confidence": "float"},
        **{"ece": "float", "ece_by_chance": "float", "reliability": "list", "classes": "list", "confusion": "list"},
        **{"mistakes": "list", "failures": "list", "date": "str", "command": "str", "weights": "dict"},
        **{"brier": "float", "intervals": "dict", "unknown": "dict", "repeated": "list", "calibrated_on": "int"},
        **{"fitted_on": "int", "trained_on": "int", "aurc": "float", "sets": "NoneType"},
        "comparison": "NoneType",
        "others": "NoneType",
    }
    assert found["format"] == 1
    assert set(found["weights"]) == {"file", "sha256"}
    assert set(found["intervals"]) == {"nll", "brier", "confidence"}
    assert set(found["top1"]) == set(found["top5"]) == {"k", "right", "share", "interval"}
    assert set(found["macro"]) == {"precision", "recall", "f1"}
    assert set(found["reliability"][0]) == {"low", "high", "pictures", "confidence", "accuracy"}
    panda = next(one for one in found["classes"] if one["index"] == 388)
    shares = {"precision": 1.0, "recall": 1.0, "f1": 1.0}
    assert panda == {"label": "大熊猫", "index": 388, "support": 1, "predicted": 1, "right": 1, **shares}
    (mistake,) = found["mistakes"]
    assert set(mistake) == {"file", "truth", "predicted", "score", "truth_score", "rank", "sure"}
    assert mistake["file"] == str(photos / "Hammer/cat.webp")
    guide = (ROOT / "docs/evaluate.md").read_text("utf-8")
    assert all(f"`{key}`" in guide for key in found)


def test_pictures_that_fail_are_said_and_counted(capsys: pytest.CaptureFixture[str], photos: Path) -> None:
    (photos / "Hammer/broken.jpg").write_bytes(b"\xff\xd8\xffbroken")
    (photos / "Hammer/empty.png").touch()
    (photos / "Hammer/notes.txt").touch()
    (photos / "dam").mkdir()
    assert cli.main(["evaluate", "efficientnet-lite0", "photos", "--json", "out.json"]) == 1
    out, err = capsys.readouterr()
    assert re.search(r"^  failed +3  could not be classified", out, re.M)
    assert re.search(r"^  skipped +1  files without the ending of a picture$", out, re.M)
    lines = sorted(err.splitlines())
    assert [line.split(": ")[1] for line in lines] == [
        "photos/Hammer/broken.jpg",
        "photos/Hammer/empty.png",
        "photos/dam",
    ]
    found = json.loads(Path("out.json").read_text("utf-8"))
    assert (found["pictures"], found["failed"], found["skipped"]) == (6, 3, 1)
    assert {one["code"] for one in found["failures"]} == {"broken_image", "empty_file", "no_pictures"}


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["nowhere"], "nowhere: there is no such folder or CSV file."),
        (["photos", "--lang", "fr"], "has no labels in 'fr'. Choose from: en, zh."),
        (
            ["photos", "--html", "no/where.html"],
            "no/where.html cannot be written: name a file in a folder that is there.",
        ),
        (["photos", "--json", "photos"], "photos cannot be written"),
        (["photos", "--labels", "nowhere.txt"], "nowhere.txt: the labels cannot be read: No such file"),
        (["wrong"], "'sea lion' is the label of"),
        (["none"], "none: expected one sub-folder per class, but there is none."),
        (["broken"], "broken: none of its pictures could be classified."),
    ],
)
def test_what_cannot_be_measured_is_one_line(
    capsys: pytest.CaptureFixture[str], photos: Path, arguments: list[str], expected: str
) -> None:
    Path("none").mkdir()
    Path("wrong/sea lions").mkdir(parents=True)
    Path("broken/hammer").mkdir(parents=True)
    Path("broken/hammer/a.jpg").write_text("no picture")
    if arguments == ["wrong"]:
        expected = "'sea lions' is no class of efficientnet-lite0, the nearest are 'sea lion'"
    assert cli.main(["evaluate", "efficientnet-lite0", *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    said = [line for line in err.splitlines() if "a.jpg" not in line]
    assert len(said) == 1
    assert expected in said[0]


def test_an_output_that_cannot_be_written_is_said(capsys: pytest.CaptureFixture[str], photos: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("Linux only")
    assert cli.main(["evaluate", "efficientnet-lite0", "photos", "--json", "/dev/full"]) == 1
    assert capsys.readouterr().err.startswith("classifier: /dev/full cannot be written: no space is left there.")


def test_both_commands_need_a_model_and_a_folder() -> None:
    for command in ("evaluate", "calibrate"):
        assert refused(command) == 2
        assert refused(command, "efficientnet-lite0") == 2


def test_a_terminal_gets_progress_and_a_pipe_nothing_but_the_summary(photos: Path) -> None:
    status, written = on_terminal("evaluate", "efficientnet-lite0", photos)
    assert status == 0
    assert "Classifying" in written
    assert "6/6" in written
    ended = run("evaluate", "efficientnet-lite0", photos)
    assert (ended.returncode, ended.stderr) == (0, b"")
    assert "Most confident mistakes" in ended.stdout.decode()


@pytest.fixture
def package(tmp_path: Path) -> Path:
    return Path(shutil.copytree(LITE0, tmp_path / "mine", ignore=shutil.ignore_patterns("*.keras")))


def without_tensorflow(package: Path) -> None:
    manifest = package / "model.toml"
    text = manifest.read_text("utf-8")
    start, end = text.index("[weights.tensorflow]"), text.index("[published]")
    manifest.write_text(text[:start] + text[end:], "utf-8")


def test_calibrating_writes_the_temperature_that_then_makes_scores_honest(
    capsys: pytest.CaptureFixture[str], package: Path
) -> None:
    without_tensorflow(package)
    small = Path("small.csv")
    with LABELS.open(encoding="utf-8") as file:
        rows = [(LABELS.parent / row["path"], row["label"]) for row in csv.DictReader(file)]
    small.write_text("".join(f"{path},{label}\n" for path, label in rows if path.stat().st_size < 12_000), "utf-8")
    before = (package / "model.toml").read_text("utf-8")
    assert cli.main(["calibrate", "./mine", "small.csv"]) == 0
    out = capsys.readouterr().out
    assert "Nothing was written; --write puts it into mine/model.toml." in out
    assert "too few pictures for a good temperature: use 100 or more" in out
    assert (package / "model.toml").read_text("utf-8") == before

    assert cli.main(["calibrate", "./mine", "small.csv", "--write"]) == 0
    out = capsys.readouterr().out
    kept = {line.split()[0]: line.split()[1:3] for line in out.splitlines() if line.startswith("  ")}
    temperature, (_, nll), (_, ece) = kept["temperature"], kept["NLL"], kept["ECE"]
    assert temperature[0] == "1"
    assert float(nll) < float(kept["NLL"][0])
    assert "Written to mine/model.toml" in out

    after = (package / "model.toml").read_text("utf-8")
    assert after[: before.index("temperature")] == before[: before.index("temperature")]
    (line,) = (line for line in after.splitlines() if line.startswith(f"temperature = {temperature[1]} "))
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    assert line.endswith(f"  # logits are divided by it; fitted on 12 pictures of small.csv, {today}")
    record = tomllib.loads(after)["calibration"]
    assert (record["dataset"], record["pictures"], str(record["date"])) == ("small.csv", 12, today)
    assert len(record["hashes"].split()) == 12
    # What `evaluate` measures with the written temperature is what `calibrate` foretold.
    assert cli.main(["evaluate", "./mine", "small.csv", "--json", "-"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["temperature"] == float(temperature[1])
    assert f"{found['nll']:.4f}" == nll
    assert f"{found['ece']:.1%}" == ece
    # And fitting again finds the same: what is fitted are the scores before calibration.
    assert cli.main(["calibrate", "./mine", "small.csv"]) == 0
    again = capsys.readouterr().out.splitlines()[2].split()
    assert again == ["temperature", temperature[1], temperature[1]]


def test_a_temperature_without_meaning_is_said(capsys: pytest.CaptureFixture[str], photos: Path) -> None:
    (photos / "Hammer/cat.webp").unlink()
    assert cli.main(["calibrate", "efficientnet-lite0", "photos"]) == 0
    out = capsys.readouterr().out
    assert "Do not use this temperature: it reached its limit of 0.05, because every picture is right" in out


def test_a_bare_model_file_has_nothing_to_write_to(capsys: pytest.CaptureFixture[str], photos: Path) -> None:
    shutil.copy(LITE0 / "model.tflite", "bare.tflite")
    assert cli.main(["calibrate", "bare.tflite", "photos", "--write"]) == 2
    assert capsys.readouterr().err.startswith("classifier: bare.tflite has no model.toml to write to.")


def test_the_photos_labels_are_those_of_their_manifest() -> None:
    with LABELS.open(encoding="utf-8") as file:
        listed = [(row["path"], row["label"]) for row in csv.DictReader(file)]
    names = (LITE0 / "labels.en.txt").read_text("utf-8").splitlines()
    manifest = json.loads((ROOT / "tests/photos/manifest.json").read_text("utf-8"))
    expected = [(entry["file"], names[entry["imagenet_labels"][0]]) for entry in manifest]
    assert listed == expected


def test_the_guide_shows_what_the_commands_print(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    guide = (ROOT / "docs/evaluate.md").read_text("utf-8")

    def masked(text: str) -> list[str]:
        """Numbers differ in their last digits, and machines in their threads."""
        return re.sub(r"[\d.]+", "0", text).replace("threads", "thread").split()

    for command in ("evaluate", "calibrate"):
        (shown,) = re.findall(rf"<!-- {command} -->\n```\n(.*?)```\n<!-- /{command} -->", guide, re.S)
        assert cli.main([command, "efficientnet-lite2", "tests/photos/labels.csv"]) == 0
        assert masked(capsys.readouterr().out) == masked(shown)


def test_a_view_is_measured_and_named(capsys: pytest.CaptureFixture[str], photos: Path) -> None:
    found = {view: evaluated(capsys, photos, "--view", view) for view in ("crop", "whole", "both")}
    assert {view: one["view"] for view, one in found.items()} == {view: view for view in found}
    model = Classifier.load(LITE0, settings=Settings(backend="litert"))
    for view, one in found.items():
        files = [photo(name) for names in CLASSES.values() for name in names]
        best = [model.classify(file, 1, view=view).predictions[0].score for file in files]  # type: ignore[arg-type]
        assert one["confidence"] == pytest.approx(np.mean(best), abs=1e-6)
    report = photos.parent / "report.html"
    assert cli.main(["evaluate", "efficientnet-lite0", str(photos), "--view", "whole", "--html", str(report)]) == 0
    assert capsys.readouterr().out.splitlines()[0].endswith(", view whole")
    assert "the whole of each picture" in report.read_text("utf-8")
    assert evaluated(capsys, photos)["view"] == "crop"


def test_a_setting_chooses_the_view_and_others_and_comparisons_share_it(
    capsys: pytest.CaptureFixture[str], photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLASSIFIER_VIEW", "whole")
    found = evaluated(capsys, photos, "--others", photos, "--compare", "efficientnet-lite0")
    assert found["view"] == "whole"
    assert found["comparison"]["only_this"] == found["comparison"]["only_other"] == 0
    model = Classifier.load(LITE0, settings=Settings(backend="litert"))
    sure = [model.classify(file, view="whole").sure for file in photos.rglob("*.webp")]
    assert found["others"]["sure"] == sum(sure)


@pytest.mark.parametrize(("view", "seen"), [("whole", "whole"), ("both", "centre crop")])
def test_a_calibration_says_what_it_was_fitted_to(
    capsys: pytest.CaptureFixture[str], photos: Path, monkeypatch: pytest.MonkeyPatch, view: str, seen: str
) -> None:
    fitted = "whole" if view == "whole" else "crop"
    assert cli.main(["calibrate", "efficientnet-lite0", str(photos)]) == 0
    plain = capsys.readouterr().out
    assert "CLASSIFIER_VIEW" not in plain
    monkeypatch.setenv("CLASSIFIER_VIEW", view)
    assert cli.main(["calibrate", "efficientnet-lite0", str(photos)]) == 0
    first, _, rest = capsys.readouterr().out.partition("\n")
    assert first == f"CLASSIFIER_VIEW={view}: fitted to the {seen} of each picture."
    assert (rest == plain) == (fitted == "crop")
