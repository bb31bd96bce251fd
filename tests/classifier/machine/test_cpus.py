"""CPUs from trees of files as the kernel shows them: cgroup 2, cgroup 1, none."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from classifier.machine.cpus import cpu_count
from tests.support.cgroups import CPUS, write

pytestmark = pytest.mark.usefixtures("many_cpus")


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


@pytest.mark.parametrize(("named", "expected"), [("2", 2), ("999", CPUS), ("0", 1), ("many", CPUS), ("", CPUS)])
def test_the_setting_lowers_the_count_and_a_wrong_one_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, named: str, expected: int
) -> None:
    monkeypatch.setenv("CLASSIFIER_CPUS", named)
    assert cpu_count(write(tmp_path, {})) == expected
