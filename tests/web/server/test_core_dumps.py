"""A server that crashes writes no visitor's picture to the disk."""

from __future__ import annotations

import os
import resource
import signal
from collections.abc import Iterator
from pathlib import Path

import httpx2 as httpx
import pytest

from classifier.checkout import ROOT
from tests.support.photos import photo
from tests.support.server import started
from tests.support.watch import HAS_PROC

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not HAS_PROC, reason="what a process may do is told by /proc")]


@pytest.fixture
def allowed() -> Iterator[None]:
    """Whatever starts a server allows core dumps of any size."""
    soft, hard = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_CORE, (soft, hard))


@pytest.mark.usefixtures("allowed")
def test_a_server_that_crashes_leaves_no_core_dump(tmp_path: Path) -> None:
    before = set(ROOT.glob("core*"))
    with started(tmp_path / "log.txt", ended=(-signal.SIGABRT,)) as (server, address):
        answer = httpx.post(f"{address}/api/v1/classify", content=photo("panda.webp").read_bytes(), timeout=60)
        assert answer.status_code == 200
        limits = Path(f"/proc/{server.pid}/limits").read_text()
        (line,) = [line for line in limits.splitlines() if line.startswith("Max core file size")]
        assert line.split()[4:6] == ["0", "0"]
        if os.getuid() != 0:  # what cannot be dumped is root's
            assert Path(f"/proc/{server.pid}/stat").stat().st_uid == 0
        os.kill(server.pid, signal.SIGABRT)
        server.wait(60)
    left = set(ROOT.glob("core*")) - before
    for file in left:
        file.unlink()
    assert not left
