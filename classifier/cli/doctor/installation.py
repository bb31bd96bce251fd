"""Checks of what is installed: Python, dependencies, picture decoders."""

from __future__ import annotations

import importlib
import io
import platform
import re
import sys
from collections.abc import Iterator
from importlib import metadata

from classifier import checkout
from classifier.cli.doctor.check import INSTALL, Check

# Modules by distribution: only those of our imports that load compiled code, or that everything else needs.
_IMPORTS = {
    "ai-edge-litert": "ai_edge_litert.interpreter",
    "numpy": "numpy",
    "pillow": "PIL.Image",
    "pi-heif": "pi_heif",
    "pydantic": "pydantic",
    "pydantic-settings": "pydantic_settings",
    "rich": "rich.console",
    "fastapi": "fastapi",
    "streamlit": "streamlit.version",
}


def python() -> Iterator[Check]:
    """Whether it is a version that `pyproject.toml` allows."""
    found, have = platform.python_version(), sys.version_info[:2]
    wanted = re.search(r">=3\.(\d+),<3\.(\d+)", _required_python())
    if wanted and not (3, int(wanted[1])) <= have < (3, int(wanted[2])):
        yield Check(
            "Python",
            "fail",
            f"{found} is not among 3.{wanted[1]} to 3.{int(wanted[2]) - 1}",
            "Make the environment anew: `make clean`, then `make demo PYTHON=python3.13`.",
        )
    else:
        yield Check("Python", "ok", f"{found} in {sys.prefix}")


def completeness() -> Iterator[Check]:
    """Whether the page and the models are there."""
    if checkout.COMPLETE:
        return
    library, _, remedy = checkout.ADVICE.partition(". ")
    yield Check("installation", "warn", library, f"{remedy}.")


def dependencies() -> Iterator[Check]:
    """Whether all are installed, in the locked versions, and can be imported."""
    missing, different = [], []
    for name, version in _locked():
        try:
            have = metadata.version(name)
        except metadata.PackageNotFoundError:
            missing.append(name)
        else:
            if version not in ("", have):
                different.append(f"{name} {have} (locked: {version})")
    broken = []
    for name, module in _IMPORTS.items():
        try:
            if name not in missing:
                importlib.import_module(module)
        except Exception as error:  # a library built for another machine raises other errors than ImportError
            broken.append(f"{name} ({error})")
    if missing:
        yield Check("dependencies", "fail", f"missing: {', '.join(missing)}", INSTALL)
    if broken:
        yield Check("dependencies", "fail", f"cannot be imported: {'; '.join(broken)}", INSTALL)
    if different:
        yield Check("dependencies", "warn", f"not as tested: {', '.join(different)}", INSTALL)
    if not (missing or broken or different):
        yield Check("dependencies", "ok", "all installed, as locked")


def decoders() -> Iterator[Check]:
    """Whether a small picture in each format is read, and in its right colour."""
    from PIL import Image, features

    from classifier.picture import decode
    from classifier.picture.formats import TABLE
    from classifier.picture.formats.base import SAMPLE_COLOUR

    broken = []
    for kind in TABLE.values():
        try:
            if kind.feature and not features.check(kind.feature):
                raise ValueError("Pillow was built without it")
            data = kind.sample
            if data is None:
                file = io.BytesIO()
                Image.new("RGB", (64, 64), SAMPLE_COLOUR).save(file, kind.pillow_name)
                data = file.getvalue()
            pixel = decode.read(data).image.getpixel((32, 32))
            # In GIF and the lossy formats the colour is only nearly the same.
            if not isinstance(pixel, tuple) or max(abs(a - b) for a, b in zip(pixel, SAMPLE_COLOUR, strict=True)) > 16:
                raise ValueError(f"a red pixel came out as {pixel}")
        except Exception as error:
            broken.append(f"{kind.name} ({error.__cause__ or error})")
    if broken:
        yield Check("picture formats", "fail", f"cannot be read: {'; '.join(broken)}", INSTALL)
    else:
        yield Check("picture formats", "ok", " ".join(TABLE))


def _required_python() -> str:
    """The versions that `pyproject.toml` allows; an installed copy has them in its metadata."""
    try:
        project = (checkout.ROOT / "pyproject.toml").read_text("utf-8")
    except OSError:
        try:
            return metadata.metadata("image-classifier")["Requires-Python"] or ""
        except metadata.PackageNotFoundError:
            return ""
    found = re.search(r'^requires-python = "(.*)"', project, re.M)
    return found[1] if found else ""


def _locked() -> Iterator[tuple[str, str]]:
    """Names and versions of what must be installed here; without a lock file the names in `_IMPORTS`, any version."""
    try:
        lines = (checkout.ROOT / "requirements/runtime.txt").read_text("utf-8").splitlines()
    except OSError:
        yield from ((name, "") for name in _IMPORTS)
        return
    for line in lines:
        found = re.match(r"([\w.-]+)==([^\s;\\]+)\s*(;[^\\]*)?", line)
        if found and not (found[3] and not _applies(found[3][1:])):
            yield found[1], found[2]


def _applies(marker: str) -> bool:
    try:
        from packaging.markers import Marker
    except ImportError:  # it is locked itself, as Streamlit needs it, so it will be reported as missing
        return False
    return Marker(marker.strip()).evaluate()
