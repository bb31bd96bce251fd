"""The choice of a backend, and why."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from classifier import BackendError, ModelPackage
from classifier.backends import gpu
from classifier.backends.choice import choose, load_backend
from tests.support.installed import pretend
from tests.support.packages import LITE0, changed
from tests.support.photos import ROOT


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
    assert choose(changed(tmp_path / "copy", without="litert")).name == "tensorflow"


def test_without_tensorflow_the_message_names_what_to_install(
    tmp_path: Path, package: ModelPackage, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend(monkeypatch, "tensorflow", installed=False)
    assert "TensorFlow, which a GPU needs, is not installed" in choose(package).reason
    with pytest.raises(BackendError, match=r"requirements/tensorflow\.txt"):
        load_backend(package, "tensorflow", 1)
    with pytest.raises(BackendError, match=r"requirements/tensorflow\.txt"):
        choose(changed(tmp_path / "copy", without="litert"))


def test_a_backend_that_the_package_has_no_weights_for(tmp_path: Path) -> None:
    with pytest.raises(BackendError, match="only for tensorflow"):
        load_backend(changed(tmp_path / "copy", without="litert"), "litert", 1)


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
