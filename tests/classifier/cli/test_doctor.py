"""The doctor: finds each thing that can be wrong, says what mends it, and is content with what is well."""

from __future__ import annotations

import json
import os
import platform
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest

from classifier import cli
from classifier.backends import gpu
from classifier.checkout import ROOT
from classifier.cli.doctor import installation, machine, models
from classifier.cli.doctor.check import Check
from classifier.cli.doctor.examination import examine
from classifier.settings import Settings
from tests.support.installed import pretend
from tests.support.packages import LITE0


@pytest.fixture(autouse=True)
def _litert(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLASSIFIER_BACKEND", "litert")


@pytest.fixture
def package(tmp_path: Path) -> Path:
    return Path(shutil.copytree(LITE0, tmp_path / "mine"))


def only(checks: Iterator[Check]) -> Check:
    (check,) = checks
    return check


def named(checks: Iterator[Check], name: str) -> Check:
    return next(check for check in checks if check.name == name)


@pytest.mark.slow
def test_a_good_installation_is_found_well(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["doctor", "--model", "efficientnet-lite0", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["ok"]
    checks = {check["name"]: check for check in found["checks"]}
    assert {"Python", "dependencies", "picture formats", "trial", "GPU", "port"} <= set(checks)
    assert not [check for check in checks.values() if check["status"] == "fail"]
    assert "efficientnet-lite0 classified a picture" in checks["trial"]["detail"]
    assert "model efficientnet-lite0" in checks
    assert "model efficientnet-lite2" not in checks


def test_its_text_has_a_line_per_check_and_one_per_remedy(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLASSIFIER_PORT", "http")
    assert cli.main(["doctor"]) == 1
    lines = capsys.readouterr().out.splitlines()
    (wrong,) = [line for line in lines if line.startswith("fail")]
    assert wrong.startswith("fail  settings: CLASSIFIER_PORT=http: ")
    assert lines[lines.index(wrong) + 1].startswith("      -> ")
    assert not [line for line in lines if "trial" in line]
    assert all(line[:4] in ("ok  ", "warn", "fail", "    ") for line in lines)


@pytest.mark.parametrize(
    "modules",
    [
        {"PIL": "pillow", "pi_heif": "pi-heif"},
        {"numpy": "numpy"},
        {"pydantic": "pydantic", "pydantic_settings": "pydantic-settings"},
    ],
    ids=", ".join,
)
def test_a_missing_dependency_is_a_finding_and_not_a_crash(modules: dict[str, str]) -> None:
    code = (
        f"import sys; sys.modules.update(dict.fromkeys({[*modules]}));"
        "from classifier.cli import main; sys.exit(main(['doctor', '--json']))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert ended.returncode == 1, ended.stderr
    checks = json.loads(ended.stdout)["checks"]
    broken = next(check for check in checks if "cannot be imported" in check["detail"])
    assert all(f"{name} (" in broken["detail"] for name in modules.values())
    assert "requirements/runtime.txt" in broken["remedy"]


def test_what_is_not_installed_and_what_is_another_version(monkeypatch: pytest.MonkeyPatch) -> None:
    real = metadata.version

    def version(name: str) -> str:
        if name == "fastapi":
            raise metadata.PackageNotFoundError(name)
        return "0.0.1" if name == "numpy" else real(name)

    monkeypatch.setattr(metadata, "version", version)
    missing, different = installation.dependencies()
    assert (missing.status, missing.detail) == ("fail", "missing: fastapi")
    assert different.status == "warn"
    assert "numpy 0.0.1 (locked: " in different.detail


def test_every_locked_package_for_this_machine_is_looked_for() -> None:
    locked = dict(installation._locked())
    assert {"numpy", "pillow", "streamlit", "ai-edge-litert", "pi-heif"} <= set(locked)
    assert all(locked.values())
    assert ("colorama" in locked) == (sys.platform == "win32")


def test_another_python_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 10, 0))
    assert only(installation.python()).status == "fail"


def test_each_format_is_tried() -> None:
    check = only(installation.decoders())
    assert (check.status, check.detail) == ("ok", "JPEG PNG WEBP GIF BMP TIFF AVIF HEIC")


def test_a_decoder_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    from PIL import features

    monkeypatch.setattr(features, "check", lambda name: name != "avif")
    check = only(installation.decoders())
    assert check.status == "fail"
    assert "AVIF (Pillow was built without it)" in check.detail
    assert "WEBP" not in check.detail


def test_a_setting_that_is_misspelt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLASSIFIER_MODLE", "mine")
    check = only(models.variables(""))
    assert check.status == "warn"
    assert "CLASSIFIER_MODLE" in check.detail
    assert "CLASSIFIER_MODEL," in check.remedy


def test_what_a_container_engine_sets_for_a_service_is_not_taken_for_a_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PORT", "PORT_80_TCP", "MODEL_PORT", "METRICS_PORT"):
        monkeypatch.setenv(f"CLASSIFIER_{name}", "tcp://10.96.1.1:80")
    monkeypatch.setenv("CLASSIFIER_MODEL_SERVICE_HOST", "10.96.1.1")
    assert (check := only(models.variables(""))).status == "ok"
    assert check.detail == "CLASSIFIER_BACKEND"


def test_a_port_in_use() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        check = only(machine.port(Settings(port=server.getsockname()[1])))
    assert check.status == "warn"
    assert "in use" in check.detail


def test_little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "available_memory", lambda: 100_000_000)
    assert only(machine.memory()).status == "warn"


def test_tensorflow_that_is_asked_for_and_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, "tensorflow", installed=False)
    assert only(machine.tensorflow(Settings(backend="auto"))).status == "ok"
    check = only(machine.tensorflow(Settings(backend="tensorflow")))
    assert check.status == "fail"
    assert "requirements/tensorflow.txt" in check.remedy


def test_onnx_runtime_that_is_there_or_not(monkeypatch: pytest.MonkeyPatch) -> None:
    check = only(machine.onnx(Settings(backend="onnx")))
    assert (check.status, check.detail) == ("ok", f"onnxruntime {metadata.version('onnxruntime')}")
    pretend(monkeypatch, "onnxruntime", installed=False)
    assert only(machine.onnx(Settings())).detail == "not installed, and needed only for .onnx models"
    check = only(machine.onnx(Settings(backend="onnx")))
    assert check.status == "fail"
    assert "requirements/onnx.txt" in check.remedy


def test_a_cpu_that_tensorflow_was_not_built_for(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, "tensorflow", installed=True)
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(machine, "_cpu_flags", lambda: {"sse2"})
    check = only(machine.tensorflow(Settings()))
    assert check.status == "fail"
    assert "CLASSIFIER_BACKEND=litert" in check.remedy
    monkeypatch.setattr(machine, "_cpu_flags", lambda: {"avx"})
    assert only(machine.tensorflow(Settings())).status == "ok"


def test_a_gpu_that_is_not_used_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu, "device_count", lambda: 0)
    assert only(machine.graphics()).status == "ok"
    monkeypatch.setattr(gpu, "device_count", lambda: 2)
    pretend(monkeypatch, "tensorflow", installed=False)
    check = only(machine.graphics())
    assert (check.status, check.detail) == (
        "warn",
        "2 NVIDIA devices, not used: TensorFlow is not installed",
    )
    assert "requirements/cuda.txt" in check.remedy
    pretend(monkeypatch, "tensorflow", installed=True)
    monkeypatch.setattr(gpu, "why_not", lambda: "it is asleep")
    assert "it is asleep" in only(machine.graphics()).detail
    monkeypatch.setattr(gpu, "why_not", lambda: None)
    assert only(machine.graphics()).status == "ok"


def test_all_packages_are_looked_at_and_the_default_one_elsewhere(package: Path) -> None:
    settings = Settings(model=str(package))
    names = [check.name for check in models.packages(settings, alone=False)]
    assert names == [
        f"model {package}",
        "model cifar10",
        "model efficientnet-lite0",
        "model efficientnet-lite2",
    ]


def test_damaged_weights_labels_and_manifests(package: Path) -> None:
    settings = Settings(models=package.parent, model="mine")
    assert only(models.packages(settings, alone=True)).status == "ok"
    with (package / "model.tflite").open("ab") as file:
        file.write(b"x")
    check = only(models.packages(settings, alone=True))
    assert check.status == "fail"
    assert "sha256" in check.detail
    (package / "labels.en.txt").write_text("one\n", "utf-8")
    assert "labels.en.txt: expected 1000" in only(models.packages(settings, alone=True)).detail
    (package / "model.toml").write_text("x", "utf-8")
    assert "cannot be read as TOML" in only(models.packages(settings, alone=True)).detail


def test_a_model_that_is_not_there(tmp_path: Path) -> None:
    settings = Settings(models=tmp_path, model="big")
    check = only(models.packages(settings, alone=False))
    assert check.status == "fail"
    assert "none installed" in check.detail
    assert list(models.trial(settings)) == []


def test_a_package_that_needs_tensorflow_where_there_is_none(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, "tensorflow", installed=False)
    manifest = package / "model.toml"
    text = manifest.read_text("utf-8")
    start, end = text.index("[weights.litert]"), text.index("[weights.tensorflow]")
    manifest.write_text(text[:start] + text[end:], "utf-8")
    check = only(models.packages(Settings(model=str(package)), alone=True))
    assert check.status == "fail"
    assert "requirements/tensorflow.txt" in check.remedy


def trial_by(script: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Check:
    """What is found when a script stands in for Python."""
    python = folder / "python"
    python.write_text(f"#!/bin/sh\n{script}\n")
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))
    return only(models.trial(Settings(model="efficientnet-lite0")))


def test_a_model_that_takes_the_process_down_is_a_finding(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    check = trial_by("echo about to fall >&2; kill -ILL $$", tmp_path, monkeypatch)
    assert check.status == "fail"
    assert "signal 4 (Illegal instruction" in check.detail
    assert check.detail.endswith(": about to fall")
    assert "CLASSIFIER_BACKEND=litert" in check.remedy


def test_a_trial_for_which_memory_ran_out_says_nothing_against_the_model(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    check = trial_by("kill -KILL $$", tmp_path, monkeypatch)
    assert check.status == "warn"
    assert "memory ran out" in check.detail


def test_a_model_that_cannot_be_run_is_a_finding(package: Path) -> None:
    manifest = package / "model.toml"
    text = manifest.read_text("utf-8").replace("size = [224, 224]", "size = [192, 192]")
    manifest.write_text(text, "utf-8")
    check = only(models.trial(Settings(model=str(package))))
    assert check.status == "fail"
    assert "input.size" in check.detail


def test_a_check_that_breaks_leaves_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "cpu", lambda: 1 / 0)
    monkeypatch.setattr(models, "trial", lambda _: iter(()))
    checks = list(examine("efficientnet-lite0"))
    broken = named(iter(checks), "CPU")
    assert (broken.status, broken.detail) == ("fail", "ZeroDivisionError: division by zero")
    assert named(iter(checks), "memory").status == "ok"
