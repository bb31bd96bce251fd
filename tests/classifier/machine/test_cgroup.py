"""CPUs and memory from trees of files as the kernel shows them: cgroup 2, cgroup 1, both, none."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from classifier.machine.cpus import cpu_count
from classifier.machine.memory import available_memory

MB = 1 << 20
CPUS = 8
UNLIMITED_V1 = 9223372036854771712


@pytest.fixture(autouse=True)
def _many_cpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(CPUS)), raising=False)


def write(root: Path, files: dict[str, str]) -> Path:
    for name, content in files.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content + "\n")
    return root


@pytest.mark.parametrize(
    ("quota", "expected"),
    [("max 100000", CPUS), ("200000 100000", 2), ("150000 100000", 2), ("20000 100000", 1)],
)
def test_a_quota_of_version_2_counts_rounded_up(tmp_path: Path, quota: str, expected: int) -> None:
    root = write(tmp_path, {"proc/self/cgroup": "0::/", "sys/fs/cgroup/cpu.max": quota})
    assert cpu_count(root) == expected


def test_the_tightest_quota_on_the_way_to_the_root_counts(tmp_path: Path) -> None:
    root = write(
        tmp_path,
        {
            "proc/self/cgroup": "0::/kubepods/pod1/box",
            "sys/fs/cgroup/kubepods/pod1/box/cpu.max": "max 100000",
            "sys/fs/cgroup/kubepods/pod1/cpu.max": "300000 100000",
            "sys/fs/cgroup/kubepods/cpu.max": "600000 100000",
        },
    )
    assert cpu_count(root) == 3


def test_in_a_container_the_hosts_path_is_not_there_but_the_limit_is(tmp_path: Path) -> None:
    root = write(
        tmp_path,
        {
            "proc/self/cgroup": "0::/system.slice/docker-1234.scope",
            "sys/fs/cgroup/cpu.max": "100000 100000",
            "sys/fs/cgroup/memory.max": str(512 * MB),
            "sys/fs/cgroup/memory.current": str(100 * MB),
        },
    )
    assert cpu_count(root) == 1
    assert available_memory(root) == 412 * MB


@pytest.mark.parametrize(("quota", "expected"), [("-1", CPUS), ("250000", 3), ("50000", 1)])
def test_a_quota_of_version_1(tmp_path: Path, quota: str, expected: int) -> None:
    root = write(
        tmp_path,
        {
            "proc/self/cgroup": "5:cpu,cpuacct:/docker/1234\n3:memory:/docker/1234",
            "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": quota,
            "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000",
        },
    )
    assert cpu_count(root) == expected


def test_a_quota_never_gives_more_than_the_cpu_set(tmp_path: Path) -> None:
    root = write(tmp_path, {"proc/self/cgroup": "0::/", "sys/fs/cgroup/cpu.max": "9900000 100000"})
    assert cpu_count(root) == CPUS


def test_without_cgroups_the_cpu_set_counts(tmp_path: Path) -> None:
    assert cpu_count(tmp_path) == CPUS


def test_without_a_cpu_set_the_machine_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert cpu_count(tmp_path) == 1


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
            "sys/fs/cgroup/a/memory.max": str(1000 * MB),
            "sys/fs/cgroup/a/memory.current": str(900 * MB),
            "sys/fs/cgroup/a/b/memory.max": str(800 * MB),
            "sys/fs/cgroup/a/b/memory.current": str(200 * MB),
        },
    )
    assert available_memory(root) == 100 * MB


def test_page_cache_counts_as_room(tmp_path: Path) -> None:
    root = write(
        tmp_path,
        {
            "proc/self/cgroup": "0::/",
            "sys/fs/cgroup/memory.max": str(500 * MB),
            "sys/fs/cgroup/memory.current": str(490 * MB),
            "sys/fs/cgroup/memory.stat": f"anon 1\ninactive_file {300 * MB}\nactive_file 7",
        },
    )
    assert available_memory(root) == 310 * MB


def test_page_cache_of_version_1_counts_with_the_groups_below(tmp_path: Path) -> None:
    # usage_in_bytes includes them; of the two lines only total_ does.
    root = write(
        tmp_path,
        {
            "proc/self/cgroup": "4:memory:/",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": str(500 * MB),
            "sys/fs/cgroup/memory/memory.usage_in_bytes": str(400 * MB),
            "sys/fs/cgroup/memory/memory.stat": f"inactive_file 5\ntotal_inactive_file {50 * MB}",
        },
    )
    assert available_memory(root) == 150 * MB


def test_no_limit_of_version_1_leaves_the_machines_memory(tmp_path: Path) -> None:
    root = write(
        tmp_path,
        {
            "proc/self/cgroup": "4:memory:/",
            "proc/meminfo": "MemAvailable:  2000 kB",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": str(UNLIMITED_V1),
            "sys/fs/cgroup/memory/memory.usage_in_bytes": str(400 * MB),
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


@pytest.mark.parametrize(("quota", "memory"), [(1, 300), (3, 900)])
def test_both_versions_side_by_side(tmp_path: Path, quota: int, memory: int) -> None:
    root = write(
        tmp_path,
        {
            "proc/self/cgroup": "4:memory:/box\n1:cpu:/box\n0::/",
            "sys/fs/cgroup/cpu/box/cpu.cfs_quota_us": str(quota * 100_000),
            "sys/fs/cgroup/cpu/box/cpu.cfs_period_us": "100000",
            "sys/fs/cgroup/memory/box/memory.limit_in_bytes": str(memory * MB),
            "sys/fs/cgroup/memory/box/memory.usage_in_bytes": "0",
        },
    )
    assert cpu_count(root) == quota
    assert available_memory(root) == memory * MB


def test_this_machine_answers() -> None:
    assert 1 <= cpu_count() <= CPUS
    memory = available_memory()
    assert memory is None or memory > 0
