"""`unknown.npz`: what it measures, and that a file that is damaged or not the package's own is refused by name."""

from __future__ import annotations

import io
import pickle
import time
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from classifier import Classifier, ModelPackage, Settings
from classifier.errors import PackageError
from classifier.package import unknown
from classifier.package.unknown import Unknown
from tests.support.packages import LITE0, changed
from tests.support.photos import ROOT, photo

CIFAR10 = ROOT / "model/cifar10"


def some(channels: int = 1280, weights: tuple[str, ...] = (), pictures: int = 0) -> Unknown:
    """A measure for which the first axis alone is known, fitted to so many pictures."""
    random = np.random.default_rng(0)
    components = np.linalg.qr(random.normal(size=(channels, 2)))[0].T.astype(np.float16).astype(np.float32)
    mean = np.zeros(channels, np.float32)
    mean[0] = 1
    return Unknown(mean, components, 0.1, 1.0, 0.2, weights, pictures, ("0123456789abcdef",) * pictures)


def written(measure: Unknown, **changes: Any) -> bytes:
    """The content of a file, some of whose arrays are others; None leaves one out."""
    with np.load(io.BytesIO(measure.content())) as arrays:
        content = {**arrays, **changes}
    stream = io.BytesIO()
    np.savez(stream, **{name: value for name, value in content.items() if value is not None})
    return stream.getvalue()


def test_what_lies_where_the_own_pictures_do_is_familiar_and_what_lies_apart_is_not() -> None:
    measure = some()
    near, far = np.zeros(1280, np.float32), np.zeros(1280, np.float32)
    near[0], far[1] = 3, 3
    assert measure.distance(near) == pytest.approx(0, abs=1e-6)
    assert measure.familiar(near) > 0.99
    assert measure.familiar(far) < 0.01
    assert replace(measure, threshold=measure.distance(far)).familiar(far) == pytest.approx(0.5)
    for odd in (np.zeros(1280), np.full(1280, np.nan), np.full(1280, np.inf), np.full(1280, 1e30)):
        with np.errstate(invalid="ignore", over="ignore"):
            assert 0 <= measure.familiar(odd.astype(np.float32)) <= 0.5


def test_what_is_written_is_read_again_and_always_the_same() -> None:
    measure = some(weights=("ab" * 32,))
    again = unknown.parse(measure.content())
    assert again.content() == measure.content() == some(weights=("ab" * 32,)).content()
    assert again.weights == measure.weights
    assert (again.pictures, again.sample) == (0, ())
    fitted = unknown.parse(some(pictures=2).content())
    assert (fitted.pictures, fitted.sample) == (2, ("0123456789abcdef",) * 2)
    assert np.array_equal(again.components, measure.components)


BROKEN: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "cut": (lambda data: data[: len(data) // 2], "damaged"),
    "empty": (lambda data: b"", "damaged"),
    "text": (lambda data: b"not an archive", "damaged"),
    "changed": (lambda data: data[:3000] + bytes([data[3000] ^ 255]) + data[3001:], "damaged"),
    "NaN": (lambda data: written(some(), mean=np.full(1280, np.nan, np.float32)), "mean has NaN"),
    "infinity": (lambda data: written(some(), scale=np.float32(np.inf)), "scale has NaN or infinity"),
    "zero": (lambda data: written(some(), threshold=np.float32(0)), "threshold is 0, but must be above 0"),
    "shape": (lambda data: written(some(), mean=np.zeros(7, np.float32)), "does not fit the others"),
    "none": (lambda data: written(some(), components=np.zeros((0, 1280), np.float16)), "does not fit the others"),
    "type": (lambda data: written(some(), mean=np.zeros(1280)), "mean is float64"),
    "lacking": (lambda data: written(some(), mean=None), "it should hold"),
    "other": (lambda data: written(some(), more=np.zeros(1)), "it should hold"),
    "format": (lambda data: written(some(), format=np.int64(2)), "its format is 2"),
    "weights": (lambda data: written(some(), weights=np.zeros(3)), "no hashes of 32 bytes"),
    "sample": (lambda data: written(some(pictures=2), sample=np.zeros((2, 7), np.uint8)), "no hashes of 8 bytes"),
    "pictures": (lambda data: written(some(pictures=2), pictures=np.zeros(2)), "its pictures are no number"),
    "half": (lambda data: written(some(pictures=2), sample=None), "it should hold"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_file_that_is_damaged_or_something_else_is_refused_by_name(tmp_path: Path, name: str) -> None:
    changed(tmp_path / "model")
    change, reason = BROKEN[name]
    file = tmp_path / "model/unknown.npz"
    file.write_bytes(change(some().content()))
    with pytest.raises(PackageError) as found:
        ModelPackage.load(tmp_path / "model")
    assert str(found.value).startswith(f"{file}: ")
    assert reason in str(found.value)
    assert "remove it" in str(found.value)


def test_nothing_in_it_is_run_and_no_memory_is_taken_on_its_word(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.touch, (tmp_path / "ran",))

    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f4", "fortran_order": False, "shape": (10**14,)})
    objects = io.BytesIO()
    np.lib.format.write_array(objects, np.array([Evil()], object), allow_pickle=True)
    for content in (header.getvalue(), objects.getvalue(), pickle.dumps(Evil())):
        whole = io.BytesIO(some().content())
        with zipfile.ZipFile(whole) as archive:
            parts = {name: archive.read(name) for name in archive.namelist()}
        parts["mean.npy"] = content
        made = io.BytesIO()
        with zipfile.ZipFile(made, "w") as archive:
            for name, part in parts.items():
                archive.writestr(name, part)
        with pytest.raises(ValueError, match="damaged"):
            unknown.parse(made.getvalue())
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, part in parts.items():
            archive.writestr(name, bytes(100_000_000) if name == "mean.npy" else part)
    with pytest.raises(ValueError, match="over 64 MB"):
        unknown.parse(bomb.getvalue())
    assert not (tmp_path / "ran").exists()


def test_that_of_another_model_is_refused(tmp_path: Path) -> None:
    """Both have 1,280 features, so that only the hashes tell them apart."""
    changed(tmp_path / "model")
    file = tmp_path / "model/unknown.npz"
    file.write_bytes((CIFAR10 / "unknown.npz").read_bytes())
    with pytest.raises(PackageError, match="made for other weights"):
        ModelPackage.load(tmp_path / "model")
    file.write_bytes(some(1000).content())
    with pytest.raises(PackageError, match=r"unknown\.npz: it is for 1000 features, but the model gives 1280"):
        Classifier.load(tmp_path / "model", settings=Settings(backend="litert"))


def test_a_model_without_features_cannot_have_one(tmp_path: Path) -> None:
    features = 'features = "features"    # name of the second output: the last feature map\n'
    changed(tmp_path / "model", (features, ""))
    (tmp_path / "model/unknown.npz").write_bytes(some().content())
    with pytest.raises(PackageError, match=r"unknown\.npz: it needs the model's features"):
        ModelPackage.load(tmp_path / "model")


def test_without_one_everything_is_as_before() -> None:
    result = Classifier.load(LITE0, settings=Settings(backend="litert")).classify(photo("panda.webp"))
    assert result.familiar is None
    assert result.known
    assert result.sure


def test_it_takes_under_a_millisecond() -> None:
    measure = ModelPackage.load(CIFAR10).unknown
    assert measure
    features = np.random.default_rng(0).random((5, 5, 1280), np.float32)
    times = []
    for _ in range(50):
        start = time.perf_counter()
        measure.familiar(unknown.pooled(features))
        times.append(time.perf_counter() - start)
    assert min(times) < 0.001
