"""Run the built models over folders of photos: `python -m model.evaluate web/page/samples tests/photos`.

Each folder holds a `manifest.json`, a list of `{"file": name, "imagenet_labels": [class, ...]}`; an answer counts as
right when it is one of the classes. It prints how many photos are right, how many are unsure, how far the two forms'
probabilities are apart, and each wrong photo. A few dozen iconic photos show that a conversion is sound; they do not
measure accuracy.
"""

import argparse
import json
from pathlib import Path

import numpy as np

from classifier import Classification, Classifier, Settings
from model.recipes import RECIPES


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m model.evaluate", description=__doc__.split("\n\n")[0])
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER")
    photos = [
        (folder / entry["file"], set(entry["imagenet_labels"]))
        for folder in parser.parse_args().folders
        for entry in json.loads((folder / "manifest.json").read_text("utf-8"))
    ]
    for recipe in RECIPES.values():
        scores = {}
        for backend in ("litert", "tensorflow"):
            model = Classifier.load(recipe.folder, settings=Settings(backend=backend))
            results = [model.classify(path, top_k=model.package.manifest.output.classes) for path, _ in photos]
            scores[backend] = np.stack([_by_class(result) for result in results])
            _print(f"{recipe.name}, {backend}", photos, results)
        apart = np.abs(scores["litert"] - scores["tensorflow"]).max()
        print(f"{recipe.name}: probabilities of the two forms differ by at most {apart:.1e}")


def _by_class(result: Classification) -> np.ndarray:
    return np.array(
        [prediction.score for prediction in sorted(result.predictions, key=lambda prediction: prediction.index)]
    )


def _print(title: str, photos: list[tuple[Path, set[int]]], results: list[Classification]) -> None:
    best = [[prediction.index for prediction in result.predictions[:5]] for result in results]
    top1 = sum(five[0] in right for five, (_, right) in zip(best, photos, strict=True))
    top5 = sum(bool(right & set(five)) for five, (_, right) in zip(best, photos, strict=True))
    unsure = sum(not result.sure for result in results)
    total = len(photos)
    print(f"{title}: top-1 {top1}/{total} ({top1 / total:.1%}), top-5 {top5}/{total} ({top5 / total:.1%}), ", end="")
    print(f"unsure {unsure}")
    for five, (path, right), result in zip(best, photos, results, strict=True):
        if five[0] not in right:
            first = result.predictions[0]
            print(f"    {path.name}: {first.label} {first.score:.2f}{'' if result.sure else ' (unsure)'}")


if __name__ == "__main__":
    main()
