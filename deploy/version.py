"""Prints the product's version if all places that name it agree: pyproject.toml, the package and the image's label.

    python deploy/version.py                      fails with a sentence when they differ
    python deploy/version.py v0.1.0               also when they differ from the tag that is to be released
    python deploy/version.py v0.1.0 --moving      which further tags its image gets, given all tags on standard input

It imports nothing of the product, so any Python can run it.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PLACES = {
    "pyproject.toml": r'^version = "(.+)"$',
    "classifier/__init__.py": r'^__version__ = "(.+)"$',
    "Dockerfile": r'^LABEL org\.opencontainers\.image\.version="(.+)"$',
}
_NUMBER = r"(0|[1-9][0-9]*)"
_FINAL = re.compile(rf"v{_NUMBER}\.{_NUMBER}\.{_NUMBER}", re.ASCII)


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


def moving(tag: str, tags: Iterable[str]) -> list[str]:
    """The tags of an image that may move to a release: those of which no newer release exists.

    `latest` is the newest of all, `1` the newest of 1.x.y, `1.2` the newest of 1.2.x. There is no `0`, since 0.2
    promises nothing about what worked with 0.1. A pre-release gets none of them, and is newer than nothing.

    Args:
        tag: of the release, such as `v1.2.3`.
        tags: of all releases, this one among them; others are passed over.

    Raises:
        SystemExit: the release is not among the tags, so the list cannot be complete.
    """
    known = list(tags)
    if tag not in known:
        sys.exit(f"{tag} is not among the {len(known)} tags that were given; give all tags of the repository.")
    finals = [tuple(map(int, match.groups())) for match in map(_FINAL.fullmatch, known) if match]
    own = _FINAL.fullmatch(tag)
    if not own:
        return []
    version = tuple(map(int, own.groups()))
    lines = {"latest": 0, own[1]: 1, f"{own[1]}.{own[2]}": 2}
    lines.pop("0", None)
    return [
        name for name, same in lines.items() if version == max(one for one in finals if one[:same] == version[:same])
    ]


def main(tag: str = "", option: str = "") -> None:
    """Prints the version or the moving tags, or says what differs and ends."""
    found = versions()
    if len(set(found.values())) > 1:
        listed = ", ".join(f"{version} in {name}" for name, version in found.items())
        sys.exit(f"The version is {listed}: make them the same.")
    version = found["pyproject.toml"]
    if tag and tag != f"v{version}":
        sys.exit(f"The tag {tag} does not fit the version {version}: tag v{version}, or set the version first.")
    lines = moving(tag, sys.stdin.read().split()) if option == "--moving" else [version]
    sys.stdout.write("".join(f"{line}\n" for line in lines))


if __name__ == "__main__":
    main(*sys.argv[1:3])
