"""Writing a temperature into model.toml: one value changes, and everything else stays as it is."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path

import pytest
import tomlkit

from classifier import ModelPackage, PackageError
from classifier.package.temperature import set_temperature
from tests.support.photos import ROOT

REST = """
[labels]
en = "labels.txt"

[weights.litert]
file = "model.tflite"
"""
HEAD = """\
# How a picture becomes an answer.
format = 1
name = "tiny"   # as callers write it
title = "Tiny, temperature = 9"

[input]
size = [8, 8]

"""


def package(folder: Path, output: str, after: str = REST) -> Path:
    (folder / "labels.txt").write_text("cat\ndog\n", "utf-8")
    (folder / "model.tflite").touch()
    (folder / "model.toml").write_bytes((HEAD + output + after).encode())
    return folder / "model.toml"


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        (
            "[output]\nclasses = 2\nlogits = true\ntemperature = 1.0        # divides the logits\n",
            "[output]\nclasses = 2\nlogits = true\ntemperature = 1.25       # divides the logits\n",
        ),
        ("[output] # out\ntemperature=1\nclasses = 2\nlogits = true\n", None),
        ("[ output ]\n  temperature = 0.5#x\nclasses = 2\nlogits = true\n", None),
        (
            "[output]\nclasses = 2\nlogits = true  # no softmax\ntop_k = 2\n",
            "[output]\nclasses = 2\nlogits = true  # no softmax\ntemperature = 1.25\ntop_k = 2\n",
        ),
        (
            "[output]\nlogits = true\nclasses = 2\n\n# What they are called.\n",
            "[output]\nlogits = true\ntemperature = 1.25\nclasses = 2\n\n# What they are called.\n",
        ),
        (
            "[output]\r\nclasses = 2\r\nlogits = true\r\n",
            "[output]\r\nclasses = 2\r\nlogits = true\r\ntemperature = 1.25\r\n",
        ),
    ],
)
def test_only_the_temperature_changes(tmp_path: Path, output: str, expected: str | None) -> None:
    file = package(tmp_path, output)
    set_temperature(tmp_path, 1.25)
    text = file.read_bytes().decode()
    if expected is None:
        expected = output.replace("temperature=1", "temperature=1.25").replace("0.5#x", "1.25#x")
    assert text == HEAD + expected + REST
    assert ModelPackage.load(tmp_path).manifest.output.temperature == 1.25
    assert sorted(path.name for path in tmp_path.iterdir()) == ["labels.txt", "model.tflite", "model.toml"]


def test_a_table_at_the_end_without_a_last_newline(tmp_path: Path) -> None:
    file = package(tmp_path, REST[1:] + "\n", "[output]\nclasses = 2\nlogits = true")
    set_temperature(tmp_path, 2.0)
    assert file.read_text("utf-8").endswith("logits = true\ntemperature = 2.0\n")


def test_a_mark_of_windows_editors_stays(tmp_path: Path) -> None:
    file = package(tmp_path, "[output]\nclasses = 2\nlogits = true\n")
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes())
    set_temperature(tmp_path, 2.0)
    assert file.read_bytes().startswith(b"\xef\xbb\xbf# How")


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        (
            "output = { classes = 2, logits = true } # inline",
            "output = { classes = 2, logits = true, temperature = 1.5} # inline",
        ),
        (
            "output = { classes = 2, temperature = 1, logits = true }",
            "output = { classes = 2, temperature = 1.5, logits = true }",
        ),
        (
            "output.classes = 2\noutput.logits = true",
            "output.classes = 2\noutput.temperature = 1.5\noutput.logits = true",
        ),
        ("output.temperature = 2 # T\noutput.logits = true\noutput.classes = 2", None),
    ],
)
def test_inline_tables_and_dotted_keys_take_it(tmp_path: Path, output: str, expected: str | None) -> None:
    file = package(tmp_path, "")
    text = file.read_text("utf-8")
    file.write_text(text.replace("[input]", f"{output}\n[input]"), "utf-8")
    set_temperature(tmp_path, 1.5)
    expected = expected or output.replace("temperature = 2", "temperature = 1.5")
    assert file.read_text("utf-8") == text.replace("[input]", f"{expected}\n[input]")
    assert ModelPackage.load(tmp_path).manifest.output.temperature == 1.5


@pytest.mark.parametrize("changed", ["name = 'other'\n", "no TOML ="])
def test_a_change_of_anything_else_is_refused_and_the_file_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changed: str
) -> None:
    file = package(tmp_path, "[output]\nclasses = 2\nlogits = true\n")
    text = file.read_text("utf-8")
    # No layout is known that makes tomlkit do this.
    monkeypatch.setattr(tomlkit, "dumps", lambda document: changed)
    with pytest.raises(PackageError, match=r"model\.toml: .*left as it is.*`temperature = 1\.5` under \[output\]"):
        set_temperature(tmp_path, 1.5)
    assert file.read_text("utf-8") == text
    assert len(list(tmp_path.iterdir())) == 3


def test_a_link_and_the_files_mode_stay(tmp_path: Path) -> None:
    file = package(tmp_path, "[output]\nclasses = 2\nlogits = true\n")
    real = tmp_path / "kept"
    real.mkdir()
    file.rename(real / "model.toml")
    (real / "model.toml").chmod(0o640)
    os.symlink(real / "model.toml", file)
    set_temperature(tmp_path, 1.5)
    assert file.is_symlink()
    assert stat.S_IMODE((real / "model.toml").stat().st_mode) == 0o640
    assert ModelPackage.load(tmp_path).manifest.output.temperature == 1.5


@pytest.mark.parametrize("name", ["efficientnet-lite0", "efficientnet-lite2"])
def test_the_shipped_packages_keep_their_comments(tmp_path: Path, name: str) -> None:
    before = (ROOT / "model" / name / "model.toml").read_text("utf-8")
    shutil.copytree(ROOT / "model" / name, tmp_path / name, ignore=shutil.ignore_patterns("*.md"))
    set_temperature(tmp_path / name, 0.7312)
    after = (tmp_path / name / "model.toml").read_text("utf-8")
    (old,) = set(before.splitlines()) - set(after.splitlines())
    (new,) = set(after.splitlines()) - set(before.splitlines())
    assert old.startswith("temperature = 1.0  ")
    assert new == old.replace("1.0   ", "0.7312")
