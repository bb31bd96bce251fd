"""`classifier info`: what is here, also when the model is wrong."""

from __future__ import annotations

import json

import pytest

from classifier import cli

pytestmark = pytest.mark.usefixtures("lite0")


def test_info_tells_what_is_here(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["info", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["model"] == "efficientnet-lite0"
    assert (found["backend"], found["reason"]) == ("litert", "chosen by the operator")
    assert found["device"].startswith("CPU")
    assert {"efficientnet-lite0", "efficientnet-lite2"} <= {one["name"] for one in found["models"]}
    assert found["limits"]["max_bytes"] == 20_000_000
    assert 1 <= found["cpus"] <= found["host_cpus"]
    assert cli.main(["info"]) == 0
    text = capsys.readouterr().out
    assert "litert on CPU" in text
    assert "20 MB, 64 million pixels" in text


def test_info_with_a_wrong_model_tells_the_rest(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLASSIFIER_MODEL", "nothing")
    assert cli.main(["info", "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["error"]["code"] == "unknown_model"
    assert found["models"]
    assert cli.main(["info"]) == 1
    assert "There is no model named 'nothing'" in capsys.readouterr().out
