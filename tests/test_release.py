"""A release has the version of its tag, and no two places disagree about it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from classifier import __version__
from tests.support.photos import ROOT

PLACES = ("pyproject.toml", "classifier/__init__.py", "Dockerfile")


def version(*arguments: str, root: Path = ROOT) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-I", str(root / "deploy/version.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for name in (*PLACES, "deploy/version.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy2(ROOT / name, tmp_path / name)
    return tmp_path


@pytest.mark.parametrize("tag", ["", f"v{__version__}"])
def test_the_version_is_told_when_all_agree(tag: str) -> None:
    ended = version(tag)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, f"{__version__}\n", "")


def test_a_tag_of_another_version_is_refused_with_what_to_do() -> None:
    ended = version("v9.9.9")
    assert ended.returncode == 1
    assert ended.stdout == ""
    assert ended.stderr == (
        f"The tag v9.9.9 does not fit the version {__version__}: tag v{__version__}, or set the version first.\n"
    )


@pytest.mark.parametrize("name", PLACES)
def test_places_that_differ_are_named(copy: Path, name: str) -> None:
    text = (copy / name).read_text(encoding="utf-8")
    (copy / name).write_text(text.replace(f'"{__version__}"', '"9.9.9"'), encoding="utf-8")
    ended = version(root=copy)
    assert ended.returncode == 1
    assert f"9.9.9 in {name}" in ended.stderr
    assert ended.stderr.endswith("make them the same.\n")


@pytest.mark.parametrize("name", PLACES)
def test_a_place_without_a_version_is_named(copy: Path, name: str) -> None:
    (copy / name).write_text("", encoding="utf-8")
    ended = version(root=copy)
    assert (ended.returncode, ended.stderr) == (1, f"{name} names 0 versions; it should name one.\n")
