"""A module of ours in a child process: what it writes comes as it comes, and it ends in time, whatever it does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from classifier.machine import child, progress
from classifier.machine.child import End

linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells how much memory another process holds")


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Runs code as the module of a child; its end, its lines, and those of standard error."""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()

    def run(code: str, *arguments: str) -> tuple[End, list[str], list[str]]:
        (tmp_path / "foreign.py").write_text(f"import os, sys, time\n{code}\n")
        out: list[str] = []
        err: list[str] = []
        end = child.run("foreign", arguments, out=out.append, err=err.append)
        assert not list((tmp_path / "temporary").iterdir())
        return end, out, err

    return run


def test_its_lines_and_its_status_arrive(run) -> None:
    code = "print(sys.argv[1:]); print('é', end='', file=sys.stderr); sys.exit(3)"
    assert run(code, "a", "b c") == (End(3), ["['a', 'b c']\n"], ["é"])


def test_how_it_crashed_is_told_and_its_temporary_files_go(run) -> None:
    code = "import tempfile, ctypes; tempfile.mkdtemp(); print('so far', flush=True); ctypes.string_at(0)"
    assert run(code) == (End(None, "it crashed (Segmentation fault)"), ["so far\n"], [])
    assert run("os.abort()")[0] == End(None, "it crashed (Aborted)")
    twice = "import ctypes as c; l = c.CDLL(None); l.malloc.restype = c.c_void_p; p = c.c_void_p(l.malloc(99))"
    said = "print('said', file=sys.stderr, flush=True)"
    assert run(f"{said}; {twice}; l.free(p); l.free(p)") == (End(None, "it crashed (Aborted)"), [], ["said\n"])
    assert "as it does when memory runs out" in run("os.kill(os.getpid(), 9)")[0].problem


def test_silence_ends_it_and_signs_of_life_let_it_go_on(run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "STEP", 1.5)
    assert run("time.sleep(60)")[0] == End(None, "it made no progress for 2 s")
    signs = "from classifier.machine import progress\nfor _ in range(5): time.sleep(0.7); progress.sign(1.5)"
    assert run(signs)[0] == End(0)
    asked = (
        "from classifier.machine import progress; progress.sign(60); time.sleep(2); progress.sign(0); time.sleep(60)"
    )
    before = time.monotonic()
    assert run(asked)[0].problem.startswith("it made no progress")
    assert time.monotonic() - before < 30


@linux
def test_too_much_memory_ends_it(run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child, "available_memory", lambda: 300_000_000)
    end, _, _ = run("held = []\nwhile True: held.append(bytearray(os.urandom(1)) * 10_000_000)")
    assert end == End(None, "it took more than the 0.3 GB of memory that are free")


@linux
def test_it_is_confined(run) -> None:
    code = (
        "import resource, pathlib\n"
        "score = pathlib.Path('/proc/self/oom_score_adj').read_text().strip()\n"
        "print(score, resource.getrlimit(resource.RLIMIT_CORE)[0])\n"
        "print(os.getsid(0) == os.getpid(), resource.getrlimit(resource.RLIMIT_FSIZE)[0] < 10**11)"
    )
    assert run(code)[1] == ["1000 0\n", "True True\n"]


@linux
def test_it_ends_with_its_parent(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "alive")
    (tmp_path / "foreign.py").write_text(
        f"import time\nalive = open({str(tmp_path / 'alive')!r}, 'w')\nprint(flush=True)\ntime.sleep(300)\n"
    )
    code = (
        "import os\nfrom classifier.machine import child\n"
        "child.run('foreign', [], err=print, out=lambda line: os.kill(os.getpid(), 9))"
    )
    path = os.pathsep.join([str(tmp_path), *sys.path])
    env = {**os.environ, "PYTHONPATH": path, "TMPDIR": str(tmp_path)}
    parent = subprocess.Popen([sys.executable, "-c", code], env=env)
    before = time.monotonic()
    with (tmp_path / "alive").open() as alive:
        assert parent.wait(60) == -signal.SIGKILL
        assert alive.read() == ""  # comes to an end only when the child has ended
    assert time.monotonic() - before < 60


def test_what_goes_wrong_here_ends_it(run) -> None:
    def stop(line: str) -> None:
        raise BrokenPipeError(line)

    run("pass")  # writes the module's folder
    before = time.monotonic()
    Path(os.environ["PYTHONPATH"], "foreign.py").write_text("import time\nprint(flush=True)\ntime.sleep(300)\n")
    with pytest.raises(BrokenPipeError):
        child.run("foreign", [], out=stop, err=stop)
    assert time.monotonic() - before < 30
