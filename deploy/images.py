"""Prints the images that a release takes from a registry, as NAME=IMAGE:TAG@DIGEST, from .github/images/Dockerfile.

    python deploy/images.py            fails with a sentence when one has no digest or is missing

It imports nothing of the product, so any Python can run it.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

FILE = Path(".github/images/Dockerfile")
NAMES = {"base", "binfmt", "buildkit", "sbom"}
_LINE = re.compile(r"FROM ([\w./-]+:[\w.-]+@sha256:[0-9a-f]{64}) AS (\w+)")


def images(text: str) -> dict[str, str]:
    """The images by name.

    Args:
        text: the lines of a Dockerfile.

    Raises:
        SystemExit: an image is missing, or is named without its tag or digest.
    """
    found = {}
    for line in filter(None, (line.partition("#")[0].strip() for line in text.splitlines())):
        match = _LINE.fullmatch(line)
        if not match:
            sys.exit(f"{FILE}: expected FROM IMAGE:TAG@sha256:DIGEST AS NAME, not: {line}")
        found[match[2]] = match[1]
    if set(found) != NAMES:
        sys.exit(f"{FILE} names {', '.join(sorted(found)) or 'nothing'}; it should name {', '.join(sorted(NAMES))}.")
    return found


if __name__ == "__main__":
    root = Path(__file__).resolve().parent.parent
    for name, image in images((root / FILE).read_text(encoding="utf-8")).items():
        sys.stdout.write(f"{name}={image}\n")
