"""A release has the version of its tag, moves no tag back, and is made with what is pinned by digest."""

from __future__ import annotations

import random
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from classifier import __version__
from deploy.images import NAMES, images
from deploy.version import moving
from tests.support.photos import ROOT

PLACES = ("pyproject.toml", "classifier/__init__.py", "Dockerfile")


WORKFLOWS = {path.name: path.read_text("utf-8") for path in (ROOT / ".github/workflows").glob("*.yml")}


def version(*arguments: str, root: Path = ROOT, given: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-I", str(root / "deploy/version.py"), *arguments]
    return subprocess.run(command, input=given, capture_output=True, text=True, timeout=60)


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


RELEASED = ["v1.2.3", "v1.2.4", "v1.3.0", "v0.9.0", "v1.10.0-rc.1", "v2.0.0a1", "nightly", "v01.9.9", "1.9.9", "v1.9"]


@pytest.mark.parametrize(
    ("tag", "tags"),
    [
        ("v1.3.1", ["latest", "1", "1.3"]),
        ("v1.2.5", ["1.2"]),
        ("v1.3.0", ["latest", "1", "1.3"]),  # a second run of it
        ("v1.2.4", ["1.2"]),
        ("v1.2.3", []),
        ("v1.10.0", ["latest", "1", "1.10"]),  # by number, not by letter
        ("v2.0.0", ["latest", "2", "2.0"]),
        ("v0.9.1", ["0.9"]),
        ("v0.8.9", ["0.8"]),
        ("v1.4.0rc1", []),
        ("v1.4.0-rc.1", []),
        ("v2.0.0a1", []),
    ],
)
def test_a_release_moves_only_the_tags_of_which_it_is_the_newest(tag: str, tags: list[str]) -> None:
    known = [*RELEASED, tag]
    random.shuffle(known)
    assert moving(tag, known) == tags


def test_the_first_release_is_the_latest() -> None:
    assert moving("v0.1.0", ["v0.1.0"]) == ["latest", "0.1"]


def test_the_moving_tags_are_printed_for_the_version_alone() -> None:
    tag = f"v{__version__}"
    ended = version(tag, "--moving", given=f"v99.0.0\n{tag}\n")
    line = ".".join(__version__.split(".")[:2])
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, f"{line}\n", "")


@pytest.mark.parametrize("given", ["", "v99.0.0\n"])
def test_a_list_without_the_release_moves_nothing(given: str) -> None:
    ended = version(f"v{__version__}", "--moving", given=given)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.endswith("give all tags of the repository.\n")


def test_every_image_that_a_release_takes_is_pinned_and_used() -> None:
    ended = subprocess.run([sys.executable, "-I", str(ROOT / "deploy/images.py")], capture_output=True, text=True)
    lines = dict(line.split("=", 1) for line in ended.stdout.splitlines())
    assert set(lines) == NAMES
    for name in NAMES:
        assert f"steps.images.outputs.{name} }}}}" in WORKFLOWS["release.yml"], name


@pytest.mark.parametrize(
    ("before", "after"),
    [("@sha256:", "@sha256:x"), ("debian:trixie-slim@", "debian@"), ("AS sbom", "AS other"), ("FROM moby", "ADD moby")],
)
def test_an_image_without_its_digest_ends_the_release(before: str, after: str) -> None:
    text = (ROOT / ".github/images/Dockerfile").read_text("utf-8")
    assert images(text)
    with pytest.raises(SystemExit, match="Dockerfile"):
        images(text.replace(before, after))


@pytest.mark.parametrize("name", WORKFLOWS)
def test_every_action_is_pinned_by_commit_and_the_same_everywhere(name: str) -> None:
    used = re.findall(r"^ *(?:- )?uses: (.+)$", WORKFLOWS[name], re.MULTILINE)
    everywhere = "\n".join(WORKFLOWS.values())
    for action in used:
        if action.startswith("./"):
            continue
        assert re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v[0-9.]+", action), action
        assert len(set(re.findall(rf"uses: {action.partition('@')[0]}@.+", everywhere))) == 1, action
