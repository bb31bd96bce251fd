"""CPUs and memory together, from trees of files as the kernel shows them."""

from __future__ import annotations

from pathlib import Path

import pytest

from classifier.machine.cpus import cpu_count
from classifier.machine.memory import available_memory
from tests.support.cgroups import CPUS, MIB, write

pytestmark = pytest.mark.usefixtures("many_cpus")


def test_in_a_container_the_hosts_path_is_not_there_but_the_limit_is(tmp_path: Path) -> None:
    root = write(
        tmp_path,
        {
            "proc/self/cgroup": "0::/system.slice/docker-1234.scope",
            "sys/fs/cgroup/cpu.max": "100000 100000",
            "sys/fs/cgroup/memory.max": str(512 * MIB),
            "sys/fs/cgroup/memory.current": str(100 * MIB),
        },
    )
    assert cpu_count(root) == 1
    assert available_memory(root) == 412 * MIB


@pytest.mark.parametrize(("quota", "memory"), [(1, 300), (3, 900)])
def test_both_versions_side_by_side(tmp_path: Path, quota: int, memory: int) -> None:
    root = write(
        tmp_path,
        {
            "proc/self/cgroup": "4:memory:/box\n1:cpu:/box\n0::/",
            "sys/fs/cgroup/cpu/box/cpu.cfs_quota_us": str(quota * 100_000),
            "sys/fs/cgroup/cpu/box/cpu.cfs_period_us": "100000",
            "sys/fs/cgroup/memory/box/memory.limit_in_bytes": str(memory * MIB),
            "sys/fs/cgroup/memory/box/memory.usage_in_bytes": "0",
        },
    )
    assert cpu_count(root) == quota
    assert available_memory(root) == memory * MIB


def test_this_machine_answers() -> None:
    assert 1 <= cpu_count() <= CPUS
    memory = available_memory()
    assert memory is None or memory > 0


NONSENSE = (
    "",
    "nonsense",
    "²",
    "9" * 5000,
    "-1",
    "0 0",
    "100000 0",
    "1 1 1",
    "1e5 100000",
    "nan inf",
    "\0",
    "MemAvailable:",
)


@pytest.mark.parametrize("content", NONSENSE)
def test_what_the_kernel_would_not_say_is_no_limit(tmp_path: Path, content: str) -> None:
    memory = ("memory.max", "memory.current", "memory.stat", "memory/memory.limit_in_bytes", "memory/memory.stat")
    cpu = ("cpu.max", "cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us")
    files = {f"sys/fs/cgroup/{name}": content for name in (*memory, *cpu)}
    root = write(
        tmp_path, {"proc/self/cgroup": f"4:memory:/\n1:cpu:/\n0::/\n{content}", "proc/meminfo": content, **files}
    )
    (root / "sys/fs/cgroup/box").mkdir()
    (root / "sys/fs/cgroup/box/cpu.max").write_bytes(b"\xff\xfe 100000")
    assert cpu_count(root) == CPUS
    assert available_memory(root) is None


def test_a_size_that_makes_no_sense_leaves_the_others(tmp_path: Path) -> None:
    sizes = {"memory.max": str(512 * MIB), "memory.current": str(100 * MIB), "memory.stat": "inactive_file lots\nfile"}
    files = {f"sys/fs/cgroup/{name}": content for name, content in sizes.items()}
    root = write(tmp_path, {"proc/self/cgroup": "0::/", "proc/meminfo": "MemAvailable: much kB", **files})
    assert available_memory(root) == 412 * MIB
