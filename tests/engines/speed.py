"""How fast pictures are classified through each engine: `python -m tests.engines.speed`.

Each way classifies the same photo for a moment with 1, 4 and 8 callers, one way after the other and all again in
several rounds, so that whatever else the machine does meets all of them. All engines run on this machine, one at a
time is asked. Prints a table: pictures per second and the median in ms, each the median of the rounds, and how many
pictures per second that is of those of LiteRT in the same round.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from classifier import Classifier
from classifier.settings import read_settings
from tests.support.engines import Engine, free_ports
from tests.support.photos import ROOT, photo
from tests.support.server import started

MODEL = "efficientnet-lite0"
CALLERS = (1, 4, 8)
LOCAL, OWN = "LiteRT in the same process", "a server of this project"


class Round(NamedTuple):
    """What one way reached within some seconds."""

    per_second: float
    median: float


def measure(classifier: Classifier, data: bytes, callers: int, seconds: float) -> Round:
    """Classifies a picture again and again."""
    end = time.monotonic() + seconds

    def call(_: int) -> list[float]:
        times = []
        while (begin := time.monotonic()) < end:
            classifier.classify(data)
            times.append(time.monotonic() - begin)
        return times

    begin = time.monotonic()
    with ThreadPoolExecutor(callers) as pool:
        times = [one for some in pool.map(call, range(callers)) for one in some]
    return Round(len(times) / (time.monotonic() - begin), statistics.median(times) * 1000)


def _parts(some: list[Round], local: list[Round]) -> list[float]:
    return [one.per_second / whole.per_second for one, whole in zip(some, local, strict=True)]


def remote(url: str, protocol: str = "oip") -> Classifier:
    """The model, run by an engine."""
    settings = read_settings(backend="remote", remote_url=url, remote_protocol=protocol, remote_timeout=60)
    return Classifier.load(ROOT / "model" / MODEL, settings=settings)


def ways(stack: ExitStack, folder: Path, engines: list[str]) -> dict[str, Classifier]:
    """All ways by their names; what they need is started."""
    found = {LOCAL: Classifier.load(ROOT / "model" / MODEL, settings=read_settings(backend="litert"))}
    (port,) = free_ports(1)
    settings = {"CLASSIFIER_MODEL": MODEL, "CLASSIFIER_GRPC_PORT": str(port)}
    _, address = stack.enter_context(started(folder / "own.log", settings))
    found[f"{OWN}, REST"] = remote(address)
    found[f"{OWN}, gRPC"] = remote(f"grpc://127.0.0.1:{port}")
    for name in engines:
        engine = Engine(name, folder)
        engine.start()
        stack.callback(engine.stop)
        found[f"{name}, gRPC"] = remote(f"grpc://{engine.grpc}")
        found[f"{name}, REST"] = remote(engine.http)
    return found


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(prog="python -m tests.engines.speed", description=__doc__)
    parser.add_argument("--seconds", type=float, default=1, help="of each measurement")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("engines", nargs="*", default=["triton", "mlserver", "kserve"])
    options = parser.parse_args()
    data = photo("panda.webp").read_bytes()
    seen: dict[tuple[str, int], list[Round]] = defaultdict(list)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        found = ways(stack, folder, options.engines)
        for classifier in found.values():
            measure(classifier, data, max(CALLERS), 1)
        for _ in range(options.rounds):
            for callers in CALLERS:
                for name, classifier in found.items():
                    seen[name, callers].append(measure(classifier, data, callers, options.seconds))
    print("| the model runs in | " + " | ".join(f"{one} caller{'s' if one > 1 else ''}" for one in CALLERS) + " |")
    print("|---|" + "---|" * len(CALLERS))
    for name in found:
        cells = (
            f"{statistics.median(one.per_second for one in seen[name, callers]):.0f}/s, "
            f"{statistics.median(one.median for one in seen[name, callers]):.0f} ms, "
            f"{statistics.median(_parts(seen[name, callers], seen[LOCAL, callers])):.2f}"
            for callers in CALLERS
        )
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
