"""Promises of `model/cifar10_training`: what it reads, how it varies pictures, and that the whole way works."""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import tarfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from classifier import Classifier, Settings
from model.cifar10_training import augment, data
from model.cifar10_training.data import Pictures
from tests.support.late import late

if TYPE_CHECKING:
    import keras

    from model.cifar10_training import __main__ as command
    from model.cifar10_training import network, package, train
else:
    keras = late("keras")
    command, network, package, train = (
        late(f"model.cifar10_training.{name}") for name in ("__main__", "network", "package", "train")
    )

RANDOM = np.random.default_rng(3)


def some(count: int) -> Pictures:
    images = RANDOM.integers(0, 256, (count, 32, 32, 3), np.uint8)
    return Pictures(images, np.arange(count) % 10)


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Pictures]:
    """A file like that of the npm package, with 2 pictures in each batch, and these 12 pictures."""
    pictures = some(12)
    contents = {}
    for index, name in enumerate([*(f"data_batch_{n}" for n in range(1, 6)), "test_batch"]):
        stream = io.BytesIO()
        rows = pictures.images[2 * index : 2 * index + 2].reshape(2, 1024, 3)
        Image.fromarray(rows).save(stream, "PNG")
        contents[f"{name}.png"] = stream.getvalue()
    contents["train_lables.json"] = json.dumps(pictures.labels[:10].tolist()).encode()
    contents["test_lables.json"] = json.dumps(pictures.labels[10:].tolist()).encode()
    file = tmp_path / data.FILE
    with tarfile.open(file, "w:gz") as archive:
        for name, content in contents.items():
            entry = tarfile.TarInfo(f"package/{name}")
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    monkeypatch.setattr(data, "SHA256", hashlib.sha256(file.read_bytes()).hexdigest())
    return file, pictures


def test_the_pictures_and_labels_are_read_in_order(archive: tuple[Path, Pictures]) -> None:
    file, expected = archive
    pictures, test = data.read(file)
    assert np.array_equal(np.concatenate([pictures.images, test.images]), expected.images)
    assert np.array_equal(np.concatenate([pictures.labels, test.labels]), expected.labels)


def test_another_file_is_refused(archive: tuple[Path, Pictures]) -> None:
    file, _ = archive
    with file.open("ab") as stream:
        stream.write(b"x")
    with pytest.raises(RuntimeError, match=r"has SHA-256 .*, expected"):
        data.read(file)


def test_what_is_in_the_cache_is_not_downloaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", "")
    file = tmp_path / "image-classifier" / data.FILE
    file.parent.mkdir()
    file.touch()
    assert data.download() == file


def test_a_download_without_npm_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", "")
    with pytest.raises(RuntimeError, match="make train-cifar10"):
        data.download()


def test_a_wrong_or_failed_download_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(arguments: list[str], **options: object) -> None:
        Path(arguments[-1], data.FILE).write_bytes(b"something else")

    def failed(arguments: list[str], **options: object) -> None:
        raise subprocess.CalledProcessError(1, arguments, stderr="no network\n")

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    for run, expected in ((wrong, "SHA-256"), (failed, "could not download .*: no network$")):
        monkeypatch.setattr(subprocess, "run", run)
        with pytest.raises(RuntimeError, match=expected):
            data.download()
        assert list((tmp_path / "image-classifier").iterdir()) == []


def test_as_many_of_each_class_are_held_out_and_never_trained_on() -> None:
    pictures = some(100)
    rest, held = data.split(pictures, each=3)
    assert np.bincount(held.labels).tolist() == [3] * 10
    assert len(rest) == 70
    seen = {image.tobytes() for image in rest.images}
    assert not any(image.tobytes() in seen for image in held.images)
    assert np.array_equal(data.split(pictures, each=3)[1].images, held.images)


def test_a_batch_depends_only_on_its_number() -> None:
    pictures = some(20)
    images, labels = augment.batch(pictures, 5, 8, 48)
    assert images.shape == (8, 48, 48, 3)
    assert images.dtype == np.float32
    again = augment.batch(pictures, 5, 8, 48)
    assert np.array_equal(images, again[0])
    assert np.array_equal(labels, again[1])
    assert not np.array_equal(images, augment.batch(pictures, 6, 8, 48)[0])


def test_an_epoch_sees_every_picture_once() -> None:
    pictures = Pictures(some(20).images, np.arange(20))
    labels = np.concatenate([augment.batch(pictures, step, 8, 32)[1] for step in range(5)])
    assert np.bincount(labels).tolist() == [2] * 20


def test_variation_keeps_values_in_range_and_the_average_in_place() -> None:
    pictures = Pictures(np.full((64, 32, 32, 3), 200, np.uint8), np.zeros(64, np.int64))
    images, _ = augment.batch(pictures, 0, 64, 64)
    assert -1 <= images.min() <= images.max() <= 1
    assert 0.2 < np.median(images) < 0.9


@pytest.mark.slow
def test_plain_enlargement_is_what_the_shipped_model_does() -> None:
    images = some(2).images
    layer = keras.layers.UpSampling2D(network.SIZE // 32, interpolation="bilinear")
    expected = augment.normalise(keras.ops.convert_to_numpy(layer(images.astype(np.float32))))
    assert np.allclose(augment.plain(images, network.SIZE), expected, atol=1e-4)


@pytest.mark.slow
def test_balancing_changes_no_feature(monkeypatch: pytest.MonkeyPatch) -> None:
    balance = network.balance
    monkeypatch.setattr("model.cifar10_training.network.balance", lambda model: None)
    model = network.trainable()
    features = keras.Model(model.input, model.get_layer("pool").output)
    images = augment.plain(some(2).images, 64)
    before = features.predict_on_batch(images)
    kernel = model.get_layer("block8_project_conv").get_weights()[0]
    balance(model)
    assert np.allclose(features.predict_on_batch(images), before, atol=1e-4)
    assert np.abs(model.get_layer("block8_project_conv").get_weights()[0]).max() < 0.5 * np.abs(kernel).max()


def test_a_trial_does_not_spoil_the_real_package() -> None:
    with pytest.raises(SystemExit):
        command.main(["--smoke"])


@pytest.mark.slow
def test_a_stopped_training_goes_on_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image = keras.Input((None, None, 3))
    pooled = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(4, 3)(image))
    monkeypatch.setattr(
        "model.cifar10_training.network.trainable", lambda: keras.Model(image, keras.layers.Dense(10)(pooled))
    )
    pictures, held = some(24), some(12)
    plan = train.Plan(phases=((32, 2), (48, 2)), batch=8, every=1)
    made = []

    def batch(pictures: Pictures, step: int, count: int, size: int) -> tuple[augment.Floats, np.ndarray]:
        made.append((step, size))
        if len(made) == 4:
            raise KeyboardInterrupt
        return original(pictures, step, count, size)

    original = augment.batch
    monkeypatch.setattr(augment, "batch", batch)
    with pytest.raises(KeyboardInterrupt):
        train.train(pictures, held, plan, tmp_path / "checkpoint.keras")
    model = train.train(pictures, held, plan, tmp_path / "checkpoint.keras")
    assert made == [(0, 32), (1, 32), (2, 48), (3, 48), (3, 48)]
    assert int(model.optimizer.iterations) == 4
    done = train.train(pictures, held, plan, tmp_path / "checkpoint.keras")
    assert len(made) == 5
    for one, other in zip(model.get_weights(), done.get_weights(), strict=True):
        assert np.array_equal(one, other)


@pytest.mark.slow
def test_the_whole_way_from_pictures_to_a_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # A small network of the same kind; one with all its blocks takes a minute.
    monkeypatch.setattr("model.cifar10_training.network.BACKBONE", replace(network.BACKBONE, width=0.25, depth=0.3))
    monkeypatch.setattr("model.cifar10_training.network._start_from_imagenet", lambda model: None)
    held, test = some(12), some(10)
    plan = train.Plan(phases=((32, 2),), batch=2)
    model = train.train(some(8), held, plan, tmp_path / "checkpoint.keras")
    folder = tmp_path / "mine"
    found = package.write(model, held, test, folder)
    assert found["h5_apart"] < 1e-3
    ready = Classifier.load(folder, settings=Settings(backend="litert"))
    assert ready.package.manifest.published is not None
    assert ready.package.manifest.published.top1 == pytest.approx(found["test_top1"])
    assert ready.package.manifest.output.temperature == found["temperature"]
    result = ready.classify(Image.fromarray(test.images[0]), top_k=10)
    assert sum(one.score for one in result.predictions) == pytest.approx(1, abs=1e-4)
