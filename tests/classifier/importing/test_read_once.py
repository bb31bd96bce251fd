"""What is read of a source is read once in an import: its format, its content, and whether it can be trusted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from classifier.backends import keras_classes, model_files
from classifier.importing import sources
from classifier.importing.litert import reader as litert
from classifier.importing.options import Options
from tests.support.imported import TRUSTED, bring, place, write_labels
from tests.support.tiny_tflite import Tiny


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each of the functions that look into a file did so."""
    counted: Counter[str] = Counter()

    def count(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def counting(*args: Any) -> Any:
            counted[name] += 1
            return function(*args)

        return counting

    for name in ("_members", "_archive_description", "_hdf5_description", "_saved_model_risk"):
        monkeypatch.setattr(model_files, name, count(name, getattr(model_files, name)))
    monkeypatch.setattr(keras_classes, "risk", count("keras_classes", keras_classes.risk))
    return counted


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "options", "expected"),
    [
        ("model.keras", None, {"_members": 1, "_archive_description": 1, "keras_classes": 1}),
        ("model.keras", TRUSTED, {"_members": 1, "_archive_description": 1}),
        ("model.h5", TRUSTED, {"_hdf5_description": 1}),
        ("saved", None, {"_saved_model_risk": 1}),
    ],
)
def test_tensorflows_files_are_checked_and_parsed_once(
    make: Any, tmp_path: Path, calls: Counter[str], name: str, options: Options | None, expected: dict[str, int]
) -> None:
    write_labels(tmp_path)
    source = tmp_path / name
    if source.suffix:
        make.small().save(source)
    else:
        make.small().export(source, verbose=False)
    calls.clear()
    imported, _ = bring(source, options)
    assert "litert" in imported.package.manifest.weights
    assert calls == expected


@pytest.mark.slow
def test_a_package_is_started_from_weights_that_were_checked_and_parsed_once(
    make: Any, tmp_path: Path, calls: Counter[str]
) -> None:
    from classifier.backends.choice import load_backend

    write_labels(tmp_path)
    make.small().save(tmp_path / "model.keras")
    imported, _ = bring(tmp_path / "model.keras")
    calls.clear()
    load_backend(imported.package, "tensorflow", 1)
    assert calls == {"_members": 1, "_archive_description": 1, "keras_classes": 1}


def test_a_litert_file_is_read_once(tmp_path: Path) -> None:
    file = place(tmp_path, Tiny().build())
    source = sources.find(file, tmp_path)
    assert source.model.data == file.read_bytes()
    file.unlink()
    network = litert.read(source, Options())
    assert network.open((8, 6, 3)) is not None
