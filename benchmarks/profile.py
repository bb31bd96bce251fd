"""Why some rows are not better: `python -m benchmarks.profile [picture] [folder] [calls] [start] [model]`.

For the rows of `make bench` that miss the wanted ratio, it measures their parts, which take turns in one run, and tells
the best ratio that would be possible. It writes to `benchmarks/results/profile/`.
"""

from __future__ import annotations

import argparse
import functools
import itertools
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from PIL import Image
from playwright.sync_api import sync_playwright

from benchmarks.browser import browser_arguments
from benchmarks.calls import calls, ms
from benchmarks.measure import seconds, times
from benchmarks.plain import Plain
from benchmarks.rows import THREADS, engines, load, photos, visit
from benchmarks.table import save
from classifier import ModelPackage
from classifier.backends.choice import load_backend
from classifier.checkout import ROOT
from classifier.picture.limits import Limits
from classifier.picture.prepare import InProcess
from classifier.picture.sandbox import Workers
from classifier.preprocessing import normalise


def picture(rounds: int) -> Iterator[str]:
    """The steps from a 12-megapixel JPEG to its labels, and the least time that they need with these libraries."""
    model, plain = load("efficientnet-lite0"), Plain("efficientnet-lite0")
    manifest = model.package.manifest.input
    here = InProcess(Limits())
    backend, _ = load_backend(model.package, "litert", THREADS)
    with tempfile.TemporaryDirectory() as name:
        (path,) = photos(Path(name), 4000, 3000, 1)
        inputs = normalise(here.prepare(path.read_bytes(), manifest.geometry).pixels, manifest)
        whole = Image.open(path).convert("RGB")

        def at_an_eighth() -> None:
            image = Image.open(path)
            image.draft("RGB", (500, 375))
            image.load()

        taken = seconds(
            {
                "ours": functools.partial(model.classify, path),
                "read, decode, cut, shrink": lambda: here.prepare(path.read_bytes(), manifest.geometry),
                "infer": functools.partial(backend.run, inputs),
                "an eighth": at_an_eighth,
                "plain": functools.partial(plain.classify, path),
                "decode": lambda: Image.open(path).convert("RGB"),
                "resize": lambda: whole.resize((224, 224)),
                "predict": lambda: plain.model.predict(inputs, verbose=0),
            },
            rounds,
        )
    yield f"### 12-megapixel JPEG to 5 labels, {model.package.manifest.title}"
    yield "| part | ours, ms | plainly, ms |\n|---|---|---|"
    yield f"| read and decode | | {ms(taken['decode'])} |"
    yield f"| cut and shrink | with decoding: {ms(taken['read, decode, cut, shrink'])} | {ms(taken['resize'])} |"
    yield f"| infer | {ms(taken['infer'])} | `predict`: {ms(taken['predict'])} |"
    yield f"| all | {ms(taken['ours'])} | {ms(taken['plain'])} |"
    least = taken["an eighth"] + taken["infer"]
    yield (
        f"\nPillow takes {ms(taken['an eighth'])} ms to decode it at an eighth of its size, with nothing else done:"
        f" most of it is reading the codes of all pixels. With the time of the model that is {ms(least)} ms, so"
        f" **{taken['plain'] / least:.2f} x** is the most that these libraries allow here; ours is"
        f" {taken['plain'] / taken['ours']:.2f} x."
    )


def folder(rounds: int) -> Iterator[str]:
    """The steps for a folder of 12-megapixel photos: each one alone, and when all CPUs are busy."""
    model = load("efficientnet-lite2")
    manifest = model.package.manifest.input
    limits = Limits()
    here, workers = InProcess(limits), Workers(limits, THREADS)
    backend, _ = load_backend(model.package, "litert", THREADS)
    single = backend.for_many()

    with tempfile.TemporaryDirectory() as name, ThreadPoolExecutor(THREADS) as pool:
        paths = photos(Path(name), 4000, 3000, 20)
        inputs = normalise(here.prepare(paths[0].read_bytes(), manifest.geometry).pixels, manifest)

        def each(work: Callable[[Path], object], count: int = 1) -> Callable[[], object]:
            """A function that does the work on the next photo, or on the next `count` photos at once."""
            turns = itertools.cycle(paths)
            return lambda: list(pool.map(work, itertools.islice(turns, count)))

        def decode(path: Path) -> object:
            return workers.prepare(path.read_bytes(), manifest.geometry)

        def infer(_: Path) -> object:
            return single.run(inputs)

        taken = seconds(
            {
                "decode in this process": each(lambda path: here.prepare(path.read_bytes(), manifest.geometry)),
                "decode in a worker": each(decode),
                "decode in workers, together": each(decode, THREADS),
                "infer on all CPUs": each(lambda _: backend.run(inputs)),
                "infer on one CPU": each(infer),
                "infer on one CPU, together": each(infer, THREADS),
                "loop": each(model.classify),
            },
            rounds,
        )
    workers.close()
    yield f"### Folder of 12-megapixel photos, {model.package.manifest.title}"
    yield f"| part | ms, alone | ms, when it runs {THREADS} times at once |\n|---|---|---|"
    yield f"| decode in this process | {ms(taken['decode in this process'])} | |"
    yield f"| decode in a worker | {ms(taken['decode in a worker'])} | {ms(taken['decode in workers, together'])} |"
    yield f"| infer, all CPUs on one picture | {ms(taken['infer on all CPUs'])} | |"
    yield f"| infer, one CPU | {ms(taken['infer on one CPU'])} | {ms(taken['infer on one CPU, together'])} |"
    yield f"| `classify`, one turn of the loop | {ms(taken['loop'])} | |"
    busy = taken["decode in workers, together"] + taken["infer on one CPU, together"]
    yield (
        f"\nThe command keeps all CPUs busy: decoding and inferring take {ms(busy)} ms of a CPU when the others work,"
        f" too, so {THREADS} CPUs finish a picture every {ms(busy / THREADS)} ms at best. The loop takes"
        f" {ms(taken['loop'])} ms. So **{taken['loop'] / busy * THREADS:.2f} x** is the most that overlapping can"
        " give, before anything is started, read or printed."
    )


def start(rounds: int) -> Iterator[str]:
    """How long after its start a page reaches each stage."""
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
    """How close the engines come to the CPUs' rate of multiplication, and how certain their order is."""
    for name in ("efficientnet-lite0", "efficientnet-lite2"):
        package = ModelPackage.load(ROOT / "model" / name)
        inputs = np.random.default_rng(0).normal(size=(1, *package.manifest.input.size, 3)).astype(np.float32)
        backend, _ = load_backend(package, "litert", THREADS)
        bare = Interpreter(model_path=str(package.weights_file("litert")), num_threads=THREADS)
        bare.allocate_tensors()
        place = bare.get_input_details()[0]["index"]
        bare.set_tensor(place, inputs)
        others = {engine: run for engine, run in engines(package).items() if engine != "tf.function"}
        square = np.random.default_rng(0).normal(size=(768, 768)).astype(np.float32)
        taken = times(
            {
                "LiteRT": functools.partial(backend.run, inputs),
                "LiteRT, by nothing but its `invoke`": bare.invoke,
                **{engine: functools.partial(run, inputs) for engine, run in others.items()},
            },
            4 * rounds,
        )
        work = dict.fromkeys(taken, 2 * _multiplications(package))
        # Measured separately: OpenBLAS' threads go on spinning after their turn, and would slow the others.
        product = "a product of two dense 768 x 768 matrices, NumPy with OpenBLAS"
        taken |= times({product: functools.partial(np.matmul, square, square)}, 4 * rounds)
        work[product] = 2 * 768**3
        yield f"### One input, model only, {package.manifest.title}"
        yield "| what | ms, middle half of the rounds | GFLOP/s |\n|---|---|---|"
        for what, found in taken.items():
            low, middle, high = statistics.quantiles(found, n=4)
            yield f"| {what} | {ms(low)} to {ms(high)} | {work[what] / middle / 1e9:.0f} |"
        best = min(others, key=lambda engine: statistics.median(taken[engine]))
        ratios = [theirs / ours for ours, theirs in zip(taken["LiteRT"], taken[best], strict=True)]
        low, middle, high = statistics.quantiles(ratios, n=4)
        wins = sum(ratio > 1 for ratio in ratios)
        yield (
            f"\nLiteRT was the faster one in {wins} of {len(ratios)} rounds; {best}'s time was {middle:.2f} times"
            f" LiteRT's (middle half of the rounds: {low:.2f} to {high:.2f})."
        )


def _multiplications(package: ModelPackage) -> int:
    """Multiply-adds in the network's convolutions and dense layers for one picture."""
    import keras

    total = 0
    for layer in keras.saving.load_model(package.weights_file("tensorflow"), compile=False).layers:
        if isinstance(layer, keras.layers.DepthwiseConv2D | keras.layers.Conv2D | keras.layers.Dense):
            places = layer.output.shape[1:-1]  # height and width; empty for a dense layer
            total += int(np.prod(places, dtype=np.int64)) * int(np.prod(layer.kernel.shape))
    return total


PARTS: dict[str, Callable[[int], Iterator[str]]] = {
    part.__name__: part for part in (picture, folder, calls, start, model)
}


def main() -> None:
    """Runs the command."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.profile", description=__doc__)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], metavar="PART", help=f"of {', '.join(PARTS)}")
    parser.add_argument("--rounds", type=int, default=30, help="how often each part is measured")
    args: Any = parser.parse_args()
    # Measurements on a busy machine say little, so readers should see whether it was busy.
    lines = [f"Load average before: {os.getloadavg()[0]:.1f}."]
    for name in args.parts or PARTS:
        for line in PARTS[name](args.rounds):
            gap = "\n" if line.startswith(("###", "| part", "| seconds", "| what")) else ""
            lines.append(gap + line)
            print(lines[-1], flush=True)
    save(" ".join(["python -m benchmarks.profile", *args.parts]), lines, "profile")


if __name__ == "__main__":
    main()
