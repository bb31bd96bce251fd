"""No core dump is left of a process that had pictures; real processes that really crash."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from classifier.machine import process
from tests.support.photos import ROOT
from tests.support.waiting import until
from tests.support.watch import HAS_PROC
from tests.support.workers import state

linux = pytest.mark.skipif(not HAS_PROC, reason="what a process may do is told by /proc, on Linux only")
PATTERN = Path("/proc/sys/kernel/core_pattern")
to_folder = pytest.mark.skipif(
    not PATTERN.exists() or PATTERN.read_text().startswith(("|", "/", "@")),
    reason="core dumps go elsewhere here: to a program, a socket or another folder",
)


def crashed(folder: Path, first: str, number: signal.Signals) -> list[str]:
    """The files that a process leaves that is allowed core dumps, runs a line and crashes."""
    code = f"{first}\nimport os\nos.kill(os.getpid(), {int(number)})"
    _, hard = resource.getrlimit(resource.RLIMIT_CORE)

    def allow() -> None:
        resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))

    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, env=environment, preexec_fn=allow)
    assert done.returncode == -number
    return [file.name for file in folder.iterdir()]


@to_folder
@pytest.mark.parametrize("number", [signal.SIGABRT, signal.SIGSEGV])
def test_a_crash_leaves_no_core_dump(tmp_path: Path, number: signal.Signals) -> None:
    (allowed := tmp_path / "allowed").mkdir()
    (forbidden := tmp_path / "forbidden").mkdir()
    if not crashed(allowed, "", number):
        pytest.skip("no core dump can be had here")
    assert not crashed(forbidden, "from classifier.machine import process; process.forbid_core_dumps()", number)


@linux
def test_not_even_for_a_program_that_the_kernel_would_give_it() -> None:
    """Which is not held to the limit in bytes: what keeps it out is that the process cannot be dumped."""
    code = (
        "import ctypes\n"
        "from classifier.machine import process\n"
        "get = lambda: ctypes.CDLL(None).prctl(3, 0, 0, 0, 0)\n"  # PR_GET_DUMPABLE
        "before = get(); process.forbid_core_dumps(); print(before, get())\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "1 0\n"


@linux
def test_what_a_server_reads_of_itself_stays_readable() -> None:
    """Without the rights of root, since `/proc/self` then belongs to root."""
    code = (
        "import os\n"
        "from classifier.machine import cgroup, memory, process\n"
        "from classifier.picture.sandbox.bounds import resident\n"
        "before = memory.available_memory(), list(cgroup.cpu_quotas()), open('/proc/self/cgroup').read()\n"
        "if os.getuid() == 0: os.setgid(54321); os.setuid(54321)\n"
        "process.forbid_core_dumps()\n"
        "after = memory.available_memory(), list(cgroup.cpu_quotas()), open('/proc/self/cgroup').read()\n"
        "assert before[1:] == after[1:]\n"
        "assert (before[0] is None) == (after[0] is None)\n"
        "assert resident() > 0\n"
        "assert os.listdir('/proc/self/fd')\n"
        "assert os.readlink('/proc/self/exe')\n"
        "assert open('/proc/self/status').read()\n"
        "assert open('/proc/self/maps').read()\n"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


@linux
def test_a_child_ends_with_its_parent_even_if_it_is_stopped() -> None:
    code = (
        "import os, signal, sys, time\n"
        "from classifier.machine import process\n"
        "parent = os.getpid()\n"
        "child = os.fork()\n"
        "if not child:\n"
        "    process.end_with(parent)\n"
        "    os.kill(os.getpid(), signal.SIGSTOP)\n"
        "os.waitpid(child, os.WUNTRACED)\n"
        "print(child, flush=True)\n"
        "time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout
        child = int(parent.stdout.readline())
        assert state(child) == "T"
        parent.kill()
        until(lambda: state(child) in ("", "Z"))


@linux
def test_a_child_whose_parent_has_ended_already_does_not_stay() -> None:
    child = os.fork()
    if not child:
        process.end_with(parent=1 << 30)
        time.sleep(10)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 1
