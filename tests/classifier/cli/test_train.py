"""`classifier train`: from folders of real photos to a model that answers, with a real network."""

from __future__ import annotations

import csv
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from classifier import Classifier, ModelPackage, Settings, cli
from classifier.machine.slots import Turn
from classifier.package import MANIFEST
from tests.support.trained import files, shots

SETTINGS = Settings(backend="litert")
THREE = {"animal": 7, "gate": 5, "hammer": 6}


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photos of three things, which tests only read."""
    return shots(tmp_path_factory.mktemp("train") / "photos", THREE)


def train(*arguments: str | Path) -> int:
    """The exit status, with the smallest network."""
    base = () if "--add" in arguments else ("--base", "efficientnet-lite0")
    return cli.main(["train", *map(str, arguments), *base])


@pytest.fixture(scope="module")
def model(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of these three things, which tests only read."""
    target = tmp_path_factory.mktemp("model") / "things"
    assert train(photos, target) == 0
    return target


def right(folder: Path, fresh: Path) -> float:
    """The share of photos that a model is right about."""
    with Classifier.load(folder, settings=SETTINGS) as classifier:
        files = sorted(fresh.glob("*/*"))
        best = [classifier.classify(file).predictions[0].label for file in files]
    return sum(label == file.parent.name for label, file in zip(best, files, strict=True)) / len(files)


def test_photos_become_a_model_that_knows_other_photos_of_the_same_things(model: Path, tmp_path: Path) -> None:
    assert right(model, shots(tmp_path / "fresh", THREE, seed=1)) > 0.9


def test_the_model_keeps_the_features_that_explanations_and_familiarity_need(model: Path) -> None:
    picture = np.zeros((224, 224, 3), np.uint8)
    with Classifier.load(model, settings=SETTINGS) as classifier, classifier.queue.take() as turn:
        assert isinstance(turn, Turn)
        found = classifier.infer(picture, turn)
    assert found.features is not None
    assert found.features.shape == (7, 7, 1280)
    assert found.probabilities.shape == (3,)


def test_the_package_says_what_cross_validation_found(
    model: Path, photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest = ModelPackage.load(model).manifest
    record = manifest.training
    assert record
    assert (record.base, record.dataset, record.pictures) == ("efficientnet-lite0", "photos", sum(THREE.values()))
    assert record.interval[0] < record.top1 < record.interval[1] or record.top1 == 1
    assert manifest.published
    assert manifest.published.top1 == record.top1
    assert 0.5 <= manifest.output.unsure_below <= 0.9
    card = (model / "README.md").read_text("utf-8")
    assert f"{record.top1 * 100:.1f} %" in card.replace("%", " %").replace("  ", " ")
    for label in THREE:
        assert f"| {label} | {THREE[label]} |" in card
    assert "<h1>" in (model / "report.html").read_text("utf-8")


def test_an_evaluation_on_the_photos_it_was_trained_on_says_so(
    model: Path, photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["evaluate", str(model), str(photos)]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert f"was trained on {sum(THREE.values())} of these pictures" in said
    assert "by cross-validation it is right on" in said


def test_what_is_told_is_measured_on_photos_that_were_left_out(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mixed = shutil.copytree(photos, tmp_path / "mixed")
    swap = [mixed / "gate/0.png", mixed / "hammer/0.png"]
    swap[0].rename(mixed / "held.png")
    swap[1].rename(swap[0])
    (mixed / "held.png").rename(swap[1])
    assert train(mixed, "new") == 0
    said = capsys.readouterr().out
    # Nearly all are right, but these two have the label of the other one.
    assert re.search(r"Most confident mistakes\n(.*\n)*?.*gate/0\.png", said)
    assert re.search(r"Most confident mistakes\n(.*\n)*?.*hammer/0\.png", said)
    surprising = Path("new/README.md").read_text("utf-8").partition("surprise")[2]
    assert "gate/0.png" in surprising
    assert "hammer/0.png" in surprising


def test_the_same_photos_make_the_same_bytes_whatever_their_names(model: Path, photos: Path, tmp_path: Path) -> None:
    for number, file in enumerate(sorted(shutil.copytree(photos, tmp_path / "again").glob("*/*"), reverse=True)):
        file.rename(file.with_name(f"photo{number}.png"))
    assert train(tmp_path / "again", tmp_path / "other", "--name", "things") == 0
    first, second = files(model), files(tmp_path / "other")
    assert first.keys() == second.keys()
    assert first["model.tflite"] == second["model.tflite"]
    assert first["labels.en.txt"] == second["labels.en.txt"]
    text = [one[MANIFEST].decode().replace("again", "photos") for one in (first, second)]
    assert len({re.sub(r"date = \S+", "", one) for one in text}) == 1


def test_a_class_is_added_without_the_photos_before(photos: Path, tmp_path: Path) -> None:
    whole = shutil.copytree(photos, tmp_path / "photos")
    (whole / "hammer").rename(tmp_path / "hammer")
    assert train(whole, "new", "--title", "My things") == 0
    shutil.rmtree(whole)
    Path("new/labels.zh.txt").write_text("动物\n门\n", "utf-8")
    Path("new/notes.txt").write_text("mine", "utf-8")
    more = tmp_path / "more"
    more.mkdir()
    (tmp_path / "hammer").rename(more / "hammer")
    assert train(more, "new", "--add") == 0
    package = ModelPackage.load("new")
    assert package.labels == {"en": ("animal", "gate", "hammer")}
    assert package.manifest.title == "My things"
    assert Path("new/notes.txt").read_text("utf-8") == "mine"
    assert sorted(one.name for one in tmp_path.iterdir() if one.name.startswith(".")) == []
    # Nothing tells it from a model that saw all of them at once.
    assert train(photos, "once") == 0
    assert Path("new/model.tflite").read_bytes() == Path("once/model.tflite").read_bytes()


def test_a_photo_that_is_added_to_another_class_moves_there(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = shutil.copytree(photos, tmp_path / "wrong")
    shutil.move(wrong / "gate/0.png", wrong / "hammer/moved.png")
    assert train(wrong, "new") == 0
    (tmp_path / "right/gate").mkdir(parents=True)
    shutil.copy(wrong / "hammer/moved.png", tmp_path / "right/gate/0.png")
    capsys.readouterr()
    assert train(tmp_path / "right", "new", "--add") == 0
    assert "Moved to gate: " in capsys.readouterr().out
    assert train(photos, "once") == 0
    assert Path("new/model.tflite").read_bytes() == Path("once/model.tflite").read_bytes()


def test_a_csv_file_serves_as_well_as_folders(model: Path, photos: Path, tmp_path: Path) -> None:
    with open(tmp_path / "photos.csv", "w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("path", "label"))
        rows.writerows((one, one.parent.name) for one in sorted(photos.glob("*/*")))
    assert train("photos.csv", "new") == 0
    assert Path("new/model.tflite").read_bytes() == (model / "model.tflite").read_bytes()


def test_a_file_that_cannot_be_read_is_told_and_the_rest_is_trained_on(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    changed = shutil.copytree(photos, tmp_path / "photos")
    (changed / "gate/broken.jpg").write_bytes(b"\xff\xd8\xff no picture")
    (changed / "gate/empty.png").write_bytes(b"")
    (changed / "void").mkdir()
    assert train(changed, "new") == 1
    said = capsys.readouterr()
    assert "gate/broken.jpg: " in said.err
    assert "gate/empty.png: This file is empty." in said.err
    assert "void: This folder holds no pictures" in said.err
    package = ModelPackage.load("new")
    assert package.labels["en"] == ("animal", "gate", "hammer")
    assert package.manifest.training
    assert package.manifest.training.pictures == sum(THREE.values())


def test_a_photo_that_is_in_two_classes_is_told_and_left_out(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    changed = shutil.copytree(photos, tmp_path / "photos")
    shutil.copy(changed / "gate/0.png", changed / "hammer/same.png")
    shutil.copy(changed / "animal/0.png", changed / "animal/copy.png")
    assert train(changed, "new") == 0
    said = capsys.readouterr().out
    assert "The same photo in several classes, so it was left out: " in said
    assert "gate/0.png (gate)" in said
    assert "hammer/same.png (hammer)" in said
    assert "1 of the photos is there more than once, and taken once." in said
    training = ModelPackage.load("new").manifest.training
    assert training
    assert training.pictures == sum(THREE.values()) - 1


def test_names_with_spaces_links_and_folders_in_folders_are_taken_as_they_are(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    odd = tmp_path / "我的 照片"
    shutil.copytree(photos / "animal", odd / "红 猫/2026 年/so deep")
    (odd / "gate").symlink_to(photos / "gate")
    assert train(odd, "out of it/new", "--name", "new") == 0
    assert "Try it: classifier serve --model 'out of it/new'\n" in capsys.readouterr().out
    package = ModelPackage.load("out of it/new")
    assert package.labels["en"] == ("gate", "红 猫")
    assert package.manifest.training
    assert package.manifest.training.pictures == THREE["animal"] + THREE["gate"]


@pytest.mark.parametrize("name", ["other", "none", "猫"])
def test_any_folder_is_a_class_like_the_others(photos: Path, tmp_path: Path, name: str) -> None:
    changed = shutil.copytree(photos, tmp_path / "photos")
    (changed / "gate").rename(changed / name)
    assert train(changed, "new") == 0
    labels = ModelPackage.load("new").labels["en"]
    assert labels == tuple(sorted(("animal", "hammer", name)))
    with Classifier.load("new", settings=SETTINGS) as classifier:
        assert classifier.classify(changed / name / "1.png").predictions[0].label == name


@pytest.mark.parametrize(("gates", "hammers"), [(2, 2), (1, 6)])
def test_two_classes_and_two_photos_or_one_are_enough_to_begin(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], gates: int, hammers: int
) -> None:
    few = shots(tmp_path / "few", {"gate": gates, "hammer": hammers})
    assert train(few, "new") == 0
    said = capsys.readouterr().out
    assert ("One photo alone of gate" in said) == (gates == 1)
    assert "It cannot tell things that are none of its classes" in said
    assert right(Path("new"), few) == 1


def test_a_rare_class_is_not_passed_over_for_a_frequent_one(tmp_path: Path) -> None:
    uneven = shots(tmp_path / "uneven", {"animal": 40, "gate": 4, "hammer": 4})
    assert train(uneven, "new") == 0
    fresh = shots(tmp_path / "fresh", {"gate": 4, "hammer": 4}, seed=2)
    assert right(Path("new"), fresh) > 0.8


def test_enough_photos_tell_what_is_none_of_the_classes(tmp_path: Path) -> None:
    enough = shots(tmp_path / "enough", {"animal": 20, "gate": 20, "hammer": 20})
    assert train(enough, "new") == 0
    package = ModelPackage.load("new")
    assert package.unknown
    with Classifier.load(package, settings=SETTINGS) as classifier:
        own = [classifier.classify(one).familiar or 0 for one in sorted(enough.glob("*/*"))]
        strange = classifier.classify(np.full((200, 200, 3), (255, 0, 255), np.uint8)).familiar
    assert strange is not None
    assert np.mean(np.array(own) > 0.5) > 0.9
    assert strange < 0.5


def test_a_model_that_was_trained_can_be_the_base_of_the_next(model: Path, photos: Path) -> None:
    assert cli.main(["train", str(photos), "new", "--base", str(model)]) == 0
    training = ModelPackage.load("new").manifest.training
    assert training
    assert training.base == "efficientnet-lite0"
    assert Path("new/model.tflite").read_bytes() == (model / "model.tflite").read_bytes()


def test_a_network_with_a_softmax_of_its_own_is_a_base_too(photos: Path, tmp_path: Path) -> None:
    assert cli.main(["train", str(photos), "new", "--base", "cifar10"]) == 0
    assert not ModelPackage.load("new").manifest.output.logits
    assert right(Path("new"), photos) > 0.8
