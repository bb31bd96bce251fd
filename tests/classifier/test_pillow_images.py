"""The files with which Pillow tests itself, many of them made to break decoders: an answer or one error each."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.golden import ROOT
from tests.hostile import SECONDS
from tests.pillow_images import pillow_images

pytestmark = pytest.mark.slow

HOSTILE = re.compile("crash-|timeout-|oom-|overflow|oob|truncated|bad|broken|bomb")
ENVIRONMENT = {
    **{name: value for name, value in os.environ.items() if not name.startswith("CLASSIFIER_")},
    "CLASSIFIER_MODEL": "efficientnet-lite0",
    "CLASSIFIER_BACKEND": "litert",
    "PYTHONPATH": str(ROOT),
}

# A process of its own, so that its peak memory is that of these files.
CHILD = """
import json, sys, time
from pathlib import Path
from classifier import Classifier
from classifier.errors import ClassifierError
from tests.hostile import peak

classifier = Classifier.load("model/efficientnet-lite0")
for file in sorted(file for file in Path(sys.argv[1]).rglob("*") if file.is_file()):
    before, start = peak(), time.perf_counter()
    try:
        classifier.classify(file)
        code = "answer"
    except ClassifierError as error:
        code = error.code
    print(json.dumps([file.name, code, time.perf_counter() - start, peak() - before]), flush=True)
"""


@pytest.fixture(scope="module")
def images() -> Path:
    return pillow_images()


def test_each_file_gets_an_answer_or_one_error(images: Path) -> None:
    command = [sys.executable, "-c", CHILD, str(images)]
    child = subprocess.run(command, cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True, timeout=300, check=False)
    rows = [json.loads(line) for line in child.stdout.splitlines()]
    assert child.returncode == 0, f"after {rows[-1:]}: {child.stderr[-2000:]}"
    assert len(rows) == 1060
    codes = Counter(code for _, code, _, _ in rows)
    slowest = sorted(rows, key=lambda row: -row[2])[:5]
    grown = sum(row[3] for row in rows)
    # Seen with pytest -s: the evidence for what these files cost.
    print("\n" + ", ".join(f"{count} {code}" for code, count in codes.most_common()))
    print(f"memory: {grown:.0f} MB more at the peak than before the first")
    print(*(f"{seconds * 1000:6.0f} ms  {code:18}  {name}" for name, code, seconds, _ in slowest), sep="\n")
    assert codes.keys() == {"answer", "unsupported_format", "broken_image", "too_many_pixels"}
    assert codes["answer"] > 650
    assert slowest[0][2] < SECONDS
    assert grown < 1000


def test_the_command_names_each_hostile_file_and_goes_on(images: Path, tmp_path: Path) -> None:
    # Under names that the command takes for pictures; content decides what they are.
    hostile = sorted(file for file in images.rglob("*") if file.is_file() and HOSTILE.search(file.name))
    for index, file in enumerate(hostile):
        shutil.copy(file, tmp_path / f"{index:02} {file.name}.jpg")
    command = [sys.executable, "-m", "classifier", "classify", "--json", str(tmp_path)]
    child = subprocess.run(command, cwd=ROOT, env=ENVIRONMENT, capture_output=True, timeout=120, check=False)
    assert child.returncode == 1
    assert len(json.loads(child.stdout)["results"]) == len(hostile) > 70
    assert b"Traceback" not in child.stderr
