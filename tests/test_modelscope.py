"""This repository is a ModelScope Studio of the kind Docker, and `docs/modelscope.md` says how it becomes one."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from classifier.checkout import ROOT
from classifier.cli import launcher
from classifier.settings import PREFIX, Settings
from tests.support.pages import blocks

GUIDES = {page: ROOT / page for page in ("docs/modelscope.md", "docs/zh/modelscope.md")}
EACH_GUIDE = pytest.mark.parametrize("guide", GUIDES.values(), ids=GUIDES)
LARGEST = 100_000_000
"""Bytes of a file that is taken without Git LFS."""


@pytest.fixture(scope="module")
def deploy() -> dict[str, object]:
    """What `ms_deploy.json` says."""
    found: dict[str, object] = json.loads((ROOT / "ms_deploy.json").read_text("utf-8"))
    return found


def test_the_studio_is_told_its_kind_its_port_and_the_free_hardware(deploy: dict[str, object]) -> None:
    assert deploy["$schema"] == "https://modelscope.cn/api/v1/studios/deploy_schema.json"
    assert (deploy["sdk_type"], deploy["port"]) == ("docker", launcher.STUDIO_PORT)
    assert deploy["resource_configuration"] == "platform/2v-cpu-16g-mem"
    assert not {"sdk_version", "base_image"} & set(deploy)  # the Dockerfile decides


def test_its_variables_give_the_server_that_a_studio_gets_by_itself(
    deploy: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    pairs = deploy["environment_variables"]
    assert isinstance(pairs, list)
    named = {pair["name"]: pair["value"] for pair in pairs}
    said = {"MODELSCOPE_ENVIRONMENT": "studio"}
    by_itself = launcher.environment(Settings(port=launcher.platform_port(said) or 0), said)
    for name, value in named.items():
        monkeypatch.setenv(name, value)
    assert launcher.platform_port(named) is None  # the setting counts
    by_variables = launcher.environment(Settings(), {})
    assert {**by_variables, **said} == by_itself
    assert all(name.startswith(PREFIX) for name in named)


def test_no_file_needs_git_lfs() -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    files = [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]
    assert len(files) > 500
    assert [file for file in files if file.stat().st_size > LARGEST] == []


@EACH_GUIDE
def test_the_guide_shows_the_file_that_is_there(guide: Path, deploy: dict[str, object]) -> None:
    (shown,) = blocks(guide, "json")
    assert json.loads(shown) == deploy


@EACH_GUIDE
def test_what_the_guide_changes_in_the_dockerfile_is_built_without_build_arguments(guide: Path, tmp_path: Path) -> None:
    before = (ROOT / "Dockerfile").read_text("utf-8")
    (tmp_path / "Dockerfile").write_text(before, "utf-8")
    mirrors = {
        "FLAVOR": "edge",
        "BASE": "mirror.example/debian:trixie-slim",
        "APT_MIRROR": "https://mirror.example",
        "PIP_INDEX_URL": "https://mirror.example/simple",
    }
    script = "\n".join(
        line for block in blocks(guide, "bash") for line in block.splitlines() if line.startswith("sed ")
    )
    subprocess.run(["bash", "-euc", script], cwd=tmp_path, check=True, env={**os.environ, **mirrors})
    after = (tmp_path / "Dockerfile").read_text("utf-8")
    for name, value in mirrors.items():
        defaults = re.findall(rf"^ARG {name}=(.*)$", after, re.M)
        assert set(defaults) == {value}, name
        assert len(defaults) == len(re.findall(rf"^ARG {name}=", before, re.M))
    assert len(after.splitlines()) == len(before.splitlines())
