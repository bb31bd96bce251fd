"""What is measured: each function makes the rows of one comparison."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import http.client
import io
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps
from playwright.sync_api import Browser, sync_playwright

from benchmarks.browser import browser_arguments
from benchmarks.measure import Row, compare, row, seconds
from benchmarks.pictures import mosaic, mosaic_jpeg, photo
from benchmarks.plain import Plain
from benchmarks.server import serving
from classifier import Classifier, ModelPackage, Settings, cli
from classifier.backends.choice import load_backend
from classifier.checkout import ROOT
from classifier.machine.cpus import cpu_count
from classifier.picture.limits import Limits
from classifier.picture.prepare import InProcess
from classifier.picture.sandbox import Workers

THREADS = cpu_count()

# Checks at each frame that the browser draws; Playwright's own waiting checks only twice a second.
_SHOWN = """selector => new Promise((done) => {
    const look = () => document.querySelector(selector)?.checkVisibility() ? done() : requestAnimationFrame(look);
    look();
})"""


def from_bytes_to_labels(rounds: int) -> Iterator[Row]:
    """A 12-megapixel JPEG file to five labels."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "photo.jpg"
        mosaic(4000, 3000).save(path, quality=90)
        for name, wanted in (("efficientnet-lite0", 6.5), ("efficientnet-lite2", None)):
            ours, plain = load(name), Plain(name)
            what = f"12-megapixel JPEG to 5 labels, {ours.package.manifest.title}"
            others = {"Image.open, resize, predict": _bound(plain.classify, path)}
            yield compare(what, _bound(ours.classify, path), others, rounds, wanted)


def model_only(rounds: int) -> Iterator[Row]:
    """One input through the model alone, on all engines with as many threads."""
    for name in ("efficientnet-lite0", "efficientnet-lite2"):
        package = ModelPackage.load(ROOT / "model" / name)
        inputs = np.random.default_rng(0).normal(size=(1, *package.manifest.input.size, 3)).astype(np.float32)
        backend, _ = load_backend(package, "litert", THREADS)
        others = {engine: _bound(run, inputs) for engine, run in engines(package).items()}
        what = f"one input, model only, {package.manifest.title}"
        yield compare(what, _bound(backend.run, inputs), others, rounds, 1.0)


def tensorflow_backend(rounds: int) -> Iterator[Row]:
    """One input through our TensorFlow backend."""
    package = ModelPackage.load(ROOT / "model/efficientnet-lite0")
    inputs = np.random.default_rng(0).normal(size=(1, *package.manifest.input.size, 3)).astype(np.float32)
    backend, _ = load_backend(package, "tensorflow", THREADS)
    plain = Plain(package.name)
    others = {"predict": lambda: plain.model.predict(inputs, verbose=0)}
    yield compare("one input, TensorFlow backend, EfficientNet-Lite0", _bound(backend.run, inputs), others, rounds, 3.0)


def folder(rounds: int) -> Iterator[Row]:
    """A folder of 300 photos by the command line, which loads the model each time; the loop has it loaded already."""
    model = load("efficientnet-lite2")
    for about, width, height, wanted in (("12-megapixel", 4000, 3000, 1.5), ("2-megapixel", 1600, 1200, None)):
        with tempfile.TemporaryDirectory() as name:
            paths = photos(Path(name), width, height, 300)

            def command(folder: str = name) -> None:
                with contextlib.redirect_stdout(io.StringIO()):
                    cli.main(["classify", "--csv", folder])

            def loop(paths: list[Path] = paths) -> None:
                for path in paths:
                    model.classify(path)

            what = f"folder of 300 {about} photos, command line"
            yield compare(what, command, {"a loop of classify": loop}, max(3, rounds // 10), wanted, warm=1)


def photos(folder: Path, width: int, height: int, count: int) -> list[Path]:
    """`count` JPEG files, of which every twentieth is the same: making one takes longer than classifying it."""
    paths = [folder / f"{number:03}.jpg" for number in range(count)]
    for number, path in enumerate(paths):
        if number < 20:
            mosaic(width, height, number).save(path, quality=90)
        else:
            path.hardlink_to(paths[number % 20])
    return paths


def isolation(rounds: int) -> Iterator[Row]:
    """The cost of decoding and cutting a picture in a worker, where no decoder can harm the server."""
    geometry = ModelPackage.load(ROOT / "model/efficientnet-lite2").manifest.input.geometry
    limits = Limits()
    here, workers = InProcess(limits), Workers(limits, 1)
    fresh = Workers(limits, 1, dataclasses.replace(workers.bounds, pictures=1))
    for about, width, height in (("640 x 480", 640, 480), ("12-megapixel", 4000, 3000)):
        data = mosaic_jpeg(width, height)
        for other, decoder in (("in this process", here), ("a new process for each picture", fresh)):
            ours, theirs = (functools.partial(one.prepare, data, geometry) for one in (workers, decoder))
            yield compare(f"{about} JPEG decoded in a worker", ours, {other: theirs}, 2 * rounds, None)
    workers.close()
    fresh.close()


def scaled_decoding(rounds: int) -> Iterator[Row]:
    """A 12-megapixel JPEG as the model's input, beside libjpeg-turbo by its own bindings at the scale we use, too."""
    import simplejpeg

    geometry = ModelPackage.load(ROOT / "model/efficientnet-lite2").manifest.input.geometry
    decoder, data, size = InProcess(Limits()), mosaic_jpeg(4000, 3000), (260, 260)

    def fitted(pixels: NDArray[np.uint8]) -> object:
        return ImageOps.fit(Image.fromarray(pixels), size, Image.Resampling.BICUBIC)

    def simple() -> object:
        return fitted(simplejpeg.decode_jpeg(data, min_height=750, min_width=1000, min_factor=1))

    others: dict[str, Callable[[], object]] = {"simplejpeg at a quarter": simple}
    with contextlib.suppress(RuntimeError):  # PyTurboJPEG does not bring the library itself
        import turbojpeg

        turbo = turbojpeg.TurboJPEG()
        others["PyTurboJPEG at a quarter"] = lambda: fitted(
            turbo.decode(data, pixel_format=turbojpeg.TJPF_RGB, scaling_factor=(1, 4))
        )
    ours = functools.partial(decoder.prepare, data, geometry)
    for name, other in others.items():
        yield compare("12-megapixel JPEG decoded and cut", ours, {name: other}, 2 * rounds, None)


def requests(rounds: int) -> Iterator[Row]:
    """Requests over HTTP with 8 callers, against the same bytes through `Classifier` with all cores busy."""
    data = mosaic_jpeg(640, 480)
    model, count = load("efficientnet-lite2"), 100
    with tempfile.TemporaryDirectory() as name, serving(Path(name) / "log.txt") as (_, address):
        place = urlsplit(address)

        def caller(_: int) -> None:
            connection = http.client.HTTPConnection(str(place.hostname), place.port)
            for _ in range(count // 8):
                connection.request("POST", "/api/v1/classify", data, {"Content-Type": "image/jpeg"})
                answer = connection.getresponse()
                assert answer.status == 200, answer.read()
                answer.read()

        def over_http() -> None:
            with ThreadPoolExecutor(8) as pool:
                list(pool.map(caller, range(8)))

        def in_process() -> None:
            with ThreadPoolExecutor(THREADS) as pool:
                list(pool.map(lambda _: model.classify(data), range(count // 8 * 8)))

        others = {"Classifier in process": in_process}
        yield compare(f"{count // 8 * 8} API requests, 8 callers", over_http, others, max(5, rounds // 5), 0.75, warm=1)


def first_bars(rounds: int) -> Iterator[Row]:
    """From the start of the process to the first bars in a browser, whose cache is empty each time."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(**browser_arguments())
        others = {"the page written plainly with TensorFlow": "plain_page", "a bare Streamlit page": "bare_page"}
        taken = seconds(
            {
                "ours": visit(browser, "streamlit_app.py"),
                **{name: visit(browser, f"benchmarks/{file}.py") for name, file in others.items()},
            },
            max(3, rounds // 10),
            warm=1,
        )
        for other, wanted in zip(others, (4.0, None), strict=True):
            yield row("start to first bars in a browser", taken, [other], wanted)
        browser.close()


def load(name: str) -> Classifier:
    """A shipped model on LiteRT."""
    return Classifier.load(ROOT / "model" / name, settings=Settings(backend="litert"))


def _bound(run: Callable[[Any], object], inputs: Any) -> Callable[[], object]:
    return lambda: run(inputs)


def engines(package: ModelPackage) -> dict[str, Callable[[Any], object]]:
    """The same weights in ONNX Runtime, in OpenVINO, and as a `tf.function`."""
    import keras
    import onnxruntime
    import openvino
    import tensorflow as tf
    import tf2onnx

    model = keras.saving.load_model(package.weights_file("tensorflow"), compile=False)
    signature = [tf.TensorSpec((1, *package.manifest.input.size, 3), tf.float32, name="image")]
    function = tf.function(lambda image: model(image, training=False)["logits"], input_signature=signature)
    onnx = tf2onnx.convert.from_function(function, input_signature=signature, opset=18)[0].SerializeToString()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = THREADS
    # Its threads would go on spinning after their turn, and take the CPU from the engine whose turn is next.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    session = onnxruntime.InferenceSession(onnx, options, providers=["CPUExecutionProvider"])
    core = openvino.Core()
    hints = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": THREADS}
    compiled = core.compile_model(core.read_model(io.BytesIO(onnx)), "CPU", hints)
    name = session.get_inputs()[0].name
    return {
        "ONNX Runtime": lambda inputs: session.run(None, {name: inputs}),
        "OpenVINO": compiled,
        "tf.function": lambda inputs: function(tf.constant(inputs)).numpy(),
    }


def until_it_listens(address: str) -> None:
    """Waits for a server that is starting."""
    place = urlsplit(address)
    while True:
        try:
            socket.create_connection((str(place.hostname), place.port or 80)).close()
            return
        except OSError:
            time.sleep(0.02)


def first_bars_at(browser: Browser, address: str, mark: Callable[[str], object] = lambda _: None) -> None:
    """Opens a page as soon as something listens there, uploads a photo, and waits for the first bar to be drawn.

    Args:
        browser: the browser to open the page in.
        address: the page's address.
        mark: called with the name of each moment on the way.
    """
    page = browser.new_page()
    until_it_listens(address)
    mark("listens")
    page.goto(address, wait_until="commit")
    mark("answers")
    page.evaluate(_SHOWN, '#page[data-ready], [data-testid="stFileUploader"]')
    mark("shows the uploader")
    page.locator("input[type=file]").first.set_input_files(photo("volleyball.webp"))
    page.evaluate(_SHOWN, '[role="meter"], [role="progressbar"]')
    mark("shows the first bars")
    page.close()


def visit(browser: Browser, script: str, mark: Callable[[str], object] = lambda _: None) -> Callable[[], None]:
    """Starts the page of a script and waits for the first bars, as `first_bars_at` does."""

    def go() -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        command = [sys.executable, "-m", "streamlit", "run", script, "--server.port", str(port)]
        process = subprocess.Popen(
            [*command, "--server.headless", "true"], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            first_bars_at(browser, f"http://127.0.0.1:{port}", mark)
        finally:
            process.terminate()
            process.wait()

    return go
