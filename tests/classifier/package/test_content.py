"""What tells a package from a changed one, and weights from those that were there when it was read."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from classifier import ModelPackage, PackageError
from classifier.package.content import digest, fingerprint
from tests.support.changing import write


def test_a_version_can_be_made_with_sha256sum_too(tmp_path: Path) -> None:
    mine = write(tmp_path / "mine", 1)
    names = ["labels.en.txt", "model.toml", "model.tflite"]
    lines = "".join(f"{hashlib.sha256((mine / name).read_bytes()).hexdigest()}  {name}\n" for name in names)
    expected = hashlib.sha256(lines.encode()).hexdigest()[:16]
    assert ModelPackage.load(mine, sealed=True).version == expected
    assert ModelPackage.load(mine).version == ""
    assert ModelPackage.load(mine, sealed=True).called("other").version == expected


@pytest.mark.parametrize("recorded", [True, False])
def test_a_sealed_package_is_held_to_the_weights_of_its_reading(tmp_path: Path, recorded: bool) -> None:
    mine = write(tmp_path / "mine", 1, recorded=recorded)
    package, loose = ModelPackage.load(mine, sealed=True), ModelPackage.load(mine)
    content = package.weights_content("litert")
    assert content == (mine / "model.tflite").read_bytes()
    other = write(tmp_path / "other", 2)
    (mine / "model.tflite").write_bytes((other / "model.tflite").read_bytes())
    for read in (package.weights_content, package.weights_file):
        with pytest.raises(PackageError, match="is damaged or was replaced" if recorded else "it was changed since"):
            read("litert")
    if not recorded:
        assert loose.weights_content("litert") != content


def test_the_weights_of_a_folder_are_sealed_by_all_that_is_in_it(tmp_path: Path) -> None:
    mine = write(tmp_path / "mine", 1)
    saved = mine / "saved"
    (saved / "variables").mkdir(parents=True)
    (saved / "saved_model.pb").write_bytes(b"graph")
    (saved / "variables" / "data").write_bytes(b"1")
    manifest = mine / "model.toml"
    manifest.write_text(manifest.read_text() + '[weights.tensorflow]\nfile = "saved"\n')
    package, seen, hashed = ModelPackage.load(mine, sealed=True), fingerprint(mine), digest(saved)
    assert package.weights_file("tensorflow") == saved
    assert package.weights_hash("tensorflow") == ("saved", hashed)
    (saved / "variables" / "data").write_bytes(b"2")
    assert fingerprint(mine) != seen
    assert ModelPackage.load(mine, sealed=True).version != package.version
    with pytest.raises(PackageError, match="it was changed since"):
        package.weights_file("tensorflow")


def test_another_file_of_the_same_size_and_time_is_noticed(tmp_path: Path) -> None:
    mine = write(tmp_path / "mine", 1)
    for file in mine.iterdir():
        os.utime(file, (1, 1))
    seen = fingerprint(mine)
    assert fingerprint(mine) == seen
    (tmp_path / "new").write_text("cat\nowl\ndog", "utf-8")
    os.utime(tmp_path / "new", (1, 1))
    (tmp_path / "new").rename(mine / "labels.en.txt")
    assert fingerprint(mine) != seen


@pytest.mark.parametrize("text", ["", "format = ", "labels = 3\nweights = [1]\n", "[labels]\nen = 1\n", "\0"])
def test_a_manifest_that_is_being_written_has_a_fingerprint(tmp_path: Path, text: str) -> None:
    mine = write(tmp_path / "mine", 1)
    seen = fingerprint(mine)
    (mine / "model.toml").write_text(text)
    assert fingerprint(mine) != seen
    (mine / "model.toml").unlink()
    assert fingerprint(mine) not in (seen, ())
