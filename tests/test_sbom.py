"""What `make sbom` writes names what the images are made from."""

from __future__ import annotations

import json
import re
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement

from classifier import __version__
from deploy.sbom import unused
from tests.support.photos import ROOT
from tests.test_requirements import entries, locked

FILES = {"edge": "runtime", "cpu": "cpu", "cuda": "cuda"}
PYTHON = ROOT / ".venv/sbom/bin/python"

VALIDATE = """
import sys
from pathlib import Path
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
for path in sys.argv[1:]:
    error = JsonStrictValidator(SchemaVersion.V1_6).validate_str(Path(path).read_text())
    assert error is None, (path, error)
"""


@cache
def written(flavor: str, folder: Path) -> str:
    command = [str(PYTHON), str(ROOT / "deploy/sbom.py"), flavor, str(folder)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert ended.returncode == 0, ended.stderr
    assert ended.stderr == ""
    return (folder / f"image-classifier-{__version__}-{flavor}.cdx.json").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sbom") / "dist"


def kept(flavor: str) -> list[Requirement]:
    return [pin for pin in locked(FILES[flavor]) if pin.name not in unused()]


def components(text: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(text)["components"]
    return found


@pytest.mark.parametrize("flavor", FILES)
def test_it_names_every_locked_package_of_the_image_with_its_version(flavor: str, folder: Path) -> None:
    found = sorted((item["name"], item["version"]) for item in components(written(flavor, folder)))
    assert found == sorted((pin.name, next(iter(pin.specifier)).version) for pin in kept(flavor))


@pytest.mark.parametrize("flavor", FILES)
def test_it_has_the_hash_of_every_file(flavor: str, folder: Path) -> None:
    found = {
        (item["purl"], file["content"])
        for item in components(written(flavor, folder))
        for reference in item["externalReferences"]
        for file in reference["hashes"]
    }
    wanted = set()
    for pin, (_, hashes) in zip(locked(FILES[flavor]), entries(FILES[flavor]), strict=True):
        if pin.name in unused():
            continue
        version = next(iter(pin.specifier)).version
        wanted |= {(f"pkg:pypi/{pin.name}@{version}", one.removeprefix("--hash=sha256:")) for one in hashes}
    assert found == wanted


@pytest.mark.parametrize("flavor", FILES)
def test_it_says_for_which_platform_a_package_is_that_others_do_without(flavor: str, folder: Path) -> None:
    found = {
        (item["purl"], str(Marker(item["description"].removeprefix("only where "))))
        for item in components(written(flavor, folder))
        if "description" in item
    }
    wanted = {
        (f"pkg:pypi/{pin.name}@{next(iter(pin.specifier)).version}", str(pin.marker))
        for pin in kept(flavor)
        if pin.marker
    }
    assert found == wanted
    assert found


@pytest.mark.parametrize("flavor", FILES)
def test_it_is_of_this_version_and_names_no_package_index(flavor: str, folder: Path) -> None:
    text = written(flavor, folder)
    product = json.loads(text)["metadata"]["component"]
    assert (product["name"], product["version"]) == ("image-classifier", __version__)
    assert {match for match in re.findall(r"\w+://[^\"]+", text) if "cyclonedx.org/schema" not in match} == set()


@pytest.mark.parametrize("flavor", FILES)
def test_what_an_image_leaves_out_is_what_others_require_in_vain_and_what_only_that_requires(flavor: str) -> None:
    text = (ROOT / f"requirements/{FILES[flavor]}.txt").read_text(encoding="utf-8")
    found = re.findall(r"^([a-z0-9][\w.-]*)==.*?\n((?:    .*\n?)*)", text, re.M)
    by = {
        name: {one for one in re.split(r"[,\s]+", re.sub(r"--hash=\S+|-c \S+|# ?|via|\\", " ", rest)) if one}
        for name, rest in found
    }
    assert len(by) > 50
    in_vain = {"streamlit", "tensorflow", "tensorflow-cpu"}
    assert {name for name, others in by.items() if name in unused() and not others <= unused() | in_vain} == set()
    assert {name for name, others in by.items() if name not in unused() and others and others <= unused()} == set()


@pytest.mark.slow
def test_it_is_valid_cyclonedx(folder: Path) -> None:
    for flavor in FILES:
        written(flavor, folder)
    files = sorted(str(path) for path in folder.glob("*.cdx.json"))
    assert len(files) == len(FILES)
    subprocess.run([str(PYTHON), "-c", VALIDATE, *files], check=True, timeout=300)


def test_it_is_the_same_when_it_is_written_again(folder: Path) -> None:
    before = written("edge", folder)
    written.cache_clear()
    assert written("edge", folder) == before
