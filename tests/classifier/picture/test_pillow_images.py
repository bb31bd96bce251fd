"""The files with which Pillow tests itself, many of them made to break decoders: an answer or one error each."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.support.hostile import SECONDS
from tests.support.imported import quick_package
from tests.support.photos import ROOT
from tests.support.pillow_images import pillow_images
from tests.support.watch import HAS_PROC, footprint

pytestmark = pytest.mark.slow

ENVIRONMENT = {
    **{name: value for name, value in os.environ.items() if not name.startswith("CLASSIFIER_")},
    "CLASSIFIER_BACKEND": "litert",
    "PYTHONPATH": str(ROOT),
}

# A process of its own, so that its peak memory is that of these files.
CHILD = """
import json, sys, time
from pathlib import Path
from classifier import Classifier
from classifier.errors import ClassifierError
from tests.support.hostile import peak

classifier = Classifier.load(sys.argv[1])
for file in sorted(file for file in Path(sys.argv[2]).rglob("*") if file.is_file()):
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


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return quick_package(tmp_path_factory.mktemp("model"))


def test_each_file_gets_an_answer_or_one_error(images: Path, model: Path) -> None:
    command = [sys.executable, "-c", CHILD, str(model), str(images)]
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
    assert codes.keys() - {"cut_off"} == {
        "answer",
        "unsupported_format",
        "unsupported_kind",
        "broken_image",
        "too_many_pixels",
    }
    assert codes["answer"] > 650
    assert slowest[0][2] < SECONDS
    assert grown < 1000


def test_the_command_has_an_answer_or_one_line_for_each(images: Path, model: Path, tmp_path: Path) -> None:
    # Under names that the command takes for pictures; content decides what they are.
    for index, file in enumerate(sorted(file for file in images.rglob("*") if file.is_file())):
        (tmp_path / f"{index:04} {file.name}.jpg").symlink_to(file)
    command = [sys.executable, "-m", "classifier", "classify", "--json", "--model", str(model), str(tmp_path)]
    lines, times, most = [], [time.perf_counter()], 0.0
    with (
        tempfile.TemporaryFile() as errors,
        subprocess.Popen(command, cwd=ROOT, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=errors) as child,
    ):
        assert child.stdout
        for line in child.stdout:  # flushed after each file
            lines.append(line)
            times.append(time.perf_counter())
            if HAS_PROC and len(lines) % 10 == 1:
                most = max(most, footprint(child.pid).together)
        assert child.wait(10) == 1
        errors.seek(0)
        said = errors.read().decode().splitlines()
    results = json.loads(b"".join(lines))["results"]
    failed = [one for one in results if "error" in one]
    pauses = [after - before for before, after in itertools.pairwise(times)]
    print(f"\n{len(failed)} errors; {max(pauses) * 1000:.0f} ms without a line; {most:.0f} MB")
    assert len(results) == 1060
    assert len(results) - len(failed) > 650
    notes = [note for one in results for note in one.get("notes", ())]
    assert notes
    assert len(said) == len(failed) + len(notes)
    assert all(line.startswith("classifier: ") and line.endswith(".") for line in said)
    assert max(pauses) < SECONDS
    assert most < 1000
