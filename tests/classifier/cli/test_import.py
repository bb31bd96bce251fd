"""The command `import`: what it prints, its options, and its exit status."""

from __future__ import annotations

import json
import re
import shutil
import tempfile
import tomllib
from pathlib import Path
from typing import get_args

import pytest

from classifier import ModelPackage, cli
from classifier.cli import import_
from classifier.importing.options import SCALES
from classifier.package import Colours, Resample
from classifier.package.opened import forget
from tests.support.imported import place, teachable_zip
from tests.support.photos import ROOT, photo
from tests.support.tiny_tflite import Tiny


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return place(tmp_path, Tiny().build())


def test_it_says_what_was_found_and_chosen(source: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["import", "model.tflite", "My Model"]) == 0
    out, err = capsys.readouterr()
    words = [line.split()[0] for line in out.splitlines()]
    assert [*dict.fromkeys(words)] == ["found", "input", "values", "output", "labels", "tried", "written"]
    assert not err
    package = ModelPackage.load("My Model")
    assert package.name == "my-model"
    assert package.manifest.weights["litert"].sha256


def test_every_option_arrives(source: Path) -> None:
    Path("zh.txt").write_text("猫\n狗\n鸟\n", "utf-8")
    labels = ["--labels", "labels.txt", "--labels", "zh=zh.txt"]
    names = ["--name", "animals", "--title", 'My "best"']
    values = ["--mean", "1,2,3", "--std", "4,5,6", "--colours", "bgr", "--crop", "0.875"]
    assert cli.main(["import", "model.tflite", "a", *labels, *names, *values, "--resample", "bicubic"]) == 0
    manifest = ModelPackage.load("a").manifest
    assert (manifest.name, manifest.title) == ("animals", 'My "best"')
    assert (manifest.input.mean, manifest.input.std) == ((1, 2, 3), (4, 5, 6))
    assert (manifest.input.crop, manifest.input.resample, manifest.input.colours) == (0.875, "bicubic", "bgr")
    assert ModelPackage.load("a").labels["zh"] == ("猫", "狗", "鸟")
    assert tomllib.loads(Path("a/model.toml").read_text("utf-8"))["labels"] == {
        "en": "labels.en.txt",
        "zh": "labels.zh.txt",
    }


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ("--mean 127", "--mean and --std belong together"),
        ("--mean 1,2,3 --std 4", "as many numbers"),
        ("--mean 1 --std 0", "std above 0"),
        (
            "--mean 103.939,116.779,123.68 --std 1,1,1",
            "Give mean and std of red, green and blue, --mean 123.68,116.779,",
        ),
        ("--name No/Good", "expected lower-case letters"),
        ("--labels none.txt", "none.txt: the labels cannot be read"),
    ],
)
def test_wrong_options_are_said(source: Path, capsys: pytest.CaptureFixture[str], options: str, problem: str) -> None:
    assert cli.main(["import", "model.tflite", "a", *options.split()]) == 2
    err = capsys.readouterr().err
    assert problem in err
    assert len(err.splitlines()) == 1
    assert not Path("a").exists()


@pytest.mark.parametrize(
    "options",
    ["--size 0", "--size big", "--mean 1,2 --std 1", "--crop 2", "--scale other", "--resample x", "--colours x"],
)
def test_misused_options_are_said_by_argparse(source: Path, capsys: pytest.CaptureFixture[str], options: str) -> None:
    with pytest.raises(SystemExit):
        cli.main(["import", "model.tflite", "a", *options.split()])
    assert options.split()[0] in capsys.readouterr().err


def test_its_choices_are_those_that_there_are() -> None:
    assert tuple(SCALES) == import_._SCALES
    assert get_args(Resample) == import_._FILTERS
    assert get_args(Colours) == import_._COLOURS


def test_a_folder_that_cannot_be_written(source: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["import", "model.tflite", "labels.txt/a"]) == 2
    assert "cannot be written" in capsys.readouterr().err


def test_a_bare_file_is_a_model_for_every_command(
    source: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(source.parent))
    before = set(source.parent.iterdir())
    assert cli.main(["classify", "--model", "./model.tflite", "--json", str(photo("panda.webp"))]) == 0
    out, err = capfd.readouterr()
    (result,) = json.loads(out)["results"]
    assert {one["label"] for one in result["predictions"]} == {"cat", "dog", "bird"}
    assert "found" in err
    assert "written" not in err  # nobody needs that folder
    (made,) = set(source.parent.iterdir()) - before
    forget(made / "model")  # as at the process's end
    monkeypatch.setenv("CLASSIFIER_MODEL", "./model.tflite")
    assert cli.main(["info", "--json"]) == 0
    assert json.loads(capfd.readouterr().out)["model"] == "model"


def test_the_documentation_shows_what_is_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    teachable_zip(tmp_path, ("Cat", "Dog", "Bird"), (224, 224))
    text = (ROOT / "docs/own-model.md").read_text("utf-8")
    (command,) = re.findall(r"^\.venv/bin/classifier (import converted_tflite\.zip .*)$", text, re.M)
    assert cli.main(command.split()) == 0
    shown, *table = re.findall(r"^```text\n(.*?)^```$", text, re.M | re.S)
    assert capsys.readouterr().out == shown
    shutil.copyfile(ROOT / "model/cifar10/model.tflite", tmp_path / "model.tflite")
    shutil.copyfile(ROOT / "model/cifar10/labels.en.txt", tmp_path / "labels.txt")
    assert cli.main(["import", "model.tflite", "cifar10"]) == 0
    tried = [line for line in capsys.readouterr().out.splitlines() if line.startswith("tried")]
    begin, end = (part.splitlines() for part in table)
    assert (tried[: len(begin)], tried[-len(end) :]) == (begin, end)
