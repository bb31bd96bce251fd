"""A model by name, by path, or as a bare file: opened one way, and nothing is left of what was imported for it."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from classifier import PackageError, Settings, UnknownModelError
from classifier.checkout import environment
from classifier.errors import ModelFileError
from classifier.package.opened import forget, opened_package
from tests.support.imported import LABELS, answer, place, teachable_zip
from tests.support.packages import LITE0
from tests.support.tiny_tflite import Tiny


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of temporary files, empty."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def test_a_package_is_opened_by_name_and_by_path_and_stays_where_it_is(temporary: Path, tmp_path: Path) -> None:
    assert opened_package(Settings(model="efficientnet-lite0")).folder == LITE0
    elsewhere = Path(shutil.copytree(LITE0, tmp_path / "mine"))
    package = opened_package(Settings(model=str(elsewhere)))
    assert (package.folder, package.name) == (elsewhere, "efficientnet-lite0")
    forget(package.folder)
    assert elsewhere.exists()
    assert not list(temporary.iterdir())


def test_a_bare_file_becomes_a_package_that_is_only_linked_to_it(temporary: Path, tmp_path: Path) -> None:
    source = place(tmp_path, Tiny().build(), "My Model.tflite")
    package = opened_package(Settings(model=str(source)))
    assert package.name == package.folder.name == "my-model"
    assert (package.folder / "model.tflite").resolve() == source.resolve()
    assert set(answer(package.folder)) == set(LABELS)
    forget(tmp_path)  # not its own
    assert source.exists()
    forget(package.folder)
    assert not list(temporary.iterdir())


@pytest.mark.usefixtures("temporary")
@pytest.mark.parametrize("kind", ["zip", "folder"])
def test_a_zip_and_a_folder_with_a_model_are_opened_like_the_file(tmp_path: Path, kind: str) -> None:
    source = teachable_zip(tmp_path) if kind == "zip" else place(tmp_path / "mine", Tiny().build()).parent
    assert set(opened_package(Settings(model=str(source))).labels["en"]) == set(LABELS)


@pytest.mark.usefixtures("temporary")
def test_a_name_that_a_package_has_is_not_taken(tmp_path: Path) -> None:
    source = place(tmp_path / "mine", Tiny().build(), "efficientnet-lite0.tflite")
    assert opened_package(Settings(model=str(source))).name == "efficientnet-lite0-2"


@pytest.mark.parametrize(
    ("labels", "data", "problem"),
    [((), Tiny().build(), "nothing says what they are called"), (LABELS, b"TFL3TFL3 not", "cannot load it")],
)
def test_what_cannot_be_imported_is_said_and_leaves_nothing(
    tmp_path: Path, temporary: Path, labels: tuple[str, ...], data: bytes, problem: str
) -> None:
    source = place(tmp_path, data, labels=labels)
    with pytest.raises(ModelFileError, match=problem):
        opened_package(Settings(model=str(source)))
    assert not list(temporary.iterdir())


@pytest.mark.usefixtures("temporary")
def test_the_settings_say_whether_a_file_is_trusted_and_not_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLASSIFIER_TRUST", "1")
    source = place(tmp_path, b"\x89HDF\r\n\x1a\n and more", "model.h5")
    with pytest.raises(ModelFileError, match="can run code"):
        opened_package(Settings(model=str(source), trust=False))


def test_what_is_not_there_or_wrong_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnknownModelError, match="efficientnet-lite0"):
        opened_package(Settings(model="big"))
    with pytest.raises(PackageError, match=r"has no model\.toml"):
        opened_package(Settings(model=str(tmp_path / "nowhere")))


OPEN = """
import os, sys
from classifier.package.opened import opened_package
from classifier.settings import read_settings
package = opened_package(read_settings(model=sys.argv[1]))
print(package.folder, flush=True)
"""
BECOME = OPEN + "os.execv(sys.executable, [sys.executable, '-c', sys.argv[2], str(package.folder)])"


@pytest.mark.parametrize("becomes", [False, True], ids=["a command", "a launcher that becomes the server"])
def test_it_lasts_as_long_as_the_process(tmp_path: Path, temporary: Path, becomes: bool) -> None:
    source = place(tmp_path / "mine", Tiny().build())
    code = [BECOME, str(source), OPEN] if becomes else [OPEN, str(source)]
    own = {**environment(), "TMPDIR": str(temporary)}
    ended = subprocess.run([sys.executable, "-c", *code], env=own, capture_output=True, text=True, check=True)
    first, *others = ended.stdout.splitlines()
    assert Path(first).parent.parent == temporary
    assert others == [first] * becomes
    assert not list(temporary.iterdir())
