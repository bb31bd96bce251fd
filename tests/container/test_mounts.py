"""Mounts that the container's user may not read: one sentence in the log with the path, the user and the remedy."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from http.client import HTTPException
from pathlib import Path

import pytest

from tests.support.docker import HARDENED, Container, get, ready, started
from tests.support.packages import LITE0
from tests.support.waiting import until

pytestmark = pytest.mark.skipif(os.getuid() == 1000, reason="uid 1000, as which the image runs, owns what it mounts")

LOCKED = {"the folder": (".", 0o700), "model.toml": ("model.toml", 0o600), "weights": ("model.tflite", 0o600)}


def failed(container: Container) -> bool:
    """Whether the server has ended, or says that it never gets ready."""
    with suppress(OSError, HTTPException):
        if get(container.address, "/readyz").json["status"] == "failed":
            return True
    return bool(container.state["Status"] == "exited")


@pytest.mark.parametrize(("locked", "mode"), LOCKED.values(), ids=LOCKED)
def test_a_mount_that_may_not_be_read_is_said_in_one_sentence(
    edge: str, tmp_path: Path, locked: str, mode: int
) -> None:
    package = Path(shutil.copytree(LITE0, tmp_path / "mine"))
    (package / locked).chmod(mode)
    options = ("--volume", f"{package}:/models/mine:ro", "--env", "CLASSIFIER_MODEL=/models/mine")
    with started(edge, *HARDENED, *options) as container:
        until(lambda: failed(container), 60)
        logs = container.logs()
    (line,) = (line for line in logs.splitlines() if "/models/mine" in line)
    assert "the user app (uid 1000) may not" in line
    assert "`chmod -R a+rX /models/mine`" in line
    assert os.path.normpath(f"/models/mine/{locked}") in line
    assert "Traceback" not in logs


def test_its_owner_may_read_it(edge: str, tmp_path: Path) -> None:
    package = Path(shutil.copytree(LITE0, tmp_path / "mine"))
    package.chmod(0o700)
    options = ("--volume", f"{package}:/models/mine:ro", "--env", "CLASSIFIER_MODEL=/models/mine")
    with ready(edge, *HARDENED, *options, "--user", f"{os.getuid()}:{os.getgid()}") as container:
        assert get(container.address, "/readyz").status == 200
