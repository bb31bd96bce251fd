"""What the documentation shows runs, and gives what it shows."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.support.docker import HARDENED
from tests.support.pages import DOCS, README, ROOT, blocks, text

# Commands that need files of one's own or an account have tests of their own: tests/classifier/cli/test_import.py,
# tests/classifier/cli/test_train.py, tests/container/test_own_model.py, tests/test_space.py, tests/test_modelscope.py,
# tests/e2e/test_login.py.
ELSEWHERE = {DOCS / f"{page}.md" for page in ("access", "own-model", "hosting", "modelscope", "train")}
PAGES = [README, *sorted(set(DOCS.glob("*.md")) - ELSEWHERE)]


def commands() -> list[str]:
    """Each line of the pages' bash blocks, once."""
    lines = (line for document in PAGES for block in blocks(document, "bash") for line in block.splitlines())
    return list(dict.fromkeys(lines))


def bash(command: str) -> subprocess.CompletedProcess[str]:
    """Runs a command, not in the environment that make sets up but in the one that runs the tests."""
    own = command.replace(".venv/bin/", f"{Path(sys.executable).parent}/")
    return subprocess.run(["bash", "-c", own], cwd=ROOT, capture_output=True, text=True)


@pytest.mark.parametrize("command", [one for one in commands() if "bin/classifier" in one])
def test_the_command_line_examples_run(command: str) -> None:
    done = bash(command)
    assert done.returncode == 0, done.stderr
    assert done.stdout


@pytest.mark.parametrize("document", [README, DOCS / "python.md"], ids=["README.md", "docs/python.md"])
def test_the_python_example_runs(document: Path) -> None:
    (code,) = blocks(document, "python")
    environment = {**os.environ, "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    assert "giant panda" in done.stdout


def test_the_example_of_a_heat_map_draws_one(tmp_path: Path) -> None:
    (code,) = blocks(DOCS / "explain.md", "python")
    drawn = tmp_path / "why.png"
    done = subprocess.run(
        [sys.executable, "-c", code.replace("why.png", str(drawn))], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    with Image.open(drawn) as picture:
        assert picture.size == (768, 1024)


@pytest.mark.slow
def test_the_curl_example_runs_and_answers_as_shown(plain_server: str) -> None:
    (command,) = [one for one in commands() if one.startswith("curl") and "/api/v1/classify" in one]
    done = bash(command.replace("localhost:8501", plain_server.removeprefix("http://")))
    assert done.returncode == 0, done.stderr
    (shown,) = blocks(DOCS / "api.md", "json")

    def masked(answer: str) -> str:
        numbers = re.sub(r'("(?:score|queue|decode|preprocess|inference|total)"): ?[\d.e-]+', r"\1:0", answer)
        device = re.sub(r'"device": ?"[^"]*"', '"device":""', numbers)
        return json.dumps(json.loads(device))

    assert masked(done.stdout) == masked(shown)


@pytest.mark.slow
def test_the_ways_to_send_a_picture_all_work(plain_server: str) -> None:
    (script,) = blocks(DOCS / "api.md", "sh")
    done = bash(f"set -e\n{script}".replace("localhost:8501", plain_server.removeprefix("http://")))
    assert done.returncode == 0, done.stderr
    several, raw, as_json = (
        json.JSONDecoder().raw_decode(one)[0] for one in re.findall(r"{\"model\".*?}]}", done.stdout)
    )
    assert len(several["results"]) == 2
    best = [one["results"][0]["predictions"] for one in (several, raw, as_json)]
    assert best[0] == best[1] == best[2]
    assert [one["label"] for one in best[0]] == ["大熊猫", "小熊猫"]


@pytest.mark.slow
def test_the_examples_of_the_inference_protocol_run_and_answer_as_shown(plain_server: str) -> None:
    page = DOCS / "open-inference-protocol.md"
    asked = [one for one in blocks(page, "bash") if one.startswith("curl")]
    answers = []
    for command in asked:
        done = bash(command.replace("localhost:8501", plain_server.removeprefix("http://")))
        assert done.returncode == 0, done.stderr
        answers.append(json.loads(done.stdout))
    assert [answer["outputs"][0]["shape"] for answer in answers] == [[1, 1000], [1, 2]]
    (shown,) = blocks(page, "json")

    def without_scores(text: str) -> Any:
        return json.loads(re.sub(r'"[\d.e-]+:(\d+:)', r'"\1', text))

    assert without_scores(json.dumps(answers[1])) == without_scores(shown)


@pytest.mark.slow
def test_the_paths_of_the_table_are_there(plain_server: str) -> None:
    paths = re.findall(r"^\| `GET (/\S+)` ", text(DOCS / "api.md"), re.M)
    assert len(paths) >= 6
    for path in paths:
        with urllib.request.urlopen(plain_server + path, timeout=10) as response:
            assert response.status == 200
            assert not response.headers["content-type"].startswith("text/html") or path == "/api/docs"


def test_the_image_is_restricted_as_its_tests_restrict_it() -> None:
    shown = " ".join(blocks(DOCS / "containers.md", "bash")).replace("\\\n", "")
    assert " ".join(HARDENED) in " ".join(shown.split())
