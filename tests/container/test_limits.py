"""Each limit that an engine can set: the server takes it into account, answers pictures of all sizes, and survives.

`--pictures 200` is the long form. What each limit cost is printed (`pytest -s`); a limit that the engine or the kernel
does not apply is named as a skipped test.
"""

from __future__ import annotations

import os
import re
import statistics
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache

import pytest
from PIL import Image

from tests.support.docker import HARDENED, Container, DockerError, docker, get, ready, send
from tests.support.hostile import encode
from tests.support.photos import mosaic, photo
from tests.support.pictures import pictures

CALLERS = 3


@cache
def files() -> Sequence[bytes]:
    """Pictures of mixed sizes, the largest of 64 million pixels, in an order that mixes them."""
    small = pictures()
    large = mosaic(8000, 7990)
    plain = Image.new("RGB", (8000, 7990), "teal")
    most = [
        *(encode(large, "JPEG", quality=70), encode(large, "JPEG", quality=70, progressive=True)),
        *(encode(plain, "PNG", compress_level=1), encode(plain, "WEBP", method=0), encode(plain, "AVIF", speed=10)),
    ]
    mixed = [most[number // 4 % len(most)] if number % 4 == 3 else small[number] for number in range(100)]
    return mixed * 2


@dataclass(frozen=True)
class Limit:
    """A limit, as the engine is told, and what is expected of the server under it."""

    flavor: str
    options: tuple[str, ...]
    threads: int = 2
    lost: str = ""
    """What the engine warns of when it cannot set it."""


def device() -> str:
    """The block device under Docker's own folder."""
    folder = docker("info", "--format", "{{.DockerRootDir}}")
    source = subprocess.run(
        ["findmnt", "-n", "-o", "SOURCE", "-T", folder], capture_output=True, text=True
    ).stdout.strip()
    return source.partition("[")[0] if source.startswith("/dev/") else "/dev/none"


def memory(size: str) -> tuple[str, ...]:
    return "--memory", size, "--memory-swap", size


CPUS = min(2, os.cpu_count() or 1)
LIMITS = {
    "--cpus 0.5": Limit("edge", ("--cpus", "0.5"), 1),
    "--cpuset-cpus 0": Limit("edge", ("--cpuset-cpus", "0"), 1),
    "--cpu-shares 512": Limit("edge", ("--cpu-shares", "512"), CPUS),
    "--memory 192m": Limit("edge", memory("192m"), CPUS),
    "--memory 512m": Limit("edge", memory("512m"), CPUS),
    "--memory 1g": Limit("cpu", memory("1g"), CPUS),
    "--device-read-bps 10mb": Limit("edge", ("--device-read-bps", f"{device()}:10mb"), CPUS),
    "--device-write-bps 1mb": Limit("edge", ("--device-write-bps", f"{device()}:1mb"), CPUS),
    "--device-read-iops 200": Limit("edge", ("--device-read-iops", f"{device()}:200"), CPUS),
    "--device-write-iops 50": Limit("edge", ("--device-write-iops", f"{device()}:50"), CPUS),
    "--pids-limit 48": Limit("edge", ("--pids-limit", "48"), CPUS),
}


@pytest.mark.parametrize("name", LIMITS)
def test_under_a_limit_every_picture_is_answered(name: str, request: pytest.FixtureRequest) -> None:
    limit = LIMITS[name]
    count = request.config.getoption("--pictures")
    image = request.getfixturevalue(limit.flavor)
    warned = unsupported(limit.options)
    if warned:
        pytest.skip(f"{name} cannot be applied here: {warned}")
    with ready(image, *HARDENED, *limit.options) as container:
        info = get(container.address, "/api/v1/info").json
        answers, took = ask(container, files()[:count])
        peak, killed = container.memory_peak(), container.killed_for_memory()
        print(
            f"\n{limit.flavor} {name}: {', '.join(f'{n} {what}' for what, n in answers.most_common())}; "
            f"peak {peak / 1e6:.0f} MB, median {statistics.median(took) * 1000:.0f} ms, slowest {max(took):.1f} s; "
            f"limits {info['limits']['max_bytes'] / 1e6:.3g} MB, {info['limits']['max_pixels'] / 1e6:.3g} megapixels"
        )
        assert get(container.address, "/readyz").status == 200
        assert container.state["Status"] == "running"
    assert killed == 0
    assert info["device"] == f"CPU ({limit.threads} thread{'s' if limit.threads > 1 else ''})"
    assert set(answers) <= {"200", "413"}, answers
    assert answers["200"] > count / 3


def unsupported(options: Sequence[str]) -> str:
    """What the engine says of options that it cannot apply; "" if it can."""
    command = ["docker", "create", *options, "debian:trixie-slim", "true"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60)
    warning = ended.stderr.strip()
    if ended.returncode == 0:
        name = ended.stdout.strip()
        if not warning:
            started = subprocess.run(["docker", "start", "--attach", name], capture_output=True, text=True, timeout=60)
            warning = started.stderr.strip() if started.returncode else ""
        docker("rm", "--force", name)
    return warning


def ask(container: Container, some: Sequence[bytes]) -> tuple[Counter[str], list[float]]:
    """Sends pictures, a few at a time; how often which status came, and the seconds of each."""
    address = container.address

    def one(picture: bytes) -> tuple[str, float]:
        for _ in range(100):
            begin = time.monotonic()
            answer = send_to(address, picture)
            if answer != "503":
                break
            time.sleep(0.2)  # told to come back, and does
        return answer, time.monotonic() - begin

    with ThreadPoolExecutor(CALLERS) as pool:
        rows = list(pool.map(one, some))
    return Counter(status for status, _ in rows), [seconds for _, seconds in rows]


def send_to(address: str, picture: bytes) -> str:
    return str(send(address, "POST", "/api/v1/classify?top_k=1", picture).status)


def test_two_containers_share_a_core_by_their_weights(edge: str) -> None:
    picture = photo("panda.webp").read_bytes()
    options = (*HARDENED, "--cpuset-cpus", "0")
    with (
        ready(edge, *options, "--cpu-shares", "1024") as one,
        ready(edge, *options, "--cpu-shares", "512") as other,
    ):
        weights = [weight(container) for container in (one, other)]
        done, end = Counter[str](), threading.Event()

        def load(name: str, address: str) -> None:
            while not end.is_set():
                if send_to(address, picture) == "200":
                    done[name] += 1

        with ThreadPoolExecutor(6) as pool:
            for container in (one, other):
                send_to(container.address, picture)
                for _ in range(3):
                    pool.submit(load, container.id, container.address)
            time.sleep(2)
            before = done.copy()
            time.sleep(10)
            after = done.copy()
            end.set()
    counts = [after[container.id] - before[container.id] for container in (one, other)]
    measured, expected = counts[0] / counts[1], weights[0] / weights[1]
    print(f"\n{counts[0]} and {counts[1]} pictures: {measured:.2f}; the kernel's weights say {expected:.2f}")
    assert measured == pytest.approx(expected, rel=0.25)


def weight(container: Container) -> int:
    """The CPU weight that the kernel shows in it."""
    files = "/sys/fs/cgroup/cpu.weight /sys/fs/cgroup/cpu/cpu.shares"
    return int(container.run("sh", "-c", f"cat {files} 2>/dev/null || true").split()[0])


def test_a_limit_that_cannot_be_applied_is_named() -> None:
    said = unsupported(("--device-read-bps", "/dev/none:1mb"))
    assert re.search(r"none", said)
    assert unsupported(("--cpus", "0.5")) == ""
    with pytest.raises(DockerError):
        docker("run", "--rm", "--cpus", "1000", "debian:trixie-slim", "true")
