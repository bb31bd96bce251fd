"""The server under load keeps its promises; longer and larger loads are commands of the modules used here."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.visitor import client
from tests.load import crowd, sequence, soak
from tests.support.pictures import small_pictures
from tests.support.server import started
from tests.support.watch import HAS_PROC, watching

pytestmark = pytest.mark.slow

needs_proc = pytest.mark.skipif(not HAS_PROC, reason="there is no /proc here, from which memory could be read")


@pytest.mark.alone
def test_fifty_at_once_are_all_answered_by_a_server_that_stays_small_and_alive(tmp_path: Path) -> None:
    pictures, failures = crowd.photos(), ["not tried"]
    with started(tmp_path / "log.txt") as (process, address):
        for _ in range(2):
            with watching(address, process.pid) as seen:
                guests = crowd.crowd(address, pictures, page=25, api=25)
            print(crowd.report(guests, seen))
            failures = crowd.broken(guests, seen)
            # Whatever else this machine does makes the server slow, too; but hardly twice.
            if not any("/healthz took" in failure for failure in failures):
                break
    assert failures == []


@needs_proc
def test_pictures_one_after_another_leave_nothing_behind(tmp_path: Path) -> None:
    files, environment = small_pictures(), {"CLASSIFIER_MODEL": "efficientnet-lite0"}
    with started(tmp_path / "log.txt", environment) as (process, address), client(address) as http:
        before, after = sequence.footprints(http, process.pid, files, 300)
    print(before, after, sep="\n")
    assert sequence.broken(before, after) == []


@pytest.mark.alone
def test_a_short_soak_breaks_no_promise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(soak.TTL, "1")
    files = small_pictures()
    with started(tmp_path / "log.txt") as (process, address):
        broken = soak.soak(address, process.pid, files, seconds=12, growth=soak.SHORT_GROWTH)
    # Whatever else this machine does makes /healthz slow, too; `make soak` sees to its time.
    assert [failure for failure in broken if "/healthz took" not in failure] == []
