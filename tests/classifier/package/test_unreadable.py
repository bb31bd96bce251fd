"""A model that cannot be read: one sentence with the path, who may not, and what to do; and no wait without end."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from classifier.checkout import environment
from classifier.errors import ModelFileError, PackageError
from classifier.importing.core import import_model
from classifier.machine import files
from classifier.package import ModelPackage, find_packages
from tests.support.imported import place
from tests.support.packages import LITE0
from tests.support.tiny_tflite import Tiny
from tests.support.unprivileged import bound_by_file_modes

OPEN = """
import json, sys
from classifier.errors import ClassifierError
from classifier.package.opened import opened_package
from classifier.settings import read_settings
for model, models in json.load(sys.stdin):
    try:
        opened_package(read_settings(model=model, models=models)).weights_file("litert")
        print(json.dumps("opened"))
    except ClassifierError as error:
        print(json.dumps(error.message))
"""


def opened(*cases: tuple[str, str]) -> list[str]:
    """What is said when models are opened, each by name or path and folder of models, in a process bound by modes."""
    ended = subprocess.run(
        [sys.executable, "-c", OPEN],
        input=json.dumps(cases),
        env=environment(),
        preexec_fn=bound_by_file_modes,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return [json.loads(line) for line in ended.stdout.splitlines()]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A package, in a folder of packages."""
    return Path(shutil.copytree(LITE0, tmp_path / "models/mine"))


LOCKED = {
    "the folder of packages": ("", 0, "."),
    "the folder of packages, whose names may be listed": ("", 0o644, "."),
    "the folder of packages, which may not be listed": ("", 0o311, "."),
    "the package": ("mine", 0, "mine"),
    "the package, whose names may be listed": ("mine", 0o644, "mine"),
    "model.toml": ("mine/model.toml", 0, "mine"),
    "labels": ("mine/labels.en.txt", 0o200, "mine"),
    "weights": ("mine/model.tflite", 0o200, "mine"),
}


@pytest.mark.skipif(sys.platform != "linux", reason="as root, only Linux lets a process give up what it may read")
@pytest.mark.parametrize("by_name", [True, False], ids=["by name", "by path"])
@pytest.mark.parametrize(("locked", "mode", "unlocks"), LOCKED.values(), ids=LOCKED)
def test_what_may_not_be_read_is_said_with_path_user_and_remedy(
    folder: Path, locked: str, mode: int, unlocks: str, by_name: bool
) -> None:
    models = folder.parent
    if mode == 0o311 and not by_name:
        pytest.skip("who knows a path need not list the folder")
    path = models / locked
    path.chmod(mode)
    elsewhere = str(models.parent / "none")
    (said,) = opened(("mine", str(models)) if by_name else (str(folder), elsewhere))
    path.chmod(0o700)
    assert said.count("\n") == 0
    assert str(path) in said
    assert f"the user {files.user()} may not" in said
    assert f"(uid {os.geteuid()})" in said or f"with uid {os.geteuid()}" in said
    assert f"mode {mode:04o}" in said
    assert f"`chmod -R a+rX {models / unlocks}`" in said


@pytest.mark.skipif(sys.platform != "linux", reason="as root, only Linux lets a process give up what it may read")
def test_a_bare_file_that_may_not_be_read_is_said_like_a_package(tmp_path: Path) -> None:
    file = place(tmp_path / "mine", Tiny().build())
    beside = place(tmp_path / "other", Tiny().build())
    labels = beside.with_name("labels.txt")
    for locked in (file, labels):
        locked.chmod(0)
    (tmp_path / "mine").chmod(0o555)
    by_path, by_folder, without_labels = opened(
        *((str(model), "/nowhere") for model in (file, file.parent, beside)),
    )
    for said, path in ((by_path, file), (by_folder, file), (without_labels, labels)):
        assert str(path) in said
        assert f"the user {files.user()} may not" in said
        assert f"`chmod -R a+rX {path.parent}`" in said


@pytest.mark.skipif(sys.platform != "linux", reason="as root, only Linux lets a process give up what it may read")
def test_a_neighbour_that_may_not_be_read_is_found_and_keeps_nobody_from_the_others(folder: Path) -> None:
    models = folder.parent
    for name in ("locked", "lost+found"):
        shutil.copytree(LITE0, models / name)
        (models / name).chmod(0)
    said = opened(("mine", str(models)), ("locked", str(models)), ("lost+found", str(models)))
    assert said[0] == "opened"
    assert f"chmod -R a+rX {models / 'locked'}" in said[1]
    assert "Choose from: locked, efficientnet-lite0." in said[2]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give a file away")
def test_the_owner_is_named_where_it_is_another_user(folder: Path) -> None:
    file = folder / "model.tflite"
    os.chown(file, 4242, 4242)
    file.chmod(0o600)
    (said,) = opened((str(folder), "/nowhere"))
    assert "with uid 4242, mode 0600" in said
    assert "in a container with `--user 4242`" in said


def fifo(path: Path) -> None:
    os.mkfifo(path)


def device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def listening(path: Path) -> None:
    os.chdir(path.parent)  # the path of a socket is short
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(path.name)


ODD: dict[str, tuple[Callable[[Path], None], str]] = {
    "a pipe": (fifo, "not a regular file"),
    "a device without end": (device, "not a regular file"),
    "a socket": (listening, "not a regular file"),
    "a folder": (Path.mkdir, "a folder is where a file is expected"),
    "a link that leads nowhere": (lambda path: path.symlink_to("gone"), "a symbolic link to gone, which is not there"),
    "a link to itself": (lambda path: path.symlink_to(path.name), "lead in a circle"),
}


@pytest.mark.parametrize("name", ["model.toml", "labels.en.txt", "model.tflite"])
@pytest.mark.parametrize(("make", "problem"), ODD.values(), ids=ODD)
def test_what_is_no_file_is_refused_before_it_is_waited_for(
    folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, make: Callable[[Path], None], problem: str
) -> None:
    monkeypatch.chdir(folder)
    (folder / name).unlink()
    make(folder / name)
    assert list(find_packages(folder.parent)) == ["mine"] or "link" in problem
    with pytest.raises(PackageError, match=problem) as caught:
        ModelPackage.load(folder).weights_file("litert")
    assert str(folder / name) in caught.value.message


@pytest.mark.parametrize(("make", "problem"), ODD.values(), ids=ODD)
def test_nor_is_it_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Callable[[Path], None], problem: str
) -> None:
    monkeypatch.chdir(tmp_path)
    make(tmp_path / "m.tflite")
    with pytest.raises(ModelFileError, match="it holds no model" if make is Path.mkdir else problem):
        import_model(tmp_path / "m.tflite", tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_a_saved_model_whose_inner_file_cannot_be_read_names_it(tmp_path: Path) -> None:
    inner = tmp_path / "saved/variables"
    inner.mkdir(parents=True)
    (tmp_path / "saved/saved_model.pb").write_bytes(b"anything")
    fifo(inner / "variables.index")
    with pytest.raises(ModelFileError, match=r"variables/variables\.index cannot be read: it is a pipe"):
        import_model(tmp_path / "saved", tmp_path / "new")


NAMES = {
    "a NUL": ("mod\\u0000el.tflite", r"mod\\x00el\.tflite .*no file can have that name"),
    "too long": ("m" * 300, "longer than the system allows"),
}


@pytest.mark.parametrize(("name", "problem"), NAMES.values(), ids=NAMES)
@pytest.mark.parametrize("of", ["model.tflite", "labels.en.txt"])
def test_a_name_that_no_file_can_have(folder: Path, of: str, name: str, problem: str) -> None:
    file = folder / "model.toml"
    file.write_text(file.read_text("utf-8").replace(of, name), "utf-8")
    with pytest.raises(PackageError, match=problem.replace(" .*", ".*")):
        ModelPackage.load(folder)


@pytest.mark.skipif(sys.platform != "linux", reason="macOS refuses such names")
def test_a_folder_whose_name_is_not_utf8_is_refused_and_no_neighbour_with_it(folder: Path) -> None:
    odd = Path(os.fsdecode(os.fsencode(folder.parent) + b"/m\xff"))
    shutil.copytree(folder, odd)
    with pytest.raises(PackageError, match=r"m\\udcff: the name is not UTF-8 text\. Rename"):
        ModelPackage.load(odd)
    assert list(find_packages(folder.parent)) == ["mine", odd.name]


def test_a_disk_or_mount_that_is_gone_is_said_as_that(tmp_path: Path) -> None:
    for number in (5, 116, 107):  # EIO, ESTALE, ENOTCONN
        said = files.sentence(OSError(number, os.strerror(number), str(tmp_path)))
        assert said.startswith(f"{tmp_path} cannot be read: the disk, or what is mounted there, does not answer (")
        assert "Mount it again" in said
