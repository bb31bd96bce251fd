"""`calibrate --coverage`, and its sets: in answers, in `evaluate`, with other views and weights."""

from __future__ import annotations

import csv
import io
import json
import re
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from classifier import Classifier, ModelPackage, PackageError, Settings, cli
from classifier.cli.doctor import models as doctor
from tests.support.packages import changed
from tests.support.photos import ROOT, photo

LABELS = ROOT / "tests/photos/labels.csv"
CIFAR10 = ROOT / "model/cifar10"
PANDA = photo("panda.webp")


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CLASSIFIER_BACKEND", "litert")
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def package(tmp_path: Path) -> Path:
    return changed(tmp_path / "mine", without="tensorflow").folder


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A CSV file of the twelve smallest photos, enough for sets of 0.8."""
    file = tmp_path_factory.mktemp("small") / "small.csv"
    file.write_text("".join(f"{path},{label}\n" for path, label in rows()), "utf-8")
    return str(file)


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory, small: str) -> str:
    """The `model.toml` of a package with sets."""
    folder = changed(tmp_path_factory.mktemp("once") / "mine", without="tensorflow").folder
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLASSIFIER_BACKEND", "litert")
        assert cli.main(["calibrate", str(folder), small, "--coverage", "0.8", "--write"]) == 0
    return (folder / "model.toml").read_text("utf-8")


@pytest.fixture
def fitted(package: Path, once: str) -> Path:
    """A package with sets, fitted to these photos."""
    (package / "model.toml").write_text(once, "utf-8")
    return package


def loaded(folder: Path, **settings: Any) -> Classifier:
    return Classifier.load(folder, settings=Settings(backend="litert", **settings))


def rows() -> list[tuple[Path, str]]:
    with LABELS.open(encoding="utf-8") as file:
        listed = [(LABELS.parent / row["path"], row["label"]) for row in csv.DictReader(file)]
    return [row for row in listed if row[0].stat().st_size < 12_000]


def photos() -> list[Path]:
    return [path for path, _ in rows()]


def test_sets_are_fitted_beside_the_temperature_and_written_with_it(
    capsys: pytest.CaptureFixture[str], package: Path, small: str
) -> None:
    before = (package / "model.toml").read_text("utf-8")
    assert cli.main(["calibrate", "./mine", small, "--coverage", "0.8"]) == 0
    out = capsys.readouterr().out
    assert "Nothing was written; --write puts it into mine/model.toml." in out
    assert "Sets that hold the right class 4 times in 5, by 12 pictures" in out
    assert re.search(r"^  mean size +\d+\.\d\d  of 1000 classes; \d+ with ", out, re.M)
    assert re.search(r"These pictures show \d+ of 1000 classes\.", out)
    assert (package / "model.toml").read_text("utf-8") == before
    for _ in range(2):
        assert cli.main(["calibrate", "./mine", small, "--coverage", "0.8", "--write"]) == 0
        after = (package / "model.toml").read_text("utf-8")
        assert after.count("[conformal]") == after.count("[calibration]") == 1
    table = tomllib.loads(after)
    conformal = table["conformal"]
    assert (conformal["coverage"], conformal["view"], conformal["pictures"]) == (0.8, "crop", 12)
    assert conformal["temperature"] == table["output"]["temperature"]
    assert conformal["weights"] == [table["weights"]["litert"]["sha256"]]
    # As many of the pictures that it was fitted to are in their sets as the promise takes: ceil(13 x 0.8).
    capsys.readouterr()
    assert cli.main(["evaluate", "./mine", small, "--json", "-"]) == 0
    sets = json.loads(capsys.readouterr().out)["sets"]
    assert sets["held"] >= 11
    assert (sets["pictures"], sets["without"], sets["fitted_on"], sets["promised"]) == (12, 0, 12, 0.8)


def test_a_later_temperature_leaves_the_sets_as_they_are(
    capsys: pytest.CaptureFixture[str], fitted: Path, small: str
) -> None:
    before = [one.set for one in loaded(fitted).classify_many(photos())]  # type: ignore[union-attr]
    text = (fitted / "model.toml").read_text("utf-8")
    head, _, table = text.partition("[calibration]")
    (fitted / "model.toml").write_text(
        re.sub(r"\ntemperature = \S+", "\ntemperature = 2.5", head) + "[calibration]" + table
    )
    after = [one.set for one in loaded(fitted).classify_many(photos())]  # type: ignore[union-attr]
    assert ModelPackage.load(fitted).manifest.output.temperature == 2.5
    for one, other in zip(before, after, strict=True):
        assert one is not None
        assert other is not None
        assert [item.index for item in one.predictions] == [item.index for item in other.predictions]
    assert cli.main(["calibrate", "./mine", small, "--write"]) == 0
    assert tomllib.loads((fitted / "model.toml").read_text("utf-8"))["conformal"] == tomllib.loads(text)["conformal"]


def test_the_set_holds_all_classes_that_reach_the_threshold_and_the_first_in_any_case(fitted: Path) -> None:
    conformal = ModelPackage.load(fitted).manifest.conformal
    assert conformal is not None
    sizes = []
    for result in loaded(fitted).classify_many(photos(), top_k=1000):
        assert not isinstance(result, Exception)
        assert result.set is not None
        assert result.set.coverage == 0.8
        reach = sum(item.score >= conformal.threshold for item in result.predictions)
        assert result.set.predictions == result.predictions[: max(1, reach)]
        sizes.append(len(result.set.predictions))
    assert len(sizes) == 12
    assert min(sizes) >= 1


def test_text_and_csv_say_it(capsys: pytest.CaptureFixture[str], fitted: Path) -> None:
    model = loaded(fitted)
    files = photos()[:6]
    assert cli.main(["classify", "--model", "./mine", *map(str, files), "--top-k", "2"]) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if "right 4 times in 5: " in line]
    assert len(lines) == 6
    assert cli.main(["classify", "--model", "./mine", *map(str, files), "--top-k", "2", "--csv"]) == 0
    lined = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert cli.main(["classify", "--model", "./mine", *map(str, files), "--top-k", "2", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)["results"]
    for at, (file, line) in enumerate(zip(files, lines, strict=True)):
        found = model.classify(file, 2).set
        assert found is not None
        names = [item.label for item in found.predictions]
        start = "  this one, right" if len(names) == 1 else "  one of these, right"
        assert line.startswith(f"{start} 4 times in 5: {', '.join(names[:10])}")
        assert line.endswith(f" and {len(names) - 10} more") == (len(names) > 10)
        assert [item["label"] for item in told[at]["set"]["predictions"]] == names
        assert told[at]["set"]["coverage"] == 0.8
        for row in lined[2 * at : 2 * at + 2]:
            assert row["set_size"] == str(len(names))
            assert row["in_set"] == ("true" if row["label"] in names else "false")


def test_without_sets_nothing_is_said(capsys: pytest.CaptureFixture[str], package: Path) -> None:
    assert cli.main(["classify", "--model", "./mine", str(PANDA), "--csv"]) == 0
    told = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert {(row["in_set"], row["set_size"]) for row in told} == {("", "")}
    assert loaded(package).classify(PANDA).set is None


def test_another_view_has_no_set(fitted: Path, capsys: pytest.CaptureFixture[str], small: str) -> None:
    model = loaded(fitted)
    assert model.classify(PANDA).set is not None
    assert model.classify(PANDA, view="whole").set is None
    assert model.classify(PANDA, view="both").set is None
    assert cli.main(["evaluate", "./mine", small, "--view", "both"]) == 0
    assert re.search(r"^  sets +none  the package promises 80\.0%, but not for any", capsys.readouterr().out, re.M)


def test_sets_can_be_fitted_to_whole_pictures(package: Path, monkeypatch: pytest.MonkeyPatch, small: str) -> None:
    monkeypatch.setenv("CLASSIFIER_VIEW", "whole")
    assert cli.main(["calibrate", "./mine", small, "--coverage", "0.8", "--write"]) == 0
    model = loaded(package)
    assert model.classify(PANDA, view="whole").set is not None
    assert model.classify(PANDA, view="crop").set is None


def test_what_is_blank_or_unknown_gets_no_set() -> None:
    model = loaded(CIFAR10)
    koala, blank = model.classify(photo("koala.webp")), model.classify(np.zeros((64, 64, 3), np.uint8))
    assert (koala.known, koala.set) == (False, None)
    assert (blank.structured, blank.set) == (False, None)


def test_sets_of_other_weights_are_refused_with_what_to_do(fitted: Path) -> None:
    text = (fitted / "model.toml").read_text("utf-8")
    own = tomllib.loads(text)["conformal"]["weights"][0]
    (fitted / "model.toml").write_text(text.replace(f'weights = ["{own}"]', f'weights = ["{"0" * 64}"]'), "utf-8")
    with pytest.raises(PackageError, match=r"conformal\.weights: it was fitted to other weights.*--coverage"):
        ModelPackage.load(fitted)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("coverage = 0.8 ", "coverage = 1.8 ", "conformal.coverage"),
        ('view = "crop"', 'view = "both"', "conformal.view"),
        ("threshold = 0", "threshold = -0", "conformal.threshold"),
        ("logits = true ", "logits = true\nmulti_label = true ", "output.multi_label is true"),
    ],
)
def test_a_wrong_table_is_refused_by_its_key(fitted: Path, old: str, new: str, said: str) -> None:
    text = (fitted / "model.toml").read_text("utf-8")
    assert old in text
    (fitted / "model.toml").write_text(text.replace(old, new), "utf-8")
    with pytest.raises(PackageError, match=re.escape(said)):
        ModelPackage.load(fitted)


def test_too_few_pictures_are_said_and_nothing_is_written(
    capsys: pytest.CaptureFixture[str], package: Path, small: str
) -> None:
    before = (package / "model.toml").read_bytes()
    twice = Path("copies.csv")
    twice.write_text("".join(f"{path},{label}\n" for path, label in [*rows()] * 3), "utf-8")
    for pictures in (small, str(twice)):  # copies count once
        assert cli.main(["calibrate", "./mine", pictures, "--coverage", "0.9", "--write"]) == 1
        out = capsys.readouterr().out
        assert "Do not use these sets: 12 pictures are too few to promise 0.9: use 30 or more." in out
        assert out.endswith("Nothing was written: mine/model.toml keeps the temperature 1.\n")
    assert (package / "model.toml").read_bytes() == before


def test_wrong_labels_are_not_written(capsys: pytest.CaptureFixture[str], package: Path) -> None:
    before = (package / "model.toml").read_bytes()
    Path("wrong.csv").write_text("".join(f"{path},tench\n" for path in photos()), "utf-8")
    assert cli.main(["calibrate", "./mine", "wrong.csv", "--coverage", "0.8", "--write"]) == 1
    assert "the scores say nothing about these classes" in capsys.readouterr().out
    assert (package / "model.toml").read_bytes() == before


@pytest.mark.parametrize("share", ["1", "0", "90", "90%", "nan", "0.9995"])
def test_a_share_that_cannot_be_promised_is_refused(capsys: pytest.CaptureFixture[str], share: str) -> None:
    with pytest.raises(SystemExit):
        cli.main(["calibrate", "efficientnet-lite0", str(LABELS), "--coverage", share])
    assert "must be a share from 0.5 to 0.999, such as 0.9" in capsys.readouterr().err


def test_sets_and_the_unknown_are_fitted_one_after_the_other() -> None:
    with pytest.raises(SystemExit):
        cli.main(["calibrate", "cifar10", str(LABELS), "--coverage", "0.9", "--unknown"])


def test_info_and_doctor_name_the_promise(
    capsys: pytest.CaptureFixture[str], fitted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLASSIFIER_MODELS", str(fitted.parent))
    assert cli.main(["info"]) == 0
    assert "sets of 80.0% coverage" in capsys.readouterr().out
    assert cli.main(["info", "--json"]) == 0
    assert [one["coverage"] for one in json.loads(capsys.readouterr().out)["models"]] == [0.8]
    (check,) = doctor.packages(Settings(models=fitted.parent, model="efficientnet-lite0"), alone=True)
    assert (check.status, check.detail.endswith(", sets of 80.0% coverage")) == ("ok", True)


def test_the_report_has_a_section_of_them(capsys: pytest.CaptureFixture[str], fitted: Path, small: str) -> None:
    assert cli.main(["evaluate", "./mine", small, "--html", "r.html", "--predictions", "p.csv"]) == 0
    out = capsys.readouterr().out
    assert re.search(r"^  sets +\d+\.\d%  1[12] of 12 hold the right class; 95% interval ", out, re.M)
    assert re.search(r"^  AURC +0\.\d{4}  risk over all coverages", out, re.M)
    assert "The sets were fitted to 12 of these pictures" in out
    assert "Do the sets keep their promise?" in Path("r.html").read_text("utf-8")
    told = list(csv.DictReader(io.StringIO(Path("p.csv").read_text("utf-8"))))
    assert sum(row["in_set"] == "true" for row in told) >= 11
