"""The command line where an engine runs the model."""

from __future__ import annotations

import pytest

from classifier.cli.doctor import models
from classifier.settings import read_settings
from tests.support.server import free_port


def test_doctor_says_what_to_do_where_the_engine_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    address = {"BACKEND": "remote", "REMOTE_URL": f"http://127.0.0.1:{free_port()}", "MODEL": "cifar10"}
    for name, value in address.items():
        monkeypatch.setenv(f"CLASSIFIER_{name}", value)
    (check,) = models.trial(read_settings())
    assert check.status == "fail"
    assert "the connection is refused" in check.detail
    assert check.remedy.startswith("Start the engine, or correct CLASSIFIER_REMOTE_URL")
