"""Settings: read from the environment, checked, and explained when they are wrong."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from classifier.settings import PREFIX, ROOT, Settings, describe


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(PREFIX + name.upper(), raising=False)


def test_defaults_are_those_of_the_design() -> None:
    settings = Settings()
    assert settings.models == ROOT / "model"
    assert (settings.max_bytes, settings.max_pixels) == (20_000_000, 50_000_000)
    assert (settings.host, settings.port, settings.threads) == ("127.0.0.1", 8501, None)


def test_every_setting_says_what_it_is() -> None:
    assert all(field.description for field in Settings.model_fields.values())


def test_each_is_read_from_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    values = {
        "MODELS": "/somewhere",
        "MODEL": "mine",
        "TRUST": "1",
        "BACKEND": "litert",
        "THREADS": "3",
        "MAX_BYTES": "1000",
        "MAX_PIXELS": "2000",
        "FORMATS": "jpeg, png,",
        "QUEUE": "0",
        "UPLOADS": "5000",
        "HOST": "0.0.0.0",
        "PORT": "80",
        "BASE_PATH": "demo/one/",
    }
    assert {name.lower() for name in values} == set(Settings.model_fields)
    for name, value in values.items():
        monkeypatch.setenv(PREFIX + name, value)
    settings = Settings()
    assert settings.models == Path("/somewhere")
    assert settings.limits.formats == ("JPEG", "PNG")
    assert (settings.limits.max_bytes, settings.limits.max_pixels) == (1000, 2000)
    assert (settings.model, settings.trust, settings.backend, settings.threads) == ("mine", True, "litert", 3)
    assert (settings.queue, settings.uploads) == (0, 5000)
    assert (settings.host, settings.port, settings.base_path) == ("0.0.0.0", 80, "/demo/one")


def test_an_empty_variable_counts_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    # `CLASSIFIER_THREADS=${THREADS:-}` in a compose file
    for name in Settings.model_fields:
        monkeypatch.setenv(PREFIX + name.upper(), "")
    assert Settings() == Settings.model_construct()


@pytest.mark.parametrize(
    ("variable", "value", "expected"),
    [
        ("PORT", "70000", "less than or equal to 65535"),
        ("PORT", "http", "valid integer"),
        ("THREADS", "0", "greater than or equal to 1"),
        ("QUEUE", "-1", "greater than or equal to 0"),
        ("MAX_BYTES", "20 MB", "valid integer"),
        ("UPLOADS", "1000", "at least CLASSIFIER_MAX_BYTES, which is 20000000"),
        ("BACKEND", "onnx", "'auto', 'litert' or 'tensorflow'"),
        ("FORMATS", "JPEG,SVG", "SVG cannot be read; choose from JPEG, PNG"),
        ("FORMATS", " , ", "at least 1 item"),
        ("BASE_PATH", "/demo/../up", "expected a path of letters"),
        ("BASE_PATH", "/{demo}", "expected a path of letters"),
    ],
)
def test_a_wrong_value_is_explained_in_one_line(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, expected: str
) -> None:
    monkeypatch.setenv(PREFIX + variable, value)
    with pytest.raises(ValidationError) as caught:
        Settings()
    line = describe(caught.value)
    assert line.startswith(f"CLASSIFIER_{variable}=")
    assert expected in line
    assert "\n" not in line


def test_all_wrong_values_are_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLASSIFIER_PORT", "x")
    monkeypatch.setenv("CLASSIFIER_QUEUE", "y")
    with pytest.raises(ValidationError) as caught:
        Settings()
    assert set(re.findall(r"CLASSIFIER_\w+", describe(caught.value))) == {
        "CLASSIFIER_PORT",
        "CLASSIFIER_QUEUE",
    }


def test_settings_do_not_change() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Settings().port = 1  # type: ignore[misc]
