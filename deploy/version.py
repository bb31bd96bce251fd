"""Prints the product's version if all places that name it agree: pyproject.toml, the package and the image's label.

    python deploy/version.py            fails with a sentence when they differ
    python deploy/version.py v0.1.0     also when they differ from the tag that is to be released

It imports nothing of the product, so any Python can run it.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PLACES = {
    "pyproject.toml": r'^version = "(.+)"$',
    "classifier/__init__.py": r'^__version__ = "(.+)"$',
    "Dockerfile": r'^LABEL org\.opencontainers\.image\.version="(.+)"$',
}


def versions() -> dict[str, str]:
    """The version by the file that names it.

    Raises:
        SystemExit: a file does not name exactly one.
    """
    found = {}
    for name, pattern in PLACES.items():
        match = re.findall(pattern, (ROOT / name).read_text(encoding="utf-8"), re.MULTILINE)
        if len(match) != 1:
            sys.exit(f"{name} names {len(match)} versions; it should name one.")
        found[name] = match[0]
    return found


def main(tag: str = "") -> None:
    """Prints the version, or says what differs and ends."""
    found = versions()
    if len(set(found.values())) > 1:
        listed = ", ".join(f"{version} in {name}" for name, version in found.items())
        sys.exit(f"The version is {listed}: make them the same.")
    version = found["pyproject.toml"]
    if tag and tag != f"v{version}":
        sys.exit(f"The tag {tag} does not fit the version {version}: tag v{version}, or set the version first.")
    sys.stdout.write(f"{version}\n")


if __name__ == "__main__":
    main(*sys.argv[1:2])
