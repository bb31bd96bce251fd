"""Settings: read from the environment, checked, and explained when they are wrong."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from classifier import Classifier
from classifier.checkout import ROOT
from classifier.errors import ParameterError
from classifier.injected import say_ignored
from classifier.settings import PREFIX, Settings, read_settings


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(PREFIX + name.upper(), raising=False)


def test_defaults_are_those_of_the_design() -> None:
    settings = read_settings()
    assert settings.models == ROOT / "model"
    assert (settings.max_bytes, settings.max_pixels) == (20_000_000, 64_000_000)
    assert (settings.host, settings.port, settings.threads) == ("127.0.0.1", 8501, None)


def test_two_pictures_are_under_way_for_each_cpu_where_there_are_several(monkeypatch: pytest.MonkeyPatch) -> None:
    for cpus, expected in {1: (1, 0), 2: (2, 2), 8: (8, 8)}.items():
        monkeypatch.setattr("classifier.settings.cpu_count", lambda cpus=cpus: cpus)
        assert (read_settings().turns, read_settings().ahead) == expected
        remote = read_settings(backend="remote", remote_url="http://localhost:8000")
        assert remote.turns > cpus  # the model's time is an engine's, so its CPUs are no bound here
        assert not remote.ahead


def test_every_setting_says_what_it_is() -> None:
    assert all(field.description for field in Settings.model_fields.values())


def test_each_is_read_from_its_variable(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("secret")
    values = {
        "MODELS": "/somewhere",
        "MODEL": "mine",
        "TRUST": "1",
        "BACKEND": "litert",
        "THREADS": "3",
        "VIEW": "whole",
        "MAX_BYTES": "1000",
        "MAX_PIXELS": "2000",
        "FORMATS": "jpeg, png,",
        "QUEUE": "0",
        "UPLOADS": "5000",
        "HOST": "0.0.0.0",
        "PORT": "80",
        "BASE_PATH": "demo/one/",
        "CLIENT_SHARE": "0.5",
        "TRUSTED_PROXIES": "10.0.0.5, 172.16.0.0/12",
        "ALLOWED_HOSTS": "demo.example.org,*.example.org",
        "CORS_ORIGINS": "https://www.example.org",
        "FRAME_ANCESTORS": "https://a.example.org:443, https://*.example.net",
        "PAGE_WITHOUT": "live, share",
        "API_KEYS_FILE": "/keys",
        "METRICS_PORT": "9000",
        "REMOTE_URL": "http://engine:8000/mine, grpcs://[::1]:8001",
        "REMOTE_PROTOCOL": "tfs",
        "REMOTE_TIMEOUT": "2.5",
        "REMOTE_TOKEN_FILE": str(token),
        "GRPC_PORT": "9001",
        "STOP_DELAY": "2.5",
        "ACCESS_LOG": "combined",
        "CPUS": "3",
        "RELOAD": "0.5",
    }
    assert {name.lower() for name in values} == set(Settings.model_fields)
    for name, value in values.items():
        monkeypatch.setenv(PREFIX + name, value)
    settings = read_settings()
    assert settings.models == Path("/somewhere")
    assert settings.limits.formats == ("JPEG", "PNG")
    assert (settings.limits.max_bytes, settings.limits.max_pixels) == (1000, 2000)
    assert (settings.model, settings.trust, settings.backend, settings.threads) == ("mine", True, "litert", 3)
    assert (settings.queue, settings.uploads) == (0, 5000)
    assert (settings.host, settings.port, settings.base_path) == ("0.0.0.0", 80, "/demo/one")
    assert (settings.client_share, settings.trusted_proxies) == (0.5, ("10.0.0.5", "172.16.0.0/12"))
    assert settings.allowed_hosts == ("demo.example.org", "*.example.org")
    assert settings.frame_ancestors == ("https://a.example.org", "https://*.example.net")
    assert (settings.cors_origins, settings.metrics_port) == (("https://www.example.org",), 9000)
    assert settings.page_without == ("live", "share")
    assert settings.grpc_port == 9001
    assert settings.api_keys_file == Path("/keys")
    assert settings.engine is None
    engine = settings.model_copy(update={"backend": "remote"}).engine
    assert engine is not None
    assert [(str(url), url.model) for url in engine.urls] == [
        ("http://engine:8000", "mine"),
        ("grpcs://[::1]:8001", ""),
    ]
    assert (engine.protocol, engine.timeout, engine.token_file) == ("tfs", 2.5, token)
    assert settings.stop_delay == 2.5
    assert settings.access_log == "combined"
    assert settings.cpus == 3


def test_an_empty_variable_counts_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    # `CLASSIFIER_THREADS=${THREADS:-}` in a compose file
    for name in Settings.model_fields:
        monkeypatch.setenv(PREFIX + name.upper(), "")
    assert read_settings() == Settings.model_construct()


@pytest.mark.parametrize(
    ("variable", "value", "expected"),
    [
        ("PORT", "70000", "less than or equal to 65535"),
        ("PORT", "http", "valid integer"),
        ("THREADS", "0", "greater than or equal to 1"),
        ("QUEUE", "-1", "greater than or equal to 0"),
        ("MAX_BYTES", "20 MB", "valid integer"),
        ("UPLOADS", "1000", "at least CLASSIFIER_MAX_BYTES, which is 20000000"),
        ("BACKEND", "caffe", "'auto', 'litert', 'onnx', 'tensorflow' or 'remote'"),
        ("FORMATS", "JPEG,SVG", "SVG cannot be read; choose from JPEG, PNG"),
        ("FORMATS", " , ", "at least 1 item"),
        ("PAGE_WITHOUT", "live,sharing", "the page has no part sharing; choose from why, compare, many"),
        ("BASE_PATH", "/demo/../up", "expected a path of letters"),
        ("BASE_PATH", "/{demo}", "expected a path of letters"),
        ("CORS_ORIGINS", "https://a.example,www.example.org", "'www.example.org' is not an origin; expected http"),
        ("CORS_ORIGINS", "https://*.example.org", "is not an origin"),
        ("FRAME_ANCESTORS", "https://a.example; script-src *", "is not an origin"),
        ("METRICS_PORT", "8501", "the page has this port; choose another one"),
        ("METRICS_PORT", "0", "greater than or equal to 1"),
        ("GRPC_PORT", "8501", "the page has this port; choose another one"),
        ("PORT", "http://10.96.1.1:80", "valid integer"),
        ("PORT", "tcp://", "valid integer"),
        ("STOP_DELAY", "-1", "greater than or equal to 0"),
        ("ACCESS_LOG", "yes", "combined"),
        ("STOP_DELAY", "inf", "finite"),
    ],
)
def test_a_wrong_value_is_explained_in_one_line(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, expected: str
) -> None:
    monkeypatch.setenv(PREFIX + variable, value)
    with pytest.raises(ParameterError) as caught:
        read_settings()
    line = caught.value.message
    assert line.startswith(f"CLASSIFIER_{variable}=")
    assert expected in line
    assert "\n" not in line


@pytest.mark.parametrize("value", ["tcp://10.96.1.1:80", "udp://172.17.0.5:53", "tcp://[fd00::1]:8501"])
def test_a_port_that_a_container_engine_sets_for_a_service_is_ignored(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, value: str
) -> None:
    ports = [name for name in Settings.model_fields if name.endswith("port")]
    for name in ports:
        monkeypatch.setenv(PREFIX + name.upper(), value)
    say_ignored.cache_clear()
    with caplog.at_level("INFO"):
        assert read_settings() == read_settings() == Settings.model_construct()
    assert [record.message.rpartition(": ")[2] for record in caplog.records] == [
        f"{PREFIX}{name.upper()}={value}" for name in ports
    ]
    assert read_settings(port=80).port == 80


def test_all_wrong_values_are_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLASSIFIER_PORT", "x")
    monkeypatch.setenv("CLASSIFIER_QUEUE", "y")
    with pytest.raises(ParameterError) as caught:
        read_settings()
    assert re.findall(r"CLASSIFIER_\w+", caught.value.message) == ["CLASSIFIER_QUEUE", "CLASSIFIER_PORT"]


def test_options_win_over_variables_and_none_is_not_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLASSIFIER_PORT", "80")
    monkeypatch.setenv("CLASSIFIER_HOST", "0.0.0.0")
    settings = read_settings(port=8000, host=None, trust=True)
    assert (settings.port, settings.host, settings.trust) == (8000, "0.0.0.0", True)


def test_options_are_checked_like_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLASSIFIER_QUEUE", "y")
    with pytest.raises(ParameterError, match=r"^CLASSIFIER_QUEUE=y: .*; port=70000: .* less than or equal to 65535\.$"):
        read_settings(port=70000)
    with pytest.raises(ParameterError, match=r"^prot=1: Extra inputs are not permitted"):
        read_settings(queue=1, prot=1)


def test_a_classifier_without_settings_reads_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    package = ROOT / "model/efficientnet-lite0"
    monkeypatch.setenv("CLASSIFIER_THREADS", "0")
    with pytest.raises(ParameterError, match=r"^CLASSIFIER_THREADS=0: "):
        Classifier.load(package)
    monkeypatch.setenv("CLASSIFIER_THREADS", "3")
    monkeypatch.setenv("CLASSIFIER_BACKEND", "litert")
    assert Classifier.load(package).device == "CPU (3 threads)"


def test_settings_do_not_change() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Settings().port = 1  # type: ignore[misc]


@pytest.mark.parametrize(
    "host", ["https://demo.example.org", "demo.example.org:80", "a b", "*.*", "demo/", "ex*mple.org"]
)
def test_a_host_is_a_name_and_nothing_else(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLASSIFIER_ALLOWED_HOSTS", f"localhost,{host}")
    with pytest.raises(ParameterError, match="is not the name of a host"):
        read_settings()


def test_addresses_and_all_names_are_hosts_too() -> None:
    names = ("*", "127.0.0.1", "[::1]", "2001:db8::7", "demo.example.org.", "xn--bcher-kva.example")
    assert read_settings(allowed_hosts=names).allowed_hosts == names


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("", "CLASSIFIER_BACKEND=remote needs the address of an engine"),
        ("ftp://engine:1", "expected http, https, grpc or grpcs"),
        ("http://engine:99999", "Port out of range"),
        ("http://engine/a/b", "may only be the name of a model"),
        ("http://engine/v2", "may only be the name of a model"),
        ("grpc://engine", "has no port"),
        ("http://a:1,http://user:secret@b:2", "have no place in an address"),
        ("http://user:sec/ret@b:2", "have no place in an address"),
    ],
)
def test_an_engines_address_is_checked_and_no_password_is_shown(
    monkeypatch: pytest.MonkeyPatch, url: str, expected: str
) -> None:
    monkeypatch.setenv("CLASSIFIER_BACKEND", "remote")
    monkeypatch.setenv("CLASSIFIER_REMOTE_URL", url)
    with pytest.raises(ParameterError) as caught:
        read_settings()
    assert caught.value.message.startswith("CLASSIFIER_REMOTE_URL=")
    assert expected in caught.value.message
    assert "sec" not in caught.value.message


def test_an_engines_address_may_be_written_as_manuals_have_it() -> None:
    urls = ("HTTP://Engine:80/v2/models/mine", "http://engine/v1/models/mine/", "http://engine/mine")
    engine = read_settings(backend="remote", remote_url=urls).engine
    assert engine
    assert engine.urls == (("http", "engine", 80, "mine"),)
    engine = read_settings(backend="remote", remote_url="grpc://[fe80::1%25eth0]:8001").engine
    assert engine
    assert engine.urls[0].host == "fe80::1%eth0"


def test_a_token_is_checked_and_never_shown(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("secret and more")
    with pytest.raises(ParameterError, match="does not hold one token") as caught:
        read_settings(remote_token_file=file)
    assert "secret" not in caught.value.message
    with pytest.raises(ParameterError, match="cannot be read"):
        read_settings(remote_token_file=tmp_path / "none")
