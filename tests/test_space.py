"""This repository is a Hugging Face Space, and `docs/hosting.md` says how it becomes one."""

from __future__ import annotations

import re
import subprocess
from fnmatch import fnmatch
from pathlib import Path

import pytest

from classifier.checkout import ROOT
from classifier.settings import Settings

GUIDES = {page: (ROOT / page).read_text("utf-8") for page in ("docs/hosting.md", "docs/zh/hosting.md")}
COLOURS = {"red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray"}


@pytest.fixture(scope="module")
def files() -> list[Path]:
    """What is in the repository."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]


def test_the_readme_begins_with_what_a_space_must_know() -> None:
    before, head, _ = (ROOT / "README.md").read_text("utf-8").split("---\n", 2)
    known = dict(line.split(": ", 1) for line in head.splitlines())
    assert not before
    assert (known["sdk"], known["license"]) == ("docker", "apache-2.0")
    assert {known["colorFrom"], known["colorTo"]} <= COLOURS
    assert len(known["emoji"]) == 1
    assert len(known["short_description"]) <= 60  # or the Hub refuses the file
    assert known["app_port"] == str(Settings.model_fields["port"].default)
    dockerfile = (ROOT / "Dockerfile").read_text("utf-8")
    assert f"EXPOSE {known['app_port']}\n" in dockerfile
    assert "ARG FLAVOR=cpu\n" in dockerfile.partition("\nFROM ")[0]  # for the Variable of this name


@pytest.mark.parametrize("guide", GUIDES.values(), ids=GUIDES)
def test_the_guide_names_the_files_that_a_plain_push_is_refused_for(files: list[Path], guide: str) -> None:
    named = re.findall(r"^- `(.+)`$", guide.partition("<!-- large")[2].partition("<!-- /large")[0], re.M)
    assert named == sorted(str(file.relative_to(ROOT)) for file in files if file.stat().st_size > 10_000_000)


@pytest.mark.parametrize("guide", GUIDES.values(), ids=GUIDES)
def test_the_guides_patterns_give_every_binary_file_to_git_lfs(files: list[Path], guide: str) -> None:
    (command,) = re.findall(r"^git lfs track (.+)$", guide, re.M)
    patterns = re.findall(r'"(.+?)"', command)
    binary = [file for file in files if b"\0" in file.read_bytes()[:8000]]  # as Git tells them
    assert len(binary) > 50
    assert [file.name for file in binary if not any(fnmatch(file.name, pattern) for pattern in patterns)] == []
