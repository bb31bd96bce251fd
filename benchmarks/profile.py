"""Why some rows are not better: `python -m benchmarks.profile [folder] [start] [model]`.

For the rows of `make bench` that miss what was wanted, it measures what they are made of, all parts taking turns in
one run, and what follows for the best that could be. Writes to `benchmarks/results/profile/` when all were run.
"""

from __future__ import annotations

import argparse
import io
import os
import statistics
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from playwright.sync_api import sync_playwright

from benchmarks.measure import seconds, times
from benchmarks.rows import THREADS, engines, load, visit
from benchmarks.table import save
from classifier import ModelPackage
from classifier.backends import load_backend
from classifier.decoding import Here
from classifier.limits import Limits
from classifier.preprocessing import normalise
from classifier.workers import Workers
from tests.conftest import browser_arguments
from tests.golden import ROOT, mosaic


def folder(rounds: int) -> Iterator[str]:
    """The parts of a folder of 12-megapixel photos: on a CPU alone, and when all CPUs are busy."""
    model = load("efficientnet-lite2")
    manifest = model.package.manifest.input
    stream = io.BytesIO()
    mosaic(4000, 3000).save(stream, "JPEG", quality=90)
    data = stream.getvalue()
    limits = Limits()
    here, workers = Here(limits), Workers(limits, THREADS)
    inputs = normalise(here.prepare(data, manifest.geometry).pixels, manifest)
    backend, _ = load_backend(model.package, "litert", THREADS)
    single = backend.for_many()

    with ThreadPoolExecutor(THREADS) as pool:

        def together(work: Callable[[], object]) -> Callable[[], object]:
            return lambda: list(pool.map(lambda _: work(), range(THREADS)))

        def decode() -> object:
            return workers.prepare(data, manifest.geometry)

        def infer() -> object:
            return single.run(inputs)

        taken = seconds(
            {
                "decode in this process": lambda: here.prepare(data, manifest.geometry),
                "decode in a worker": decode,
                "decode in workers, together": together(decode),
                "infer on all CPUs": lambda: backend.run(inputs),
                "infer on one CPU": infer,
                "infer on one CPU, together": together(infer),
                "loop": lambda: model.classify(data),
            },
            rounds,
        )
    workers.close()
    yield f"### Folder of 12-megapixel photos, {model.package.manifest.title}"
    yield f"| part | ms, alone | ms, when it runs {THREADS} times at once |\n|---|---|---|"
    yield f"| decode in this process | {_ms(taken['decode in this process'])} | |"
    yield f"| decode in a worker | {_ms(taken['decode in a worker'])} | {_ms(taken['decode in workers, together'])} |"
    yield f"| infer, all CPUs on one picture | {_ms(taken['infer on all CPUs'])} | |"
    yield f"| infer, one CPU | {_ms(taken['infer on one CPU'])} | {_ms(taken['infer on one CPU, together'])} |"
    yield f"| `classify`, one turn of the loop | {_ms(taken['loop'])} | |"
    busy = taken["decode in workers, together"] + taken["infer on one CPU, together"]
    yield (
        f"\nThe command keeps all CPUs busy: decoding and inferring take {_ms(busy)} ms of a CPU when the others work,"
        f" too, so {THREADS} CPUs finish a picture every {_ms(busy / THREADS)} ms at best. The loop takes"
        f" {_ms(taken['loop'])} ms. So **{taken['loop'] / busy * THREADS:.2f} x** is the most that overlapping can"
        " give, before anything is started, read or printed."
    )


def start(rounds: int) -> Iterator[str]:
    """When a page that starts gets how far."""
    scripts = {"ours": "streamlit_app.py", "bare": "benchmarks/bare_page.py", "plain": "benchmarks/plain_page.py"}
    moments: dict[str, dict[str, list[float]]] = {name: {} for name in scripts}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(**browser_arguments())

        def watched(name: str, script: str) -> Callable[[], None]:
            begin = 0.0

            def mark(moment: str) -> None:
                moments[name].setdefault(moment, []).append(time.perf_counter() - begin)

            go = visit(browser, script, mark)

            def run() -> None:
                nonlocal begin
                begin = time.perf_counter()
                go()

            return run

        seconds({name: watched(name, script) for name, script in scripts.items()}, max(3, rounds // 10), warm=1)
        browser.close()
    yield "### Start to the first bars in a browser"
    yield "| seconds until it | ours | a bare Streamlit page | the page written plainly |\n|---|---|---|---|"
    middle = {
        name: {moment: statistics.median(taken[1:]) for moment, taken in found.items()}
        for name, found in moments.items()
    }
    for moment in middle["ours"]:
        yield f"| {moment} | " + " | ".join(f"{middle[name][moment]:.2f}" for name in scripts) + " |"
    last = list(middle["ours"])[-1]
    plain, bare = middle["plain"][last], middle["bare"][last]
    yield (
        f"\nFour times faster than the plain page would be {plain / 4:.2f} s; a page of one uploader and one bar,"
        f" without model, picture or API, takes {bare:.2f} s. So **{plain / bare:.2f} x** is the most that a Streamlit"
        " page can reach here."
    )


def model(rounds: int) -> Iterator[str]:
    """How near the engines come to what the CPUs can multiply, and how sure their order is."""
    for name in ("efficientnet-lite0", "efficientnet-lite2"):
        package = ModelPackage.load(ROOT / "model" / name)
        inputs = np.random.default_rng(0).normal(size=(1, *package.manifest.input.size, 3)).astype(np.float32)
        backend, _ = load_backend(package, "litert", THREADS)
        onnx = engines(package)["ONNX Runtime"]
        square = np.random.default_rng(0).normal(size=(768, 768)).astype(np.float32)
        taken = times(
            {
                "LiteRT": lambda backend=backend, inputs=inputs: backend.run(inputs),  # type: ignore[misc]
                "ONNX Runtime": lambda onnx=onnx, inputs=inputs: onnx(inputs),  # type: ignore[misc]
            },
            4 * rounds,
        )
        # By itself: OpenBLAS' threads go on spinning after their turn.
        taken |= times({"NumPy": lambda square=square: square @ square}, 4 * rounds)  # type: ignore[misc]
        work = {"NumPy": 2 * 768**3, **dict.fromkeys(("LiteRT", "ONNX Runtime"), 2 * _multiplications(package))}
        yield f"### One input, model only, {package.manifest.title}"
        yield "| what | ms, middle half of the rounds | GFLOP/s |\n|---|---|---|"
        for engine, about in (
            ("LiteRT", "LiteRT"),
            ("ONNX Runtime", "ONNX Runtime"),
            ("NumPy", "a product of two dense 768 x 768 matrices, NumPy with OpenBLAS"),
        ):
            low, middle, high = statistics.quantiles(taken[engine], n=4)
            yield f"| {about} | {_ms(low)} to {_ms(high)} | {work[engine] / middle / 1e9:.0f} |"
        ratios = [theirs / ours for ours, theirs in zip(taken["LiteRT"], taken["ONNX Runtime"], strict=True)]
        low, middle, high = statistics.quantiles(ratios, n=4)
        wins = sum(ratio > 1 for ratio in ratios)
        yield (
            f"\nLiteRT was the faster one in {wins} of {len(ratios)} rounds; ONNX Runtime's time was {middle:.2f} times"
            f" LiteRT's (middle half of the rounds: {low:.2f} to {high:.2f})."
        )


def _multiplications(package: ModelPackage) -> int:
    """Multiply-adds of a picture's way through the network's convolutions and dense layers."""
    import keras

    total = 0
    for layer in keras.saving.load_model(package.weights_file("tensorflow"), compile=False).layers:
        if isinstance(layer, keras.layers.DepthwiseConv2D | keras.layers.Conv2D | keras.layers.Dense):
            places = layer.output.shape[1:-1]  # of the picture; none of a dense layer
            total += int(np.prod(places, dtype=np.int64)) * int(np.prod(layer.kernel.shape))
    return total


def _ms(value: float) -> str:
    return f"{value * 1000:.1f}"


PARTS: dict[str, Callable[[int], Iterator[str]]] = {one.__name__: one for one in (folder, start, model)}


def main() -> None:
    """Runs the command."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.profile", description=__doc__)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], metavar="PART", help=f"of {', '.join(PARTS)}")
    parser.add_argument("--rounds", type=int, default=30, help="how often each part is measured")
    args: Any = parser.parse_args()
    # Tables made beside other work say little, and whoever reads them should see it.
    lines = [f"Load average before: {os.getloadavg()[0]:.1f}."]
    for name in args.parts or PARTS:
        for line in PARTS[name](args.rounds):
            gap = "\n" if line.startswith(("###", "| part", "| seconds", "| what")) else ""
            lines.append(gap + line)
            print(lines[-1], flush=True)
    if not args.parts:
        save("python -m benchmarks.profile", lines, "profile")


if __name__ == "__main__":
    main()
