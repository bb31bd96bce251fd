"""What libraries write to standard error is held back while a model is imported, unless it is asked for or needed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from classifier.cli.quiet import without_libraries, without_notice
from classifier.errors import ClassifierError, ModelFileError
from tests.support.imported import write_labels
from tests.support.photos import ROOT

LOG = b"E0000 00:00:1737000000.123456  4242 cuda_dnn.cc:8310] Unable to register cuDNN factory\n"
NOTICE = b"INFO: Created TensorFlow Lite XNNPACK delegate for CPU.\n"


def _fail(error: Exception) -> None:
    with without_libraries():
        os.write(2, LOG)
        raise error


def test_logs_of_libraries_are_held_back(capfd: pytest.CaptureFixture[str]) -> None:
    with without_libraries():
        os.write(2, LOG)
    with pytest.raises(ClassifierError):
        _fail(ModelFileError("says enough"))
    os.write(2, b"after\n")
    assert capfd.readouterr().err == "after\n"


def test_they_are_shown_if_asked_for_or_needed(capfd: pytest.CaptureFixture[str]) -> None:
    with without_libraries(verbose=True):
        os.write(2, LOG)
    assert capfd.readouterr().err == LOG.decode()
    with pytest.raises(ZeroDivisionError):
        _fail(ZeroDivisionError())
    assert capfd.readouterr().err == LOG.decode()


def test_only_the_notice_is_left_out(capfd: pytest.CaptureFixture[str]) -> None:
    with without_notice():
        os.write(2, NOTICE + LOG)
    assert capfd.readouterr().err == LOG.decode()


def test_without_standard_error_nothing_is_held(monkeypatch: pytest.MonkeyPatch) -> None:
    def closed(_: int) -> int:
        raise OSError

    monkeypatch.setattr(os, "dup", closed)
    with without_libraries(), without_notice():
        pass


@pytest.mark.slow
def test_an_import_prints_none_of_tensorflows_lines(tmp_path: Path) -> None:
    from tests.support import makers

    makers.small().save(tmp_path / "model.keras")
    write_labels(tmp_path)

    def errors(*options: str) -> str:
        ended = subprocess.run(
            [
                sys.executable,
                "-m",
                "classifier",
                "import",
                str(tmp_path / "model.keras"),
                str(tmp_path / "new"),
                *options,
            ],
            capture_output=True,
            text=True,
            env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "0", "PYTHONPATH": str(ROOT)},
            cwd=ROOT,
            check=False,
        )
        assert ended.returncode == ("--size" in options) * 2
        return ended.stderr

    told = errors("--size", "10")
    assert told.startswith("classifier: ")
    assert told.count("\n") == 1
    assert not errors()
