"""Model packages: found, read, and refused with file, key and what was expected."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from classifier import ModelPackage, PackageError, UnknownModelError
from classifier.package import find_packages, locate
from tests.support.photos import MODELS, ROOT

WEIGHTS = b"weights"
MANIFEST = f"""\
format = 1
name = "tiny"
title = "Tiny"

[input]
size = [8, 16]

[output]
classes = 2
logits = true

[labels]
en = "labels.txt"
zh = "labels.zh.txt"

[weights.litert]
file = "model.tflite"
sha256 = "{hashlib.sha256(WEIGHTS).hexdigest()}"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "tiny"
    path.mkdir()
    (path / "model.toml").write_text(MANIFEST, "utf-8")
    (path / "model.tflite").write_bytes(WEIGHTS)
    (path / "labels.txt").write_text("cat\ndog\n", "utf-8")
    (path / "labels.zh.txt").write_text("猫\n狗", "utf-8")
    return path


def change(folder: Path, old: str, new: str) -> None:
    assert old in MANIFEST
    (folder / "model.toml").write_text(MANIFEST.replace(old, new), "utf-8")


@pytest.mark.parametrize("name", MODELS)
def test_the_shipped_packages_are_whole(name: str) -> None:
    package = ModelPackage.load(ROOT / "model" / name)
    assert package.name == name
    assert set(package.labels) >= {"en", "zh"}
    assert all(len(labels) == 1000 for labels in package.labels.values())
    for form, weights in package.manifest.weights.items():
        assert weights.sha256
        assert package.weights_file(form).is_file()
    assert package.manifest.license
    assert package.manifest.source.startswith("https://")


def test_what_a_package_does_not_say_has_its_default(folder: Path) -> None:
    package = ModelPackage.load(str(folder))
    assert package.labels == {"en": ("cat", "dog"), "zh": ("猫", "狗")}
    assert package.manifest.input.size == (8, 16)
    assert package.manifest.input.crop == 1
    assert (package.manifest.output.top_k, package.manifest.output.temperature) == (5, 1)
    assert package.labels_for("zh") == ("猫", "狗")
    assert package.labels_for("fr") == ("cat", "dog")
    assert [package.language_for(one) for one in ("zh", "fr")] == ["zh", "en"]


def test_editors_on_windows_may_leave_their_mark(folder: Path) -> None:
    (folder / "model.toml").write_text(MANIFEST, "utf-8-sig")
    (folder / "labels.txt").write_text("cat\r\ndog\r\n", "utf-8-sig", newline="")
    assert ModelPackage.load(folder).labels["en"] == ("cat", "dog")


@pytest.mark.parametrize(
    ("old", "new", "key", "expected"),
    [
        ("format = 1", "format = 2", "format", "should be 1"),
        ("format = 1\n", "", "format", "required"),
        ('name = "tiny"', 'name = "../up"', "name", "pattern"),
        ("size = [8, 16]", "size = [8]", "input.size", "required"),
        ("size = [8, 16]", "size = [8, 0]", "input.size.1", "greater than 0"),
        ("[8, 16]", "[8, 16]\ncrop = 0.0", "input.crop", "greater than 0"),
        ("[8, 16]", '[8, 16]\nresample = "cubic"', "input.resample", "'bicubic'"),
        ("[8, 16]", "[8, 16]\nstd = 0.0", "input.std", "greater than 0"),
        ("[8, 16]", "[8, 16]\ncropp = 0.5", "input.cropp", "not permitted"),
        ("[8, 16]", "[8, 16]\nchannels = 4", "input.channels", "1 or 3"),
        ("[8, 16]", "[8, 16]\nchannels = 1\nmean = [1.0, 2.0, 3.0]", "input", "one number each where channels = 1"),
        ("[8, 16]", '[8, 16]\nchannels = 1\ncolours = "bgr"', "input", 'colours = "bgr" goes with channels = 3'),
        ("[8, 16]", '[8, 16]\ncolours = "gbr"', "input.colours", "'rgb' or 'bgr'"),
        ("classes = 2", "classes = 2\nbinary = true\nmulti_label = true", "output", "without multi_label"),
        ("classes = 2", "classes = 0", "output.classes", "greater than 0"),
        ("logits = true\n", "", "output.logits", "required"),
        ("logits = true", "logits = true\nunsure_below = 30", "output.unsure_below", "equal to 1"),
        ("weights.litert", "weights.caffe", "weights.caffe", "'litert', 'tensorflow' or 'onnx'"),
        ('"model.tflite"', '"other.tflite"', "weights.litert.file", "other.tflite is not in"),
        ('sha256 = "', 'sha256 = "x', "weights.litert.sha256", "pattern"),
    ],
)
def test_a_wrong_manifest_is_refused_with_file_key_and_expectation(
    folder: Path, old: str, new: str, key: str, expected: str
) -> None:
    change(folder, old, new)
    with pytest.raises(PackageError) as caught:
        ModelPackage.load(folder)
    message = caught.value.message
    assert message.startswith(f"{folder / 'model.toml'}: {key}")
    assert expected in message


def test_every_wrong_key_is_named_at_once(folder: Path) -> None:
    (folder / "model.toml").write_text('format = 1\nname = "tiny"\n', "utf-8")
    with pytest.raises(PackageError, match=r"title.*input.*output.*labels"):
        ModelPackage.load(folder)


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ("cat\n", "expected 2 labels.* output.classes in model.toml .* found 1"),
        ("cat\ndog\ncow\n", "expected 2 labels.* found 3"),
        ("cat\n\ndog\n", "line 2 is empty"),
        ("cat\n  \n", "expected 2 labels.* found 1"),
        ("\n", "file is empty"),
        ("cat\ndog\0\n", "not UTF-8 text"),
        ("cat\n" + "d" * 5_000_000, "over 5 MB"),
    ],
)
def test_there_must_be_a_label_on_each_line_for_each_class(folder: Path, labels: str, expected: str) -> None:
    (folder / "labels.txt").write_text(labels, "utf-8")
    with pytest.raises(PackageError, match=rf"labels\.txt: .*{expected}"):
        ModelPackage.load(folder)


def test_empty_lines_at_the_end_and_numbers_in_labels_are_no_mistake(folder: Path) -> None:
    (folder / "labels.txt").write_text("0 cat\n1 dog\n\n", "utf-8")
    assert ModelPackage.load(folder).labels["en"] == ("0 cat", "1 dog")


def test_labels_in_another_encoding_are_refused(folder: Path) -> None:
    (folder / "labels.zh.txt").write_bytes("猫\n狗".encode("gb18030"))
    with pytest.raises(PackageError, match=r"labels\.zh\.txt: line 2 is not UTF-8"):
        ModelPackage.load(folder)


def test_a_missing_labels_file_is_named(folder: Path) -> None:
    (folder / "labels.zh.txt").unlink()
    with pytest.raises(PackageError, match=r"labels\.zh\.txt: the labels cannot be read: No such file"):
        ModelPackage.load(folder)


def test_what_is_no_package_is_refused(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(PackageError, match=r"has no model\.toml"):
        ModelPackage.load(tmp_path)
    with pytest.raises(PackageError, match="is a file, not a model package"):
        ModelPackage.load(folder / "model.tflite")
    (folder / "model.toml").write_text("format = ", "utf-8")
    with pytest.raises(PackageError, match="cannot be read as TOML"):
        ModelPackage.load(folder)


def test_changed_weights_are_refused(folder: Path) -> None:
    package = ModelPackage.load(folder)
    assert package.weights_file("litert") == folder / "model.tflite"
    (folder / "model.tflite").write_bytes(b"others")
    with pytest.raises(PackageError, match=r"weights\.litert\.sha256: the file is damaged"):
        package.weights_file("litert")


def test_a_form_that_is_not_there(folder: Path) -> None:
    with pytest.raises(PackageError, match=r"weights\.tensorflow: not in this package"):
        ModelPackage.load(folder).weights_file("tensorflow")


def test_packages_are_found_by_the_names_of_their_folders(folder: Path) -> None:
    models = folder.parent
    (models / "no package").mkdir()
    (models / "file.txt").touch()
    (models / "alpha").mkdir()
    (models / "alpha" / "model.toml").write_text("not even valid", "utf-8")
    assert list(find_packages(models).items()) == [
        ("alpha", models / "alpha"),
        ("tiny", folder),
    ]
    assert find_packages(models / "nowhere") == {}


def test_a_model_is_located_by_name_or_path(folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert locate("tiny", tmp_path) == folder
    assert locate(str(folder), "/nowhere") == folder
    monkeypatch.chdir(tmp_path)
    assert locate("tiny", "/nowhere") == Path("tiny")
    assert locate("./nothing", tmp_path) == Path("nothing")  # loading it says what is wrong


def test_an_unknown_name_lists_those_there_are(folder: Path) -> None:
    with pytest.raises(UnknownModelError, match=r"no model named 'big'. Choose from: tiny\."):
        locate("big", folder.parent)
    with pytest.raises(UnknownModelError, match="none installed"):
        locate("big", "/nowhere")
