"""`calibrate --unknown` and `evaluate --others` with a real model on real photos."""

from __future__ import annotations

import base64
import io
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from classifier import Classifier, ModelPackage, Settings, cli
from tests.support import tiny_onnx
from tests.support.photos import ROOT, photo

CIFAR10 = ROOT / "model/cifar10"
PHOTOS = ROOT / "tests/cifar10_photos"
CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """What is said of a command that does not work."""
    assert cli.main(arguments)
    return capsys.readouterr().err


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """The ten-class model without its measure."""
    shutil.copytree(CIFAR10, tmp_path / "model", ignore=shutil.ignore_patterns("unknown.npz", "model.keras", "*.h5"))
    text = (CIFAR10 / "model.toml").read_text("utf-8")
    start, end = text.index("[weights.tensorflow]"), text.index("[published]")
    (tmp_path / "model/model.toml").write_text(text[:start] + text[end:], "utf-8")
    return tmp_path / "model"


def pictures(folder: Path, each: int, classes: tuple[str, ...] = CLASSES) -> Path:
    """Photos of the ten things, varied, in a sub-folder for each class; where there are none, some noise."""
    random = np.random.default_rng(0)
    for label in classes:
        (folder / label).mkdir(parents=True)
        found = sorted((PHOTOS / label).glob("*")) if (PHOTOS / label).is_dir() else []
        for number in range(each):
            target = folder / label / f"{number}.png"
            if not found:
                Image.fromarray(random.integers(0, 256, (32, 32, 3), np.uint8)).save(target)
                continue
            with Image.open(found[number % len(found)]) as image:
                square = image.convert("RGB").resize((40, 40))
            left, top = random.integers(0, 9, 2)
            section = square.crop((left, top, left + 32, top + 32))
            section.putpixel((0, 0), (number, 0, 0))  # each is a picture of its own
            section.save(target)
    return folder


@pytest.mark.slow
def test_a_package_without_one_gets_it_and_heeds_it(
    package: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = pictures(tmp_path / "own", 10)
    before = Classifier.load(package, settings=Settings(backend="litert")).classify(photo("solar5.webp"))
    assert before.familiar is None
    assert cli.main(["calibrate", "model", "own", "--unknown"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("cifar10 on own: 100 pictures, ")
    assert out.endswith("Nothing was written; --write puts it into model/unknown.npz.\n")
    assert not (package / "unknown.npz").exists()
    manifest = (package / "model.toml").read_bytes()

    assert cli.main(["calibrate", "model", str(data), "--unknown", "--write"]) == 0
    assert "Written to " in capsys.readouterr().out
    measure = ModelPackage.load(package).unknown
    assert measure
    assert measure.channels == 1280
    assert (package / "model.toml").read_bytes() == manifest
    after = Classifier.load(package, settings=Settings(backend="litert")).classify(photo("solar5.webp"))
    assert after.predictions == before.predictions
    assert after.familiar is not None
    assert after.familiar < 0.5
    assert not after.known
    assert not after.sure
    again = ["evaluate", "model", "own", "--json", "report.json", "--html", "report.html"]
    assert cli.main(again) == 0
    assert "unknown.npz was fitted to 100 of these pictures: " in capsys.readouterr().out
    assert json.loads(Path("report.json").read_text("utf-8"))["fitted_on"] == 100
    assert "unknown.npz was fitted to 100 of these" in Path("report.html").read_text("utf-8")


@pytest.mark.slow
def test_too_few_pictures_or_classes_are_not_written(
    package: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pictures(tmp_path / "own", 10, CLASSES[:9])
    assert cli.main(["calibrate", "model", "own", "--unknown", "--write"]) == 1
    out = capsys.readouterr().out
    assert "Do not use it: 1 of the model's 10 classes have fewer than 10 pictures here (truck)" in out
    assert out.endswith("Nothing was written.\n")
    assert not (package / "unknown.npz").exists()


def test_a_model_without_features_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tiny_onnx.package(tmp_path / "tiny", tiny_onnx.network())
    shutil.copytree(PHOTOS / "dog", tmp_path / "own/one")
    assert "tiny gives no features" in refused(capsys, "calibrate", "tiny", "own", "--unknown")


def test_others_are_measured_and_the_worst_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for label in ("bird", "dog"):
        shutil.copytree(PHOTOS / label, tmp_path / "own" / label)
    (tmp_path / "others/more").mkdir(parents=True)
    for name in ("koala.webp", "coffee.png", "baseball.webp", "solar5.webp", "hammer1.webp"):
        shutil.copy(photo(name), tmp_path / "others/more")
    assert cli.main(["evaluate", str(CIFAR10), "own", "--others", "others", "--json", "report.json"]) == 0
    out = capsys.readouterr().out
    assert "5 pictures of others, of none of the classes" in out
    assert "  called sure " in out
    told = json.loads(Path("report.json").read_text("utf-8"))["others"]
    assert told["pictures"] == 5
    assert told["sure"] == len(told["worst"]) <= 2
    assert told["auroc"]["familiar"] > 0.75
    assert told["curve"][-1]["coverage"] == 1


def test_the_report_shows_the_others_that_are_called_sure(tmp_path: Path) -> None:
    for label in ("bird", "dog"):
        shutil.copytree(PHOTOS / label, tmp_path / "own" / label)
    (tmp_path / "others").mkdir()
    for name in ("panda.webp", "koala.webp", "jaguar.webp"):
        shutil.copy(photo(name), tmp_path / "others")
    assert (
        cli.main(["evaluate", str(CIFAR10), "own", "--others", "others", "--json", "r.json", "--html", "r.html"]) == 0
    )
    worst = json.loads(Path("r.json").read_text("utf-8"))["others"]["worst"]
    assert worst
    text = Path("r.html").read_text("utf-8")
    shown = re.findall(r'<tr><td><img src="data:image/jpeg;base64,([^"]+)" alt=""></td>.*?title="([^"]+)">', text)
    assert [file for _, file in shown] == [one["file"] for one in worst]
    for picture, _ in shown:
        data = base64.b64decode(picture)
        assert len(data) < 10_000
        assert max(Image.open(io.BytesIO(data)).size) == 96


def test_own_pictures_among_the_others_are_noticed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(PHOTOS / "dog", tmp_path / "own/dog")
    (tmp_path / "others").mkdir()
    shutil.copy(next((tmp_path / "own/dog").iterdir()), tmp_path / "others/renamed.webp")
    shutil.copy(photo("koala.webp"), tmp_path / "others")
    outputs = ("--json", "r.json", "--html", "r.html")
    assert cli.main(["evaluate", str(CIFAR10), "own", "--others", "others", *outputs]) == 0
    assert re.search(r"^  also own +1  are among its own pictures, too", capsys.readouterr().out, re.M)
    assert json.loads(Path("r.json").read_text("utf-8"))["others"]["also_own"] == 1
    assert "<dt>also among its own pictures, so that one or the other is wrong</dt><dd>1</dd>" in Path(
        "r.html"
    ).read_text("utf-8")


def test_copies_of_a_picture_do_not_make_a_class(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for label in ("cat", "dog"):
        (tmp_path / "own" / label).mkdir(parents=True)
        first = min((PHOTOS / label).iterdir())
        for number in range(12):
            shutil.copy(first, tmp_path / "own" / label / f"{number}.webp")
    shutil.copy(first, tmp_path / "own/cat/dog.webp")
    for more, lacking in (("--unknown", "10 of the model's 10 classes"), ("", "use 100 or more")):
        assert cli.main(["calibrate", str(CIFAR10), "own", *filter(None, [more])]) == 0
        out = capsys.readouterr().out
        assert "own: 2 pictures" in out
        assert lacking in out
        assert "23 of the pictures are there more than once, and taken once." in out
        assert "of them with another class: classifier evaluate says which." in out


def test_a_folder_without_pictures_is_refused_before_the_work(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(PHOTOS / "dog", tmp_path / "own/dog")
    (tmp_path / "empty").mkdir()
    assert "empty: " in refused(capsys, "evaluate", str(CIFAR10), "own", "--others", "empty")
    assert "nowhere" in refused(capsys, "evaluate", str(CIFAR10), "own", "--others", "nowhere")
    assert "--others takes a folder" in refused(capsys, "evaluate", str(CIFAR10), "own", "--others", __file__)
