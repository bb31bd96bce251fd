"""Rows in which the server stands beside its peers, each as its own guide writes it, with the same weights."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.callers import ASKS, Load, Server, ask_by_form, in_turn, peer, version
from benchmarks.measure import Row
from benchmarks.pictures import mosaic_jpeg
from benchmarks.server import serving
from classifier.machine.cpus import cpu_count

_SIZES = {"640 x 480": (640, 480), "12-megapixel": (4000, 3000)}


def one_caller(rounds: int) -> Iterator[Row]:
    """One caller on one connection, beside plain FastAPI."""
    with servers("fastapi") as running:
        for (about, (width, height)), wanted in zip(_SIZES.items(), (0.95, 2.0), strict=True):
            loads = in_turn(running, mosaic_jpeg(width, height), 1, 20, max(3, rounds // 3))
            ours, theirs = loads["ours"], loads[other := next(name for name in loads if name != "ours")]
            taken = ours.percentile(0.5), theirs.percentile(0.5)
            texts = (f"{taken[0]:.1f} ms", f"{other}: {taken[1]:.1f} ms")
            yield Row(f"{about} JPEG, one caller", *texts, taken[1] / taken[0], wanted)


def eight_callers(rounds: int) -> Iterator[Row]:
    """Eight callers at once: pictures a second, how evenly they wait, and the CPU that a cloud bills."""
    with servers(*ASKS) as running:
        for (about, (width, height)), wanted in zip(_SIZES.items(), (1.15, 4.0), strict=True):
            count = 160 if wanted < 2 else 40
            loads = in_turn(running, mosaic_jpeg(width, height), 8, count, max(3, rounds // 6))
            ours = loads.pop("ours")
            best = max(loads, key=lambda name: loads[name].rate)
            what = f"{about} JPEGs, 8 callers"
            against = f"{best}: {loads[best].rate:.1f}/s{_rest(loads, best)}"
            yield Row(what, f"{ours.rate:.1f}/s", against, ours.rate / loads[best].rate, wanted)
            p50, p99 = ours.percentile(0.5), ours.percentile(0.99)
            yield Row(f"{what}: p50 against p99", f"{p50:.0f} ms", f"ours: {p99:.0f} ms", 2 * p50 / p99, 1.0)
            least = min(loads, key=lambda name: loads[name].cpu)
            texts = (f"{ours.cpu:.1f} s", f"{least}: {loads[least].cpu:.1f} s")
            yield Row(f"{what}: CPU time of 1,000", *texts, loads[least].cpu / ours.cpu, None)


def _rest(loads: Mapping[str, Load], best: str) -> str:
    return "".join(f", {name}: {load.rate:.1f}/s" for name, load in loads.items() if name != best)


@contextmanager
def servers(*peers: str) -> Iterator[dict[str, Server]]:
    """Our server with Lite2, and some peers, all ready."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        environment = {"CLASSIFIER_MODEL": "model/efficientnet-lite2", "CLASSIFIER_THREADS": str(cpu_count())}
        process, address = stack.enter_context(serving(folder / "log.txt", environment=environment))
        port = urlsplit(address).port or 80
        found = {"ours": Server(process.pid, port, ask_by_form("/api/v1/classify"))}
        yield found | {version(name): stack.enter_context(peer(name)) for name in peers}
