"""The locked requirements are complete, hashed, of one mind and bound to no package index."""

import json
import re
import subprocess
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}(?= |$)")
ROOT = Path(__file__).parent.parent
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
FILES = {path.stem: path for path in sorted((ROOT / "requirements").glob("*.txt"))}

# What each file is to hold: "project" for the runtime, else the name of an extra or a group.
CONTENTS = {
    "uv": ["uv"],
    "lint-container": ["lint-container"],
    "engines-kserve": ["engines-kserve"],
    "engines-mlserver": ["engines-mlserver"],
    "engines-triton": ["engines-triton"],
    "peers": ["peers"],
    "engines-tensorflow-serving": ["engines-tensorflow-serving"],
    "sbom": ["sbom"],
    "audit": ["audit"],
    "legacy": ["legacy"],
    "runtime": ["project"],
    "tensorflow": ["project", "tensorflow"],
    "onnx": ["project", "onnx"],
    "remote": ["project", "remote"],
    "ray": ["project", "ray", "remote"],
    "cpu": ["project", "tensorflow", "onnx", "remote"],
    "cuda": ["project", "cuda", "remote"],
    "model": ["project", "tensorflow", "model"],
    "benchmark": ["project", "tensorflow", "onnx", "benchmark"],
    "load": ["project", "tensorflow", "load"],
    "test": ["project", "tensorflow", "onnx", "remote", "model", "lint", "test"],
}

# Installed apart from all others.
APART = {"lint-container", "engines-kserve", "engines-mlserver", "engines-triton", "peers"}


def declared(part: str) -> list[Requirement]:
    project = PYPROJECT["project"]
    parts = {
        "project": project["dependencies"],
        **project["optional-dependencies"],
        **PYPROJECT["dependency-groups"],
    }
    return [Requirement(line) for line in parts[part]]


def locked(name: str) -> list[Requirement]:
    return [Requirement(head) for head, _ in entries(name)]


def entries(name: str) -> list[tuple[str, list[str]]]:
    """Each requirement of a file with its hashes; whatever is neither stays in the first part."""
    text = re.sub(r"^ *#.*\n", "", FILES[name].read_text(encoding="utf-8"), flags=re.MULTILINE)
    lines = text.replace("\\\n", " ").splitlines()
    return [(HASH.sub("", line).strip(), HASH.findall(line)) for line in lines]


def test_every_file_is_accounted_for():
    assert set(FILES) == set(CONTENTS)


@pytest.mark.parametrize("name", CONTENTS)
def test_every_requirement_is_pinned_and_hashed(name):
    for head, hashes in entries(name):
        specifiers = list(Requirement(head).specifier)
        assert [specifier.operator for specifier in specifiers] == ["=="], head
        assert hashes, head


@pytest.mark.parametrize("name", CONTENTS)
def test_no_package_index_is_named(name):
    text = FILES[name].read_text(encoding="utf-8")
    assert "://" not in text
    assert not re.search(r"^ *(-i|-f|--[a-z-]*(index|links|host))\b", text, re.MULTILINE)


def test_what_comes_from_npm_is_pinned_and_hashed_too():
    text = (ROOT / ".github/lint/package-lock.json").read_text(encoding="utf-8")
    assert "://" not in text
    wanted = json.loads((ROOT / ".github/lint/package.json").read_text(encoding="utf-8"))["devDependencies"]
    packages = json.loads(text)["packages"]
    assert packages.pop("")["devDependencies"] == wanted
    assert {f"node_modules/{name}" for name in wanted} <= set(packages)
    for name, version in wanted.items():
        assert packages[f"node_modules/{name}"]["version"] == version
    assert all(package["integrity"].startswith("sha512-") for package in packages.values())


@pytest.mark.parametrize("name", CONTENTS)
def test_everything_declared_is_locked_at_a_version_that_fits(name):
    pins = {(pin.name, next(iter(pin.specifier)).version) for pin in locked(name)}
    for part in CONTENTS[name]:
        for wanted in declared(part):
            versions = [version for pin, version in pins if pin == canonicalize_name(wanted.name)]
            assert versions, f"{wanted} is not in requirements/{name}.txt"
            assert all(version in wanted.specifier for version in versions), wanted


def test_all_files_agree_on_versions_and_hashes():
    found: dict[str, set[tuple[str, ...]]] = {}
    for name in set(CONTENTS) - APART:
        for head, hashes in entries(name):
            pin = Requirement(head)
            found.setdefault(pin.name, set()).add((str(pin.specifier), *hashes))
    assert [name for name, versions in found.items() if len(versions) > 1] == []


@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13"])
def test_pip_accepts_every_pin_too(python):
    """Unlike uv it obeys an upper bound of Requires-Python."""
    refused = []
    for pin in locked("test"):
        try:
            bounds = metadata(pin.name).json.get("requires_python", "")
        except PackageNotFoundError:  # of another platform
            continue
        if f"{python}.9" not in SpecifierSet(str(bounds)):
            refused.append(f"{pin}: {bounds}")
    assert refused == []


# Of Debian 12, Ubuntu 24.04 and Debian 13, whose glibc is 2.36 and newer; Ubuntu 22.04 has 3.11, too, and glibc 2.35.
@pytest.mark.slow
@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13"])
def test_on_arm64_every_locked_package_has_a_wheel_for_debian_and_ubuntu(python: str, tmp_path: Path) -> None:
    """As `make demo` and `make test` install them there: without a compiler, held to the hashes. Asks the index."""
    # The first has all of runtime, tensorflow, onnx and remote, at the versions and hashes of those.
    files = [FILES[name] for name in ("test", "uv")]
    command = [sys.executable, "-m", "uv", "pip", "install", "--dry-run", "--only-binary", ":all:", "--require-hashes"]
    command += ["--python-platform", "aarch64-manylinux_2_35", "--python-version", python, "--target", str(tmp_path)]
    command += [part for file in files for part in ("-r", str(file))]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert ended.returncode == 0, ended.stderr
    there = {"sys_platform": "linux", "platform_machine": "aarch64", "python_version": python}
    wanted = {
        f"{pin.name}=={next(iter(pin.specifier)).version}"
        for name in ("test", "uv")
        for pin in locked(name)
        if not pin.marker or pin.marker.evaluate({**there, "python_full_version": f"{python}.9"})
    }
    assert {"ai-edge-litert", "tensorflow", "onnxruntime", "grpcio"} < {one.partition("==")[0] for one in wanted}
    assert set(re.findall(r"^ \+ (\S+)$", ended.stderr, re.M)) == wanted


def test_the_demo_does_without_tensorflow():
    names = {pin.name for pin in locked("runtime")}
    assert "ai-edge-litert" in names
    assert not {name for name in names if name.startswith(("tensorflow", "keras", "nvidia-", "onnx"))}


def test_the_locked_uv_is_its_own_build_backend():
    """Otherwise the editable installation would fetch one, unlocked."""
    (uv,) = locked("uv")
    (backend,) = (Requirement(line) for line in PYPROJECT["build-system"]["requires"])
    assert next(iter(uv.specifier)).version in backend.specifier
