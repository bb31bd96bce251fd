"""Writes an image's Python packages as a CycloneDX bill of materials, from the locked requirements of its flavour.

It lists every package with its version and the hashes of its files, but for those that the image leaves out since
nothing imports them (deploy/image/unused.txt), and holds nothing that changes while the lock stays
the same: no time, no serial number, and no address of a package index, since any mirror serves the same files. It does
not list Debian's packages in the image; the attestation of a released image lists them, too.

    python deploy/sbom.py edge dist
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
REQUIREMENTS = {"edge": "runtime", "cpu": "cpu", "cuda": "cuda"}
"""The requirements that an image of each flavour is made from, as in the Dockerfile."""


def unused() -> set[str]:
    """The names of the packages that are locked, but not in the images."""
    lines = (ROOT / "deploy/image/unused.txt").read_text(encoding="utf-8").splitlines()
    return {line for line in lines if line and not line.startswith("#")}


def bill(flavor: str) -> dict[str, Any]:
    """The bill of materials of a flavour, as CycloneDX 1.6.

    Raises:
        SystemExit: cyclonedx-py failed; the message is what it printed.
    """
    command = [sys.executable, "-m", "cyclonedx_py", "requirements", "--spec-version", "1.6"]
    # Validating takes 9 s: the tests do that, on what is written in the end.
    command += ["--output-reproducible", "--no-validate", "--pyproject", str(ROOT / "pyproject.toml")]
    ended = subprocess.run([*command, str(ROOT / f"requirements/{REQUIREMENTS[flavor]}.txt")], capture_output=True)
    if ended.returncode:
        sys.exit(ended.stderr.decode())
    found: dict[str, Any] = json.loads(ended.stdout)
    product = found["metadata"]["component"]
    product["purl"] = f"pkg:generic/{product['name']}@{product['version']}?flavor={flavor}"
    for tool in found["metadata"]["tools"]["components"]:
        del tool["externalReferences"]
    left_out = unused()
    found["components"] = [component for component in found["components"] if component["name"] not in left_out]
    for component in found["components"]:
        # The description repeats the line of the lock, hashes included. Only the platforms in it are worth keeping.
        marker = re.search(r" ; (.*?) +--hash=", component.pop("description"))
        if marker:
            component["description"] = f"only where {marker[1]}"
        for file in component["externalReferences"]:
            file["url"] = component["purl"]
            del file["comment"]
    return found


def main() -> None:
    """Writes one file, and prints its path."""
    parser = argparse.ArgumentParser(description="Write the bill of materials of an image.")
    parser.add_argument("flavor", choices=REQUIREMENTS)
    parser.add_argument("folder", type=Path)
    arguments = parser.parse_args()
    found = bill(arguments.flavor)
    arguments.folder.mkdir(parents=True, exist_ok=True)
    version = found["metadata"]["component"]["version"]
    path: Path = arguments.folder / f"image-classifier-{version}-{arguments.flavor}.cdx.json"
    path.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    sys.stdout.write(f"{path}: {len(found['components'])} packages\n")


if __name__ == "__main__":
    main()
