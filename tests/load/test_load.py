"""The server under load keeps its promises; longer and larger loads are commands of the modules used here."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from benchmarks.visitor import client
from tests.load import crowd, sequence, soak
from tests.support.pictures import small_pictures
from tests.support.server import started
from tests.support.watch import HAS_PROC, watching

pytestmark = pytest.mark.slow

needs_proc = pytest.mark.skipif(not HAS_PROC, reason="there is no /proc here, from which memory could be read")


def again_if_slow(attempt: Callable[[], list[str]]) -> list[str]:
    """What was broken; at a second attempt, where /healthz was slow at the first.

    Whatever else this machine does makes the server slow, too; but hardly twice.
    """
    failures = attempt()
    return attempt() if any("/healthz took" in failure for failure in failures) else failures


@pytest.mark.alone
def test_fifty_at_once_are_all_answered_by_a_server_that_stays_small_and_alive(tmp_path: Path) -> None:
    pictures = crowd.photos()

    def broken() -> list[str]:
        with watching(address, process.pid) as seen:
            guests = crowd.crowd(address, pictures, page=25, api=25)
        print(crowd.report(guests, seen))
        return crowd.broken(guests, seen)

    with started(tmp_path / "log.txt") as (process, address):
        assert again_if_slow(broken) == []


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
        soaked = partial(soak.soak, address, process.pid, files, seconds=12, growth=soak.SHORT_GROWTH)
        assert again_if_slow(soaked) == []
