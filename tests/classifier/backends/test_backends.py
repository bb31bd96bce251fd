"""The choice of a backend, and what each does with models that do not fit."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from classifier import BackendError, ModelPackage, PackageError
from classifier.backends import gpu
from classifier.backends.choice import choose, load_backend
from classifier.backends.protocol import Outputs
from tests.support.installed import pretend
from tests.support.photos import ROOT

LITE0 = ROOT / "model/efficientnet-lite0"


@pytest.fixture(scope="module")
def package() -> ModelPackage:
    return ModelPackage.load(LITE0)


def copy(folder: Path, *changes: tuple[str, str], without: str | None = None) -> ModelPackage:
    """A copy of the package with changes to its model.toml."""
    shutil.copytree(LITE0, folder)
    file = folder / "model.toml"
    text = file.read_text("utf-8")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    if without:
        start = text.index(f"[weights.{without}]")
        end = text.find("\n[", start)
        text = text[:start] + text[end:]
    file.write_text(text, "utf-8")
    return ModelPackage.load(folder)


@pytest.fixture
def no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    gpu.why_not.cache_clear()
    monkeypatch.setattr(gpu, "device_count", lambda: 0)


@pytest.mark.usefixtures("no_gpu")
def test_without_a_gpu_litert_is_chosen_and_says_why(package: ModelPackage) -> None:
    name, reason = choose(package)
    assert name == "litert"
    assert "no GPU: the NVIDIA driver offers no device here" in reason


def test_a_working_gpu_chooses_tensorflow(package: ModelPackage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu, "why_not", lambda: None)
    assert choose(package).name == "tensorflow"


@pytest.mark.usefixtures("no_gpu")
def test_a_package_without_a_litert_form_runs_on_tensorflow(tmp_path: Path) -> None:
    assert choose(copy(tmp_path / "copy", without="litert")).name == "tensorflow"


def test_without_tensorflow_the_message_names_what_to_install(
    tmp_path: Path, package: ModelPackage, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend(monkeypatch, "tensorflow", installed=False)
    assert "TensorFlow, which a GPU needs, is not installed" in choose(package).reason
    with pytest.raises(BackendError, match=r"requirements/tensorflow\.txt"):
        load_backend(package, "tensorflow", 1)
    with pytest.raises(BackendError, match=r"requirements/tensorflow\.txt"):
        choose(copy(tmp_path / "copy", without="litert"))


def test_a_backend_that_the_package_has_no_weights_for(tmp_path: Path) -> None:
    with pytest.raises(BackendError, match="only for tensorflow"):
        load_backend(copy(tmp_path / "copy", without="litert"), "litert", 1)


@pytest.mark.parametrize("flavor", ["edge", "cpu"])
def test_an_image_that_leaves_a_gpu_unused_names_the_one_that_does_not(
    package: ModelPackage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, flavor: str
) -> None:
    monkeypatch.setattr(gpu, "device_count", lambda: 1)
    monkeypatch.setenv("IMAGE_FLAVOR", flavor)
    name, reason = choose(package)
    assert name == "litert"
    assert f"this is the {flavor} image: run the cuda image" in reason
    assert "run the cuda image" in caplog.text
    monkeypatch.setenv("IMAGE_FLAVOR", "cuda")
    assert gpu.unused_by_image() is None
    monkeypatch.delenv("IMAGE_FLAVOR")
    assert gpu.unused_by_image() is None


@pytest.mark.skipif(gpu.device_count() > 0, reason="with a GPU, auto is right to import it")
def test_auto_never_imports_tensorflow_without_a_gpu() -> None:
    code = (
        "import sys; from classifier import Classifier;"
        f"c = Classifier.load({str(LITE0)!r}); assert c.backend == 'litert';"
        "heavy = {'tensorflow', 'keras', 'streamlit', 'fastapi', 'starlette'} & set(sys.modules);"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


class Driver:
    """The two calls of the CUDA driver API that are asked."""

    def __init__(self, status: int, devices: int) -> None:
        self.status, self.devices = status, devices

    def cuInit(self, flags: int) -> int:
        assert flags == 0
        return self.status

    def cuDeviceGetCount(self, count: ctypes._Pointer[ctypes.c_int]) -> int:
        count._obj.value = self.devices  # type: ignore[attr-defined]
        return 0


@pytest.mark.parametrize(("status", "devices", "found"), [(0, 2, 2), (100, 2, 0), (0, 0, 0)])
def test_the_driver_is_asked(monkeypatch: pytest.MonkeyPatch, status: int, devices: int, found: int) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda _: Driver(status, devices))
    assert gpu.device_count() == found


def test_no_driver_means_no_device(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(_: str) -> None:
        raise OSError("libcuda.so.1: cannot open shared object file")

    monkeypatch.setattr(ctypes, "CDLL", missing)
    assert gpu.device_count() == 0


@pytest.mark.slow
def test_a_device_that_tensorflow_cannot_use_is_found_out_in_a_child(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(gpu, "device_count", lambda: 1)  # a driver that promises too much
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    gpu.why_not.cache_clear()
    reason = gpu.why_not()
    gpu.why_not.cache_clear()
    assert reason is not None
    assert "TensorFlow sees no GPU" in reason


@pytest.mark.parametrize(("why_not", "visible"), [("it ends the process", "-1"), (None, "0")])
def test_tensorflow_is_kept_off_a_device_that_would_end_the_process(
    monkeypatch: pytest.MonkeyPatch, package: ModelPackage, why_not: str | None, visible: str
) -> None:
    monkeypatch.setattr(gpu, "device_count", lambda: 1)
    monkeypatch.setattr(gpu, "why_not", lambda: why_not)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    load_backend(package, "tensorflow", threads=1)
    assert os.environ["CUDA_VISIBLE_DEVICES"] == visible


@pytest.mark.parametrize("name", ["litert", "tensorflow"])
def test_outputs(package: ModelPackage, name: str) -> None:
    backend, reason = load_backend(package, name, threads=2)
    assert reason == "chosen by the operator"
    assert backend.device == "CPU (2 threads)"
    batch = np.random.default_rng(0).normal(size=(3, 224, 224, 3)).astype(np.float32)
    scores, features = backend.run(batch)
    assert scores.shape == (3, 1000)
    assert features is not None
    assert features.shape == (3, 7, 7, 1280)
    one = backend.run(batch[1:2])
    assert isinstance(one, Outputs)
    assert np.allclose(one.scores[0], scores[1], atol=1e-4)


@pytest.mark.parametrize("name", ["litert", "tensorflow"])
def test_a_changed_weights_file_is_refused(tmp_path: Path, name: str) -> None:
    package = copy(tmp_path / "copy")
    file = package.folder / package.manifest.weights[name].file  # type: ignore[index]
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    with pytest.raises(PackageError, match=r"sha256.*damaged or was replaced"):
        load_backend(package, name, 1)


@pytest.mark.parametrize(
    ("name", "problem"),
    [("litert", "LiteRT cannot load it"), ("tensorflow", "not a model file of a known kind, or it is damaged")],
)
def test_a_file_that_is_no_model_is_refused(tmp_path: Path, name: str, problem: str) -> None:
    folder = tmp_path / "copy"
    package = copy(folder)
    file = folder / package.manifest.weights[name].file  # type: ignore[index]
    file.write_bytes(b"this is no model")
    text = (folder / "model.toml").read_text("utf-8")
    text = "\n".join(line for line in text.splitlines() if not line.startswith("sha256"))
    (folder / "model.toml").write_text(text, "utf-8")
    with pytest.raises(PackageError, match=f"{file.name}: .*{problem}"):
        load_backend(ModelPackage.load(folder), name, 1)


@pytest.mark.parametrize("name", ["litert", "tensorflow"])
@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("size = [224, 224]", "size = [192, 192]", "input.size"),
        ("classes = 1000", "classes = 2", "output.classes"),
    ],
)
def test_a_model_that_does_not_fit_its_manifest_is_refused(
    tmp_path: Path, name: str, old: str, new: str, key: str
) -> None:
    folder = tmp_path / "copy"
    copy(folder, (old, new)) if "size" in old else copy(folder)
    if "classes" in old:
        text = (folder / "model.toml").read_text("utf-8").replace(old, new)
        (folder / "model.toml").write_text(text, "utf-8")
        for labels in ("labels.en.txt", "labels.zh.txt"):
            (folder / labels).write_text("one\ntwo\n", "utf-8")
    with pytest.raises(PackageError, match=key.replace(".", r"\.")):
        load_backend(ModelPackage.load(folder), name, 1)
