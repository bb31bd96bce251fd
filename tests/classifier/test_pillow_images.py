"""The files with which Pillow tests itself, many of them made to break decoders: an answer or one error each."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
from collections import Counter
from pathlib import Path

import pytest

from tests.golden import ROOT
from tests.hostile import SECONDS

pytestmark = pytest.mark.slow

VERSION = "13.0.0"
SHA256 = "cdcd1ba258178f7356d74170c9a81ba4eab6a5d55748bc402a5a2a6fe6be3510"
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
    """The folder `Tests/images` of Pillow's source distribution, kept for the next run."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "image-classifier"
    folder = cache / f"pillow-{VERSION}-images"
    if not folder.exists():
        scratch = cache / f"scratch-{os.getpid()}"
        try:
            unpack(download(scratch), scratch / "images")
            (scratch / "images").rename(folder)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    return folder


def download(folder: Path) -> Path:
    # Only Pillow itself from source: what its build asks for comes as wheels.
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", "pillow"]
    subprocess.run([*command, "--dest", str(folder), f"pillow=={VERSION}"], check=True, timeout=300)
    file = folder / f"pillow-{VERSION}.tar.gz"
    assert hashlib.sha256(file.read_bytes()).hexdigest() == SHA256
    return file


def unpack(file: Path, folder: Path) -> None:
    prefix = f"pillow-{VERSION}/Tests/images/"
    with tarfile.open(file) as archive:
        for member in archive:
            if member.isfile() and member.name.startswith(prefix):
                member.name = member.name.removeprefix(prefix)
                archive.extract(member, folder, filter="data")


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
