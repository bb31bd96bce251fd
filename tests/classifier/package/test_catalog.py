"""The names of the packages in a folder, also where several have the same in their `model.toml`."""

from __future__ import annotations

from pathlib import Path

import pytest

from classifier import ClassifierError, Settings
from classifier.cli.doctor.models import packages
from classifier.cli.inventory import gather
from classifier.errors import AmbiguousModelError, ParameterError
from classifier.package import Catalog, locate
from classifier.package.opened import opened_package
from tests.support.packages import LITE0


def made(models: Path, **names: str) -> Path:
    """A folder with packages: the names of their folders and those in their `model.toml`."""
    for folder, name in names.items():
        (models / folder).mkdir(parents=True)
        for file in LITE0.iterdir():
            (models / folder / file.name).symlink_to(file)
        text = (LITE0 / "model.toml").read_text("utf-8")
        (models / folder / "model.toml").unlink()
        (models / folder / "model.toml").write_text(text.replace('"efficientnet-lite0"', f'"{name}"', 1), "utf-8")
    return models


@pytest.mark.parametrize(
    ("folders", "names"),
    [
        ({"a": "mine"}, ["mine"]),
        ({"a": "mine", "b": "mine"}, ["a", "b"]),
        ({"copy": "mine", "mine": "mine"}, ["copy", "mine"]),
        ({"x": "y", "y": "x"}, ["x", "y"]),
        ({"x": "y", "y": "z"}, ["x", "z"]),
    ],
)
def test_each_package_has_one_name_of_its_own_and_is_found_by_its_folder(
    tmp_path: Path, folders: dict[str, str], names: list[str]
) -> None:
    catalog = Catalog.read(made(tmp_path, **folders))
    assert catalog.names == names
    assert [catalog.find(name) for name in names] == list(folders)
    assert [catalog.find(folder) for folder in folders] == list(folders)
    assert bool(list(catalog.conflicts())) == (names != list(folders.values()))


def test_the_command_line_says_the_same_names_as_the_server(tmp_path: Path) -> None:
    models = made(tmp_path, a="mine", b="mine", c="other")
    assert opened_package(Settings(models=models, model="b")).name == "b"
    assert opened_package(Settings(models=models, model=str(models / "b"))).name == "b"
    assert opened_package(Settings(models=models, model="other")).folder == models / "c"
    assert [model["name"] for model in gather(Settings(models=models, model="a"))["models"]] == ["a", "b", "other"]
    with pytest.raises(AmbiguousModelError, match="Ask for one by the name of its folder: a, b"):
        locate("mine", models)
    said = {check.name: check.detail for check in packages(Settings(models=models, model="a"), alone=False)}
    assert list(said) == ["names", "model a", "model b", "model other"]
    assert "folders a, b" in said["names"]


def test_the_only_package_is_taken_where_nobody_names_one(tmp_path: Path) -> None:
    models = made(tmp_path, mine="my-own")
    assert opened_package(Settings(models=models)).name == "my-own"
    assert opened_package(Settings(models=models / "mine")).name == "my-own"  # the folder is the package itself
    with pytest.raises(ClassifierError, match=r"no model named 'efficientnet-lite2'\. Choose from: my-own"):
        opened_package(Settings(models=models, model="efficientnet-lite2"))
    made(models, yours="efficientnet-lite2")
    assert opened_package(Settings(models=models)).folder == models / "yours"


def test_several_packages_without_a_default_or_none_are_said_with_what_to_do(tmp_path: Path) -> None:
    models = made(tmp_path / "models", a="mine", b="mine")
    with pytest.raises(ParameterError, match=r"several models in .*: a, b\. Name one with CLASSIFIER_MODEL"):
        opened_package(Settings(models=models))
    (tmp_path / "empty").mkdir()
    with pytest.raises(ParameterError, match=r"no model in .*: no folder in it has a model\.toml\. Put"):
        opened_package(Settings(models=tmp_path / "empty"))
