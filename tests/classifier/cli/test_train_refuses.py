"""What `classifier train` refuses, in a sentence that says what to do, and that it leaves nothing half made."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from classifier import cli
from classifier.training import card
from tests.support.command import COMMAND, ENVIRONMENT, run
from tests.support.imported import quick_package
from tests.support.trained import files, shots
from tests.support.unprivileged import bound_by_file_modes


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photos of two things, which tests only read."""
    return shots(tmp_path_factory.mktemp("train") / "photos", {"gate": 3, "hammer": 3}, side=64)


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, photos: Path) -> None:
    monkeypatch.chdir(tmp_path)
    Path("photos").symlink_to(photos)


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """What is said of a command that does not work, and leaves nothing behind."""
    before = sorted(Path().iterdir())
    assert cli.main(["train", *arguments]) == 2
    assert sorted(Path().iterdir()) == before
    return " ".join(capsys.readouterr().err.split())


LITE0 = ("--base", "efficientnet-lite0")


def nothing(folder: Path) -> None:
    """No photos."""


def one_class(folder: Path) -> None:
    shots(folder, {"gate": 2}, side=32)


def beside(folder: Path) -> None:
    shots(folder, {"gate": 2}, side=32)
    shutil.copy(folder / "gate/0.png", folder / "0.png")


def broken(folder: Path) -> None:
    for label in ("gate", "hammer"):
        (folder / label).mkdir(parents=True)
        (folder / label / "0.jpg").write_bytes(b"\xff\xd8\xff")


def alike(folder: Path) -> None:
    shots(folder, {"gate": 2}, side=32)
    shutil.copytree(folder / "gate", folder / "Gate")


def lines(folder: Path) -> None:
    shots(folder, {"gate": 2}, side=32)
    shutil.copytree(folder / "gate", folder / "two\nlines")


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (nothing, "mine: expected one sub-folder per class, but there is none."),
        (one_class, "mine: training takes photos of two classes or more, but all are of 'gate'. Add a folder"),
        (beside, "mine: expected one sub-folder per class, but 1 pictures are beside them, such as 0.png."),
        (broken, "mine: there is no photo to train on."),
        (alike, "mine: 'Gate' and 'gate' differ only in case. Give both the same name."),
        (lines, r"mine: 'two\nlines' cannot name a class."),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_photos_of_which_no_model_can_be_made(
    capsys: pytest.CaptureFixture[str], make: Callable[[Path], None], said: str
) -> None:
    Path("mine").mkdir()
    make(Path("mine"))
    assert said in refused(capsys, "mine", "new", *LITE0)


def test_a_csv_file_with_several_classes_for_a_photo(capsys: pytest.CaptureFixture[str]) -> None:
    Path("mine.csv").write_text("photos/gate/0.png,gate|arch\n")
    assert "'gate|arch' names several classes" in refused(capsys, "mine.csv", "new", *LITE0)


def test_photos_that_are_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert "none: there is no such folder or CSV file." in refused(capsys, "none", "new", *LITE0)


def test_a_base_that_gives_no_features(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    said = refused(capsys, "photos", "new", "--base", str(quick_package(tmp_path)))
    assert "cannot be trained further: it gives no features" in said
    assert "--base efficientnet-lite2" in said


def test_a_base_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert "There is no model named 'mobilenet'." in refused(capsys, "photos", "new", "--base", "mobilenet")


@pytest.mark.parametrize("name", ["Ä", "Big", "a b"])
def test_a_name_that_no_package_can_have(capsys: pytest.CaptureFixture[str], name: str) -> None:
    assert f"--name {name}: expected lower-case letters" in refused(capsys, "photos", "new", "--name", name, *LITE0)


def test_a_target_that_is_there(capsys: pytest.CaptureFixture[str]) -> None:
    Path("new").mkdir()
    said = refused(capsys, "photos", "new", *LITE0)
    assert "new: this exists already." in said
    assert "--add" in said


@pytest.mark.parametrize("option", ["--base", "--name", "--title"])
def test_options_that_do_not_go_with_add(capsys: pytest.CaptureFixture[str], option: str) -> None:
    assert "--add keeps the base, the name and the title" in refused(capsys, "photos", "new", "--add", option, "x")


def test_to_add_to_what_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert "new" in refused(capsys, "photos", "new", "--add")


def test_to_add_to_a_model_that_was_not_trained_here(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    folder = quick_package(tmp_path)
    assert f"{folder.name}: nothing can be added to this model" in refused(capsys, "photos", folder.name, "--add")


def test_a_model_whose_weights_were_replaced_since(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["train", "photos", "new", *LITE0]) == 0
    assert cli.main(["train", "photos", "other", "--base", "cifar10"]) == 0
    shutil.copy("other/cache/features.npz", "new/cache/features.npz")
    capsys.readouterr()
    before = files(Path("new"))
    assert "was made for other weights" in refused(capsys, "photos", "new", "--add")
    assert files(Path("new")) == before


def test_to_add_a_class_that_differs_only_in_case_from_one_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["train", "photos", "new", *LITE0]) == 0
    shutil.copytree("photos/gate", "more/Gate")
    capsys.readouterr()
    before = files(Path("new"))
    assert "more: 'gate' and 'Gate' differ only in case." in refused(capsys, "more", "new", "--add")
    assert files(Path("new")) == before


def test_a_damaged_memory_of_features(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["train", "photos", "new", *LITE0]) == 0
    whole = Path("new/cache/features.npz").read_bytes()
    for damaged in (b"", whole[: len(whole) // 2], whole.replace(b"about.npy", b"other.npy")):
        Path("new/cache/features.npz").write_bytes(damaged)
        capsys.readouterr()
        assert "features.npz: it is damaged." in refused(capsys, "photos", "new", "--add")


def test_a_folder_that_may_not_be_written_to() -> None:
    Path("locked").mkdir(mode=0o555)
    done = run("train", "photos", "locked/new", *LITE0, preexec_fn=bound_by_file_modes)
    assert done.returncode == 2
    assert b"locked cannot be written" in done.stderr or b"locked/new cannot be written" in done.stderr
    assert list(Path("locked").iterdir()) == []


def fails(error: BaseException) -> Callable[..., str]:
    def render(*_: object) -> str:
        raise error

    return render


@pytest.mark.parametrize(
    ("error", "status"),
    [(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "README.md"), 2), (KeyboardInterrupt(), 130)],
    ids=["full disk", "ctrl-c"],
)
@pytest.mark.parametrize("add", [False, True], ids=["new", "add"])
def test_what_ends_it_while_it_writes_leaves_all_as_it_was(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, error: BaseException, status: int, add: bool
) -> None:
    if add:
        assert cli.main(["train", "photos", "new", *LITE0]) == 0
    before = files(Path("new")) if add else {}
    monkeypatch.setattr(card, "render", fails(error))
    assert cli.main(["train", "photos", "new", *(["--add"] if add else LITE0)]) == status
    assert (files(Path("new")) if add else {}) == before
    assert sorted(one.name for one in Path().iterdir()) == (["new", "photos"] if add else ["photos"])
    if status == 2:
        assert "no space is left there" in capsys.readouterr().err


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_while_it_looks_at_photos_leaves_nothing(tmp_path: Path, number: int, status: int) -> None:
    many = tmp_path / "many"
    for label in ("gate", "hammer"):
        (many / label).mkdir(parents=True)
        for copy in range(300):
            shutil.copy(f"photos/{label}/0.png", many / label / f"{copy}.png")
            with open(many / label / f"{copy}.png", "ab") as file:
                file.write(bytes([copy % 256, copy // 256]))
    (many / "gate/10broken.jpg").write_bytes(b"no picture")
    process = subprocess.Popen(
        [*COMMAND, "train", "many", "new", *LITE0],
        env=ENVIRONMENT,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stderr
    assert b"broken.jpg" in process.stderr.readline()  # so it is in the middle of it
    process.send_signal(number)
    _, said = process.communicate(timeout=60)
    assert process.returncode == status, said
    assert b"Traceback" not in said
    assert sorted(one.name for one in tmp_path.iterdir()) == ["many", "photos"]
