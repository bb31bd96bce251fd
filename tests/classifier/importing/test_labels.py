"""Labels files: read as they come, numbered ones too, and refused with the line that is wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from classifier.errors import ModelFileError
from classifier.importing import label_files, labels
from tests.support.imported import LABELS, bring, place
from tests.support.tiny_tflite import Tiny


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("cat\ndog\n", ("cat", "dog")),
        ("\ufeffcat\r\n  dog \r\n\r\n", ("cat", "dog")),
        ("0 Cat\n1 Big Dog\n", ("Cat", "Big Dog")),
        ("0: cat\n1: dog\n", ("cat", "dog")),
        ("1 cat\n2 dog\n", ("1 cat", "2 dog")),  # no count from 0: part of the label
        ("0 cat\n2 dog\n", ("0 cat", "2 dog")),
        ("猫\n狗", ("猫", "狗")),
        ("10\n20\n", ("10", "20")),
        ("n01440764 tench, Tinca tinca\nn01443537 goldfish\n", ("tench, Tinca tinca", "goldfish")),
        ("n01440764\nn01443537\n", ("n01440764", "n01443537")),
    ],
)
def test_a_label_on_each_line(text: str, expected: tuple[str, ...]) -> None:
    assert labels.parse(text.encode(), "labels.txt") == expected


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "file is empty"),
        (b"\n \n", "file is empty"),
        (b"cat\n\ndog\n", "line 2 is empty"),
        ("Brot\nKäse".encode("latin-1"), "line 2 is not UTF-8"),
        (b"cat\0dog", "not UTF-8"),
        (b"a\n" * 3_000_000, "labels files over 5 MB are refused"),
    ],
)
def test_a_file_without_a_label_on_each_line_is_refused(data: bytes, problem: str) -> None:
    with pytest.raises(ModelFileError, match=rf"labels\.txt: .*{problem}"):
        labels.parse(data, "labels.txt")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match=r"none\.txt: the labels cannot be read: No such file"):
        labels.read(tmp_path / "none.txt")


def test_a_line_of_thousands_of_digits_is_a_label_like_any_other() -> None:
    assert labels.parse(f"0 a\n{'9' * 5000} b\n".encode(), "labels.txt") == ("0 a", f"{'9' * 5000} b")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"cat": 0, "dog": 1}', ("cat", "dog")),
        ('{\n  "dog": 1,\n\n  "cat": 0\n}\n', ("cat", "dog")),
        ('\ufeff{"1": "dog", "0": "cat"}', ("cat", "dog")),
        ('["cat", "Big Dog"]', ("cat", "Big Dog")),
        ('["0 cat", "1 dog"]', ("0 cat", "1 dog")),
        ("{'cat': 0, 'dog': 1}", ("cat", "dog")),  # as Python prints it
        ("{0: 'cat', 1: 'dog'}", ("cat", "dog")),
        ('{"5": 0, "7": 1}', ("5", "7")),  # the digits are the labels
        ('{"0": ["n02123045", "tabby"], "1": ["n02085620", "Chihuahua"]}', ("tabby", "Chihuahua")),
        (
            json.dumps({str(index): f"c{index}" for index in sorted(range(12), key=str)}),
            tuple(f"c{i}" for i in range(12)),
        ),
        ('["\u72d7\\n\u732b"]', ("狗 猫",)),
        ('{"architectures": ["ViT"], "id2label": {"0": "cat", "1": "dog"}}', ("cat", "dog")),
        ('{"tmVersion": "2.4", "labels": ["cat", "dog"]}', ("cat", "dog")),
        ('{"labels": 0, "classes": 1}', ("labels", "classes")),
        ("[PAD]\n[UNK]\n", ("[PAD]", "[UNK]")),
        ("[unknown]", ("[unknown]",)),
    ],
)
@pytest.mark.parametrize("name", ["class_indices.json", "labels.txt"])
def test_json_of_labels_and_their_numbers(text: str, expected: tuple[str, ...], name: str) -> None:
    if name.endswith(".json") and text.startswith(("[PAD", "[unk")):
        with pytest.raises(ModelFileError, match="neither JSON with labels"):
            labels.parse(text.encode(), name)
        return
    assert labels.parse(text.encode(), name) == expected


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('{"cat": 1, "dog": 2}', "counting from 0"),
        ('{"1": "cat", "2": "dog"}', "counting from 0"),
        ('{"cat": 0, "dog": 0}', "counting from 0"),
        ('{"0": "cat", "0": "dog"}', "twice"),
        ('{"cat": true, "dog": false}', "other things"),
        ('{"cat": "x", "dog": "y"}', "other things"),
        ('[{"id": 0, "name": "cat"}]', "other things"),
        ("[1, 2]", "other things"),
        ('["cat", " "]', "other things"),
        ("[]", "counting from 0"),
        ("{}", "counting from 0"),
        ('{"cat": 0, "dog": 1', "neither JSON with labels"),
        ('"cat"', "neither JSON with labels"),
        ("[" * 100_000, "neither JSON with labels"),
        ('{"cat": ' + "9" * 5000 + "}", r"labels|JSON"),
        ('["\\ud800"]', "UTF-8"),
    ],
)
def test_other_json_is_refused_by_name(text: str, problem: str) -> None:
    with pytest.raises(ModelFileError, match=rf"class_indices\.json: .*{problem}.*"):
        labels.parse(text.encode(), "class_indices.json")


def test_json_is_read_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "class_indices.json").write_text('{"dog": 1, "cat": 0}', "utf-8")
    assert labels.read(tmp_path / "class_indices.json") == ("cat", "dog")


USUAL = (
    "labels.txt label.txt Labels.txt dict.txt classes.txt class_names.txt class_names.json classes.json labels.json "
    "labelmap.txt label_map.txt class_indices.json synset.txt synset_words.txt imagenet_classes.txt index_to_name.json"
)


def model_with(folder: Path, **files: tuple[str, ...]) -> Path:
    """A model of three classes with labels files beside it; `__` stands for a full stop."""
    model = place(folder, Tiny().build(), "mine.tflite", labels=())
    for name, lines in files.items():
        text = json.dumps(lines) if name.endswith("json") else "\n".join(lines)
        (folder / name.replace("__", ".")).write_text(text, "utf-8")
    return model


@pytest.mark.parametrize("name", [*USUAL.split(), "flower_labels.txt", "my-classes.txt", "mine.txt", "config.json"])
def test_a_labels_file_of_any_usual_name_is_found(tmp_path: Path, name: str) -> None:
    model = model_with(tmp_path)
    text = "\n".join(LABELS)
    if name.endswith(".json"):
        text = json.dumps({"id2label": dict(enumerate(LABELS))} if name == "config.json" else LABELS)
    (tmp_path / name).write_text(text, "utf-8")
    (tmp_path / "requirements.txt").write_text("a\nb\nc\n", "utf-8")
    found = label_files.beside(model)
    assert [one.path.name for one in found] == [name]
    assert label_files.choose(found, 3, "m") == (LABELS, name)


def test_a_description_without_labels_is_no_labels_file(tmp_path: Path) -> None:
    model = model_with(tmp_path)
    (tmp_path / "config.json").write_text('{"a": 0, "b": 1, "c": 2}', "utf-8")
    assert label_files.beside(model) == ()


def test_of_several_files_the_one_with_a_label_for_each_class_is_taken(tmp_path: Path) -> None:
    model = model_with(tmp_path, coco_labels__txt=("a", "b"), labelmap__txt=LABELS, old_labels__txt=("x", "y", "z"))
    _, said = bring(model)
    assert said["labels"] == "from labelmap.txt: cat, dog, bird"


def test_several_files_that_say_the_same(tmp_path: Path) -> None:
    _, said = bring(model_with(tmp_path, labels__txt=LABELS, class_names__json=LABELS))
    assert said["labels"].endswith("cat, dog, bird")


@pytest.mark.parametrize(
    ("files", "problem"),
    [
        (
            {"labels__txt": LABELS, "dict__txt": ("x", "y", "z")},
            r"several files beside it.*dict\.txt \(3\), labels\.txt",
        ),
        ({"a_labels__txt": LABELS, "b_labels__txt": ("x", "y", "z")}, r"a_labels\.txt \(3\), b_labels\.txt \(3\)"),
        ({"labels__txt": ("x", "y")}, r"3 classes, but there are 2 labels in labels\.txt.*--labels FILE"),
        (
            {"labels__txt": ("x", "y"), "dict__txt": ("x",)},
            r"other numbers of labels: dict\.txt \(1\), labels\.txt \(2\)",
        ),
    ],
)
def test_labels_that_cannot_be_told_are_refused_with_what_was_found(
    tmp_path: Path, files: dict[str, tuple[str, ...]], problem: str
) -> None:
    with pytest.raises(ModelFileError, match=problem):
        bring(model_with(tmp_path, **files))
