"""TensorFlow's backend, where a device would end the process."""

from __future__ import annotations

import os

import pytest

from classifier import ModelPackage
from classifier.backends import gpu
from classifier.backends.choice import load_backend


@pytest.mark.parametrize(("why_not", "visible"), [("it ends the process", "-1"), (None, "0")])
def test_tensorflow_is_kept_off_a_device_that_would_end_the_process(
    monkeypatch: pytest.MonkeyPatch, package: ModelPackage, why_not: str | None, visible: str
) -> None:
    monkeypatch.setattr(gpu, "device_count", lambda: 1)
    monkeypatch.setattr(gpu, "why_not", lambda: why_not)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    load_backend(package, "tensorflow", threads=1)
    assert os.environ["CUDA_VISIBLE_DEVICES"] == visible
