"""Model files that crash or hang LiteRT, or fill the memory: one sentence, exit status 2, and nothing is left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from classifier import cli
from classifier.machine import child, progress
from tests.support import harmful
from tests.support.command import COMMAND, ENVIRONMENT
from tests.support.imported import place
from tests.support.photos import photo
from tests.support.waiting import until


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder; that of temporary files and the cache are in it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    return tmp_path


@pytest.mark.parametrize(
    ("build", "said"),
    [
        (harmful.crashing, "it crashed (Segmentation fault)"),
        pytest.param(harmful.hanging, "it made no progress for 5 s", marks=pytest.mark.slow),
        pytest.param(
            harmful.filling,
            "it took more than the 0.4 GB of memory that are free",
            marks=[
                pytest.mark.slow,
                pytest.mark.skipif(sys.platform != "linux", reason="only there is the memory of a child known"),
            ],
        ),
    ],
    ids=["crash", "hang", "memory"],
)
def test_a_harmful_file_is_refused_in_one_sentence_and_leaves_nothing(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    build: Callable[[], bytes],
    said: str,
) -> None:
    place(folder / "models", build())
    monkeypatch.setattr(progress, "LONG_STEP", 5.0)  # the most that a child may ask for
    monkeypatch.setattr(child, "available_memory", lambda: 400_000_000)
    for arguments in (
        ["import", "models/model.tflite", "package"],
        ["classify", "--model", "models/model.tflite", str(photo("panda.webp"))],
    ):
        assert cli.main(arguments) == 2
        (line,) = [line for line in capfd.readouterr().err.splitlines() if line.startswith("classifier: ")]
        assert line.startswith("classifier: models/model.tflite: this model cannot be used.")
        assert said in line
        assert sorted(os.listdir(folder)) == ["models", "temporary"]
        assert sorted(os.listdir(folder / "models")) == ["labels.txt", "model.tflite"]
        assert not os.listdir(folder / "temporary")


def test_an_import_beside_it_is_left_alone(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    place(folder / "models", harmful.crashing())
    Path(".package.importing").mkdir()
    assert cli.main(["import", "models/model.tflite", "package"]) == 2
    assert "another command is making this package" in capfd.readouterr().err
    assert Path(".package.importing").exists()


@pytest.mark.parametrize(
    ("everyone", "number", "ended"),
    [
        (True, signal.SIGINT, (130, "", "classifier: interrupted\n")),
        (False, signal.SIGINT, (130, "", "classifier: interrupted\n")),
        (False, signal.SIGTERM, (143, "", "")),
    ],
    ids=["Ctrl-C in a terminal", "the same for the command alone", "its end asked for"],
)
def test_an_interrupt_ends_both_and_leaves_nothing(
    folder: Path, everyone: bool, number: signal.Signals, ended: tuple[int, str, str]
) -> None:
    place(folder / "models", harmful.hanging())
    command = subprocess.Popen(
        [*COMMAND, "import", "models/model.tflite", "package"],
        env={**ENVIRONMENT, "TMPDIR": str(folder / "temporary")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    until(lambda: os.path.exists(".package.importing"), 60)  # from now on it hangs, soon
    os.killpg(command.pid, number) if everyone else command.send_signal(number)
    out, err = command.communicate(timeout=60)
    assert (command.returncode, out, err) == ended
    assert sorted(os.listdir(folder)) == ["models", "temporary"]
    assert not os.listdir(folder / "temporary")
