"""The command where the machine or the container lacks what is usually there: one sentence, or no trouble at all."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from classifier.cli import launcher
from classifier.settings import Settings
from tests.support.command import COMMAND, ENVIRONMENT, PANDA, run
from tests.support.packages import LITE0
from tests.support.unprivileged import bound_by_file_modes

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Linux has these limits and mounts")


def dataset(folder: Path) -> Path:
    """A CSV file of one picture, and of names that no file can have or that may not be read."""
    shutil.copy(PANDA, folder / "panda.webp")
    shutil.copy(PANDA, folder / "locked.webp")
    (folder / "locked.webp").chmod(0)
    file = folder / "data.csv"
    file.write_text("panda.webp,388\nlocked.webp,388\nnul\0.webp,388\n", "utf-8")
    return file


def test_of_the_pictures_of_a_list_each_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    ended = run("evaluate", LITE0, dataset(tmp_path), preexec_fn=bound_by_file_modes)
    locked, nul = sorted(ended.stderr.decode().splitlines())
    assert ended.returncode == 1
    assert "This file may not be read by the user " in locked
    assert f"chmod -R a+rX {tmp_path}/locked.webp" in locked
    assert "nul\\x00.webp: This file cannot be read: no file can have that name" in nul


@pytest.mark.parametrize(
    ("command", "target"),
    [
        (("evaluate", LITE0, "data.csv", "--json", "locked/x.json"), "locked"),
        (("calibrate", "./mine", "data.csv", "--write"), "mine"),
        (("import", LITE0 / "model.tflite", "locked/new"), "locked"),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_an_output_that_may_not_be_written_is_said_before_the_work(
    tmp_path: Path, command: tuple[str | Path, ...], target: str
) -> None:
    dataset(tmp_path)
    shutil.copytree(LITE0, tmp_path / "mine")
    (tmp_path / "locked").mkdir()
    (tmp_path / target).chmod(0o500)
    ended = run(*command, cwd=tmp_path, preexec_fn=bound_by_file_modes)
    (said,) = ended.stderr.decode().splitlines()
    assert (ended.returncode, ended.stdout) == (2, b"")
    assert "cannot be written: the user " in said
    assert f"(uid {os.geteuid()})" in said
    assert "mode 0500. Choose a folder of your own" in said


def test_no_more_threads_is_one_sentence() -> None:
    code = (
        "import sys, threading\n"
        'def refuse(*_): raise RuntimeError("can\'t start new thread")\n'
        "threading.Thread.start = refuse\n"
        "from classifier.cli import main\n"
        f"sys.exit(main(['classify', {str(PANDA)!r}]))"
    )
    ended = subprocess.run([sys.executable, "-c", code], env=ENVIRONMENT, capture_output=True, timeout=60)
    assert ended.returncode == 1
    assert ended.stderr.startswith(b"classifier: no more threads can be started.")
    assert b"Traceback" not in ended.stderr


@pytest.mark.slow
@pytest.mark.parametrize("gigabytes", [1, 2, 4])
def test_a_bound_on_the_address_space_leaves_enough(gigabytes: int) -> None:
    most = gigabytes * 10**9
    ended = run("classify", PANDA, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (most, most)))
    assert ended.returncode == 0, ended.stderr
    assert b"giant panda" in ended.stdout


@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount")
@pytest.mark.parametrize(
    "mount",
    [
        "mount -t tmpfs none /proc",
        "mount -t tmpfs none /sys",
        'mount -t tmpfs -o size=64k none "$TMPDIR"; ! head -c 100k /dev/zero > "$TMPDIR/full"',
        'mount -t tmpfs -o ro none "$TMPDIR"',
    ],
    ids=["no /proc", "no /sys", "a full disk", "a disk that is read-only"],
)
def test_pictures_are_classified_without(tmp_path: Path, mount: str) -> None:
    command = [
        "unshare",
        "--mount",
        "sh",
        "-c",
        f'{mount} 2>/dev/null; exec "$@"',
        "sh",
        *COMMAND,
        "classify",
        str(PANDA),
    ]
    environment = {**ENVIRONMENT, "TMPDIR": str(tmp_path), "HOME": str(tmp_path)}
    ended = subprocess.run(command, env=environment, capture_output=True, timeout=60)
    if b"unshare failed" in ended.stderr:
        pytest.skip("namespaces are not allowed here")
    assert ended.returncode == 0, ended.stderr
    assert b"giant panda" in ended.stdout
    assert b"Traceback" not in ended.stderr


def test_a_user_without_a_home_gets_one_for_streamlit(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "HOME" not in launcher.environment(Settings(), {}) or os.getuid() > 0
    monkeypatch.setattr(os, "getuid", lambda: 4242_4242)
    assert launcher.environment(Settings(), {})["HOME"] == "/"
    assert launcher.environment(Settings(), {"HOME": "/tmp"})["HOME"] == "/tmp"
