"""The container that editors open the project in: built as they do, it has what `make test` needs."""

from __future__ import annotations

import json
import os
from pathlib import Path

from tests.container.checkout import copy_to
from tests.support.docker import docker, started
from tests.support.photos import ROOT

FOLDER = ROOT / ".devcontainer"
IMAGE = "image-classifier:devcontainer"
WORKSPACE = "/workspaces/image-classifier"


def test_the_tests_run_in_it(tmp_path: Path) -> None:
    config = json.loads((FOLDER / "devcontainer.json").read_text("utf-8"))
    docker("build", "--quiet", "--tag", IMAGE, "--file", str(FOLDER / config["build"]["dockerfile"]), str(FOLDER))
    copy_to(tmp_path)
    # Editors give their user the number of the one outside, unless that is root.
    for path in (tmp_path, *tmp_path.rglob("*")):
        if os.geteuid() == 0:
            os.chown(path, 1000, 1000)
        else:
            path.chmod(path.stat().st_mode | 0o666 | (0o111 if path.is_dir() else 0))
    options = ["--volume", f"{tmp_path}:{WORKSPACE}", "--workdir", WORKSPACE, "--env", "PIP_INDEX_URL"]
    if authority := os.environ.get("SSL_CERT_FILE"):
        options += ["--volume", f"{authority}:/tmp/ca.crt:ro", "--env", "SSL_CERT_FILE=/tmp/ca.crt"]
    with started(IMAGE, *options, command=("sleep", "infinity")) as container:

        def run(command: str) -> str:
            return docker("exec", "--user", config["remoteUser"], container.id, "bash", "-c", command)

        assert run("id -u") == "1000"
        run(config["postCreateCommand"])
        tests = "tests/classifier/test_settings.py tests/e2e/test_docs.py"
        ended = run(f"make test ARGS='-q {tests}'")
        assert "passed" in ended
        assert "skipped" not in ended
        assert "git version" in run("git --version")
        # For pytest to remove what the other user made.
        docker("exec", "--user", "root", container.id, "find", WORKSPACE, "-mindepth", "1", "-delete")
