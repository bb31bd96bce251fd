"""What a call by HTTP is made of, for `benchmarks.profile`."""

from __future__ import annotations

import http.client
import io
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

from PIL import Image

from benchmarks.beside import servers
from benchmarks.callers import in_turn
from benchmarks.measure import seconds
from benchmarks.pictures import mosaic_jpeg
from benchmarks.rows import THREADS
from classifier import ModelPackage
from classifier.backends.choice import load_backend
from classifier.checkout import ROOT
from classifier.picture.limits import Limits
from classifier.picture.prepare import InProcess
from classifier.picture.sandbox import Workers
from classifier.preprocessing import normalise


def calls(rounds: int) -> Iterator[str]:
    """The parts of a call that sends 640 x 480 pixels, and how near to their sum one caller and eight come."""
    package = ModelPackage.load(ROOT / "model" / "efficientnet-lite2")
    manifest = package.manifest.input
    limits = Limits()
    here, workers = InProcess(limits), Workers(limits, THREADS)
    backend, _ = load_backend(package, "litert", THREADS)
    single = backend.for_many()
    data = mosaic_jpeg(640, 480)
    inputs = normalise(here.prepare(data, manifest.geometry).pixels, manifest)

    def plainly() -> None:
        Image.open(io.BytesIO(data)).convert("RGB").resize(manifest.size)

    with servers("fastapi") as running, ThreadPoolExecutor(THREADS) as pool:

        def together(work: Callable[[], object]) -> Callable[[], object]:
            return lambda: list(pool.map(lambda _: work(), range(THREADS)))

        def asked(name: str) -> Callable[[], object]:
            connection = http.client.HTTPConnection("127.0.0.1", running[name].port)
            return lambda: running[name].ask(connection, data)

        other = next(name for name in running if name != "ours")
        parts: dict[str, Callable[[], object]] = {
            "infer": lambda: backend.run(inputs),
            "decode, cut and shrink": lambda: here.prepare(data, manifest.geometry),
            "the same in a worker": lambda: workers.prepare(data, manifest.geometry),
            "Image.open, convert, resize": plainly,
            "ours": asked("ours"),
            other: asked(other),
            "infer, all at once": together(lambda: single.run(inputs)),
            "decode, all at once": together(lambda: workers.prepare(data, manifest.geometry)),
        }
        taken = seconds(parts, 4 * rounds, warm=10)
        workers.close()
        loads = in_turn(running, data, 8, 160, max(3, rounds // 6))
    yield f"### A picture of 640 x 480 by HTTP, {package.manifest.title}"
    yield "| part | ms, alone |\n|---|---|"
    for part in list(parts)[:6]:
        yield f"| {part}{', a caller' if part in running else ''} | {ms(taken[part])} |"
    least = taken["infer"] + taken["the same in a worker"]
    ours, plain = taken["ours"] - least, taken[other] - taken["infer"] - taken["Image.open, convert, resize"]
    yield (
        f"\nDecoding in a worker and the model take {ms(least)} ms, so **{taken[other] / least:.2f} x** is the most"
        f" that one caller can see beside {other}; ours is {taken[other] / taken['ours']:.2f} x: the server adds"
        f" {ms(ours)} ms, {other} {ms(plain)}."
    )
    busy = taken["infer, all at once"] + taken["decode, all at once"]
    bound, rate = THREADS / busy, loads["ours"].rate
    yield (
        f"\nWith all CPUs busy, decoding and the model take {ms(busy)} ms of a CPU, so {THREADS} CPUs answer"
        f" {bound:.1f} pictures a second at most: **{bound / loads[other].rate:.2f} x** the {loads[other].rate:.1f} of"
        f" {other}, 8 callers each. Ours are {rate:.1f}, {rate / bound:.0%} of the bound."
    )


def ms(value: float) -> str:
    """Seconds as ms, for a table."""
    return f"{value * 1000:.1f}"
