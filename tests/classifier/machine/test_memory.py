"""The memory that is there, as the kernel's files show it, and how it is shared: never more than there is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from classifier.machine.memory import MemoryPlan, available_memory
from tests.support.cgroups import MIB, write

MB = 1_000_000
WISHES = {"max_bytes": 20_000_000, "decoders": 4, "decoder": 880_000_000}
UNLIMITED_V1 = 9223372036854771712


def test_memory_is_unknown_where_nothing_tells(tmp_path: Path) -> None:
    assert available_memory(tmp_path) is None


def test_memory_of_the_machine_counts_without_a_limit(tmp_path: Path) -> None:
    root = write(
        tmp_path,
        {
            "proc/self/cgroup": "0::/",
            "proc/meminfo": "MemTotal:  8000 kB\nMemFree:  100 kB\nMemAvailable:  3000 kB",
            "sys/fs/cgroup/memory.max": "max",
            "sys/fs/cgroup/memory.current": "5000",
        },
    )
    assert available_memory(root) == 3000 * 1024


def test_the_tighter_of_machine_and_limit_counts(tmp_path: Path) -> None:
    root = write(
        tmp_path,
        {
            "proc/self/cgroup": "0::/a/b",
            "proc/meminfo": f"MemAvailable:  {4096 * 1024} kB",
            "sys/fs/cgroup/a/memory.max": str(1000 * MIB),
            "sys/fs/cgroup/a/memory.current": str(900 * MIB),
            "sys/fs/cgroup/a/b/memory.max": str(800 * MIB),
            "sys/fs/cgroup/a/b/memory.current": str(200 * MIB),
        },
    )
    assert available_memory(root) == 100 * MIB


def test_page_cache_counts_as_room(tmp_path: Path) -> None:
    root = write(
        tmp_path,
        {
            "proc/self/cgroup": "0::/",
            "sys/fs/cgroup/memory.max": str(500 * MIB),
            "sys/fs/cgroup/memory.current": str(490 * MIB),
            "sys/fs/cgroup/memory.stat": f"anon 1\ninactive_file {300 * MIB}\nactive_file 7",
        },
    )
    assert available_memory(root) == 310 * MIB


def test_page_cache_of_version_1_counts_with_the_groups_below(tmp_path: Path) -> None:
    # usage_in_bytes includes them; of the two lines only total_ does.
    root = write(
        tmp_path,
        {
            "proc/self/cgroup": "4:memory:/",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": str(500 * MIB),
            "sys/fs/cgroup/memory/memory.usage_in_bytes": str(400 * MIB),
            "sys/fs/cgroup/memory/memory.stat": f"inactive_file 5\ntotal_inactive_file {50 * MIB}",
        },
    )
    assert available_memory(root) == 150 * MIB


def test_no_limit_of_version_1_leaves_the_machines_memory(tmp_path: Path) -> None:
    root = write(
        tmp_path,
        {
            "proc/self/cgroup": "4:memory:/",
            "proc/meminfo": "MemAvailable:  2000 kB",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": str(UNLIMITED_V1),
            "sys/fs/cgroup/memory/memory.usage_in_bytes": str(400 * MIB),
        },
    )
    assert available_memory(root) == 2000 * 1024


def test_usage_over_the_limit_leaves_nothing(tmp_path: Path) -> None:
    root = write(
        tmp_path,
        {
            "proc/self/cgroup": "0::/",
            "sys/fs/cgroup/memory.max": "1000",
            "sys/fs/cgroup/memory.current": "5000",
        },
    )
    assert available_memory(root) == 0


def test_with_plenty_everyone_gets_what_they_want_and_models_the_rest() -> None:
    plan = MemoryPlan.share(10_000 * MB, **WISHES)
    assert plan == MemoryPlan(400 * MB, 20 * MB, 4, 880 * MB, 6_080 * MB)


def test_where_nobody_knows_the_memory_nothing_is_bounded_by_it() -> None:
    assert MemoryPlan.share(None, **WISHES) == MemoryPlan(400 * MB, 20 * MB, 4, 880 * MB, None)
    assert MemoryPlan.share(None, **WISHES, uploads=70 * MB).uploads == 70 * MB


@pytest.mark.parametrize("another", [0, 9 * MB, 49 * MB, 300 * MB])
@pytest.mark.parametrize("uploads", [None, 45 * MB])
@pytest.mark.parametrize("free", [60, 100, 200, 392, 640, 1_000, 1_500, 3_000, 20_000])
def test_the_shares_are_no_more_than_there_is(free: int, uploads: int | None, another: int) -> None:
    plan = MemoryPlan.share(free * MB, **WISHES, uploads=uploads, another_model=another)
    assert plan.models is not None
    decoders = plan.decoders * plan.decoder
    least = 32 << 20  # what one decoder cannot do without
    assert plan.uploads + decoders + plan.models <= max(free * MB, plan.uploads + least)
    assert plan.decoder >= least
    if uploads is None:
        assert plan.max_bytes == max(8 * MB, min(20 * MB, plan.uploads // 2))


@pytest.mark.parametrize(
    ("free", "decoders", "decoder"), [(400, 3, 100), (60, 1, 45), (392, 2, 147), (100_000, 4, 880)]
)
def test_with_little_memory_there_are_fewer_decoders_with_less_each(free: int, decoders: int, decoder: int) -> None:
    plan = MemoryPlan.share(free * MB, **WISHES)
    assert (plan.decoders, plan.decoder) == (decoders, decoder * MB)


def test_a_model_more_gets_room_where_it_takes_little() -> None:
    assert MemoryPlan.share(392 * MB, **WISHES).models == 0
    plan = MemoryPlan.share(392 * MB, **WISHES, another_model=40 * MB)
    assert (plan.models, plan.decoder, plan.uploads) == (40 * MB, 147 * MB, 58 * MB)
    assert MemoryPlan.share(60 * MB, **WISHES, another_model=40 * MB).models == 0


def test_the_page_gets_its_share_before_all_others() -> None:
    plan = MemoryPlan.share(130 * MB, **WISHES, page=30 * MB)
    assert plan == replace(MemoryPlan.share(100 * MB, **WISHES), page=30 * MB)
    assert MemoryPlan.share(10 * MB, **WISHES, page=30 * MB).decoder == 32 << 20


def test_a_photo_of_a_phone_is_taken_wherever_the_server_runs() -> None:
    for free in (0, 20, 54):
        plan = MemoryPlan.share(free * MB, **WISHES)
        assert plan.max_bytes == 8 * MB <= plan.uploads
    assert MemoryPlan.share(20 * MB, **{**WISHES, "max_bytes": 2 * MB}).max_bytes == 2 * MB


def test_uploads_are_what_the_operator_says() -> None:
    plan = MemoryPlan.share(200 * MB, **WISHES, uploads=100 * MB)
    assert (plan.uploads, plan.max_bytes, plan.decoders, plan.decoder) == (
        100 * MB,
        20 * MB,
        1,
        100 * MB,
    )
