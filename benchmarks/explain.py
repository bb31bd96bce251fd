"""`python -m benchmarks.explain`: whether heat maps show what a model goes by, and what they cost.

Three checks, each for maps from the feature map (cam) and for occlusion:

- On a picture put together of the halves of two photos, the map of each photo's class should lie on its own half.
- Cells are covered in the order of the map, the most important first (deletion), or put back into a grey picture
  (insertion): the probability should fall, or rise, faster than in a random order. Petsiuk, V., Das, A. and Saenko, K.
  (2018), RISE: Randomized Input Sampling for Explanation of Black-box Models, BMVC.
- With weights put into a random order, the map should be another one. Adebayo, J. et al. (2018), Sanity Checks for
  Saliency Maps, NeurIPS.

The photos are those of the gallery and of the tests that the model is right about.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray
from PIL import Image, ImageOps

from benchmarks.pictures import FOLDERS
from benchmarks.table import save
from classifier import Classifier, ModelPackage, Settings
from classifier.checkout import ROOT
from classifier.formatting import percent
from classifier.picture.fit import GREY, fit

MODELS = ("efficientnet-lite0", "efficientnet-lite2", "cifar10")
FEATURES = 'features = "features"'
STEPS = 10
ORDERS = 3
SHUFFLED = 20
Grid = NDArray[np.float64]


@dataclass(frozen=True)
class Case:
    """A photo and the class that the model rightly sees in it."""

    picture: Image.Image
    index: int


def model(name: str, folder: Path, *, features: bool = True, backend: str = "litert") -> Classifier:
    """A shipped model; without its features, as of a model that gives none, its maps are made by occlusion."""
    package = ROOT / "model" / name
    if not features:
        copy = folder / f"{name}-scores"
        shutil.copytree(package, copy, ignore=shutil.ignore_patterns("model.keras", "model.h5", "unknown.npz"))
        _change(copy / "model.toml", FEATURES, "")
        text = (copy / "model.toml").read_text("utf-8")
        start = text.index("[weights.tensorflow]")
        (copy / "model.toml").write_text(text[:start] + text[text.index("\n[", start) :], "utf-8")
        package = copy
    return Classifier.load(package, settings=Settings(backend=backend))


def right(classifier: Classifier) -> list[Case]:
    """The photos that an ImageNet model is right about; of them those of a class that has no photo yet."""
    found: dict[int, Case] = {}
    for folder in FOLDERS:
        for entry in json.loads((folder / "manifest.json").read_text("utf-8")):
            best = classifier.classify(folder / entry["file"]).predictions[0].index
            if best in entry["imagenet_labels"] and best not in found:
                found[best] = Case(Image.open(folder / entry["file"]).convert("RGB"), best)
    return list(found.values())


def collages(cases: Sequence[Case], side: int) -> Iterator[tuple[Image.Image, tuple[int, int]]]:
    """The middle of each photo beside that of the next one, in a square; and the classes of the two."""
    for left, other in zip(cases, [*cases[1:], *cases[:1]], strict=True):
        whole = Image.new("RGB", (side, side))
        for at, one in ((0, left), (side // 2, other)):
            whole.paste(ImageOps.fit(one.picture, (side // 2, side)), (at, 0))
        yield whole, (left.index, other.index)


def own_shares(classifier: Classifier, picture: Image.Image, classes: tuple[int, int]) -> list[float]:
    """Which share of the map of each of the two classes lies on its own half of a collage."""
    maps = classifier.explain(picture, classes, view="whole").maps
    return [
        _left(np.array(one.grid)) if number == 0 else 1 - _left(np.array(one.grid)) for number, one in enumerate(maps)
    ]


def _left(grid: Grid) -> float:
    columns = grid.sum(axis=0)
    within = np.clip(len(columns) / 2 - np.arange(len(columns)), 0, 1)
    return float((columns * within).sum() / columns.sum()) if columns.sum() else 0.5


def areas(classifier: Classifier, case: Case, order: Sequence[int], cells: tuple[int, int]) -> tuple[float, float]:
    """The areas under the curves of deletion and insertion, 0 to 1, for an order of the cells of a grid."""
    pixels = fit(case.picture, classifier.package.manifest.input.geometry)
    grey = np.full_like(pixels, GREY)
    covered, restored = pixels.copy(), grey.copy()
    curves: tuple[list[float], list[float]] = ([], [])
    parts = np.array_split(np.asarray(order), STEPS)
    for part in (np.empty(0, np.intp), *parts):
        for cell in part:
            where = _cell(int(cell), cells, pixels.shape)
            covered[where], restored[where] = grey[where], pixels[where]
        for curve, shown in zip(curves, (covered, restored), strict=True):
            curve.append(_chance(classifier, shown, case.index))
    deletion, insertion = (float(np.trapezoid(curve, dx=1 / STEPS)) for curve in curves)
    return deletion, insertion


def _cell(number: int, cells: tuple[int, int], shape: tuple[int, ...]) -> tuple[slice, slice]:
    row, column = divmod(number, cells[1])
    (top, bottom), (left, end) = (
        (round(at * side / count), round((at + 1) * side / count))
        for at, side, count in ((row, shape[0], cells[0]), (column, shape[1], cells[1]))
    )
    return slice(top, bottom), slice(left, end)


def _chance(classifier: Classifier, pixels: NDArray[np.uint8], index: int) -> float:
    with classifier.queue.take() as turn:
        return float(classifier.infer(pixels, turn, features=False).probabilities[index])


def faithful(classifier: Classifier, case: Case, seed: int = 0) -> tuple[tuple[float, float], tuple[float, float]]:
    """The areas for the order of the map, and the means of those for random orders; each deletion and insertion."""
    grid = np.array(classifier.explain(case.picture, case.index, view="crop").maps[0].grid)
    cells = (grid.shape[0], grid.shape[1])
    own = areas(classifier, case, np.argsort(-grid.reshape(-1), kind="stable").tolist(), cells)
    random = np.random.default_rng(seed)
    others = [areas(classifier, case, random.permutation(grid.size).tolist(), cells) for _ in range(ORDERS)]
    deletion, insertion = (statistics.mean(each) for each in zip(*others, strict=True))
    return own, (deletion, insertion)


def shuffled(classifier: Classifier, folder: Path, *, seed: int = 0) -> Classifier:
    """The same model with the numbers of each of its layers in a random order."""
    package = classifier.package
    copy = folder / f"{package.name}-{folder.name}-shuffled-{len(list(folder.iterdir()))}"
    shutil.copytree(package.folder, copy, ignore=shutil.ignore_patterns("model.keras", "model.h5"))
    weights = package.manifest.weights["litert"]
    (copy / weights.file).write_bytes(_shuffled((copy / weights.file).read_bytes(), seed))
    text = (copy / "model.toml").read_text("utf-8")
    lines = [line for line in text.splitlines() if not line.startswith(("sha256", "tensors_sha256"))]
    (copy / "model.toml").write_text("\n".join(lines), "utf-8")
    if "[weights.tensorflow]" in text:
        _change(copy / "model.toml", '[weights.tensorflow]\nfile = "model.keras"\n', "")
    return Classifier.load(ModelPackage.load(copy), settings=Settings(backend="litert"))


def _shuffled(data: bytes, seed: int) -> bytes:
    model: Any = schema.ModelT.InitFromObj(schema.Model.GetRootAs(data, 0))
    random = np.random.default_rng(seed)
    sizes = {schema.TensorType.FLOAT16: np.float16, schema.TensorType.FLOAT32: np.float32}
    for tensor in model.subgraphs[0].tensors:
        buffer = model.buffers[tensor.buffer]
        if buffer.data is not None and tensor.type in sizes and len(tensor.shape) > 1:
            values = np.frombuffer(bytes(buffer.data), sizes[tensor.type])
            buffer.data = random.permutation(values).view(np.uint8)
    builder = flatbuffers.Builder(len(data))
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def likeness(first: Classifier, second: Classifier, case: Case) -> float:
    """Spearman's rank correlation of two models' maps of the same class for the same picture, -1 to 1."""
    ranks = [
        np.argsort(np.argsort(np.array(one.explain(case.picture, case.index, view="crop").maps[0].grid).reshape(-1)))
        for one in (first, second)
    ]
    return float(np.corrcoef(ranks[0], ranks[1])[0, 1])


def cost(classifier: Classifier, picture: Path, times: int = 30) -> float:
    """Milliseconds that the maps of the ten best classes add to a classification: the difference of the medians."""
    asked: tuple[Literal["top"] | None, ...] = (None, "top")
    spent: tuple[list[float], list[float]] = ([], [])
    for _ in range(times + 1):
        for explain, took in zip(asked, spent, strict=True):
            start = time.perf_counter()
            classifier.classify(picture, top_k=10, explain=explain)
            took.append((time.perf_counter() - start) * 1000)
    plain, explained = (statistics.median(took[1:]) for took in spent)  # without the first, which reads the head
    return explained - plain


def _change(file: Path, old: str, new: str) -> None:
    text = file.read_text("utf-8")
    assert old in text, f"{file} has no {old}"
    file.write_text(text.replace(old, new), "utf-8")


def rows(name: str, folder: Path, photos: int) -> Iterator[str]:
    """A row for each method: the shares of all checks."""
    cases: list[Case] = []
    for features in (True, False):
        classifier = model(name, folder, features=features)
        cases = cases or right(classifier)[:photos]
        side = classifier.package.manifest.input.size[0]
        own = [share for one in collages(cases, side) for share in own_shares(classifier, *one)]
        curves = [faithful(classifier, case, seed) for seed, case in enumerate(cases)]
        other = shuffled(classifier, folder)
        alike = [likeness(classifier, other, case) for case in cases[:SHUFFLED]]
        method = classifier.explain(cases[0].picture).method
        cells = [f"{name}, {method}", f"{percent(_share(own))} of {len(own)}", percent(statistics.mean(own))]
        for number, better in ((0, -1), (1, 1)):
            mine, others = [one[number] for one, _ in curves], [one[number] for _, one in curves]
            wins = _share([0.5 + better * (a - b) for a, b in zip(mine, others, strict=True)])
            cells.append(f"{statistics.mean(mine):.2f} / {statistics.mean(others):.2f} ({percent(wins)})")
        cells.append(f"{statistics.mean(alike):.2f}")
        yield f"| {' | '.join(cells)} |"


def _share(values: Sequence[float]) -> float:
    return sum(value > 0.5 for value in values) / len(values)


HEAD = (
    *("model, method", "collages: most of the map on its own half", "mean share on it"),
    *("deletion (lower is better)", "insertion (higher is better)", "likeness with shuffled weights"),
)


def main() -> None:
    """Measures, prints and saves the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", nargs="*", choices=MODELS[:2], default=MODELS[:2])
    parser.add_argument("--photos", type=int, default=100, help="the most photos of each model")
    parser.add_argument("--cost", action="store_true", help="measure only what the maps cost")
    args = parser.parse_args()
    lines = [f"| {' | '.join(HEAD)} |", "|---|---|---|---|---|---|"]
    with tempfile.TemporaryDirectory() as name:
        for one in args.models if not args.cost else ():
            for row in rows(one, Path(name), args.photos):
                lines.append(row)
                print(row, flush=True)
    took = ["", "| model, backend | the maps of ten classes take |", "|---|---|"]
    for one in MODELS:
        for backend in ("litert", "tensorflow"):
            classifier = Classifier.load(ROOT / "model" / one, settings=Settings(backend=backend))
            took.append(f"| {one}, {backend} | {cost(classifier, FOLDERS[0] / 'dog.webp'):.1f} ms |")
            print(took[-1], flush=True)
    save("python -m benchmarks.explain", [*(lines if not args.cost else ()), *took], "explain")


if __name__ == "__main__":
    main()
