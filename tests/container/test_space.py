"""The image as a Hugging Face Space runs it: its README's port, user 1000, `SPACE_ID`, Variables; nothing else set."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

from benchmarks.docker import build
from tests.container.checkout import copy_to
from tests.support.docker import docker, drive, get, ready
from tests.support.photos import ROOT

SPACE = ("--user", "1000", "--env", "SPACE_ID=user/demo", "--env", "FLAVOR=cpu")
TESTS = "tests/e2e/test_space.py::test_a_picture_and_a_photo_are_classified_inside_the_frame"


def test_pictures_arrive_from_within_the_frame_and_nothing_is_written(cpu: str) -> None:
    with ready(cpu, *SPACE) as container:
        print(f"\n{drive(container.address, TESTS)}")
        assert container.run("id", "-u") == "1000"
        written = [line for line in docker("diff", container.id).splitlines() if line not in ("C /tmp", "")]
        assert written == []


def test_a_model_of_ones_own_is_added_as_the_guide_says(edge: str, tmp_path: Path) -> None:
    copy_to(tmp_path)
    shutil.copytree(ROOT / "model/efficientnet-lite0", tmp_path / "model/mine")
    manifest = tmp_path / "model/mine/model.toml"
    manifest.write_text(manifest.read_text("utf-8").replace('"efficientnet-lite0"', '"mine"'), "utf-8")
    guide = (ROOT / "docs/hosting.md").read_text("utf-8")
    for command in re.findall(r"^(?:echo|sed) .*model/mine.*$", guide, re.M):
        subprocess.run(["bash", "-c", command], cwd=tmp_path, check=True)
    tag = f"{edge}-own-model"
    build(tag, "edge", tmp_path)
    try:
        with ready(tag, *SPACE, "--env", "CLASSIFIER_MODEL=mine") as container:
            assert get(container.address, "/readyz").json["model"] == "mine"
    finally:
        docker("image", "rm", tag)
