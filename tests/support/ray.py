"""What deploy/ray sets."""

from __future__ import annotations

import subprocess

from classifier.checkout import ROOT


def serve_env() -> dict[str, str]:
    """The variables of deploy/ray/serve.env, as a shell reads them."""
    command = ["env", "-i", "sh", "-c", "set -a; . deploy/ray/serve.env; PATH=/usr/bin:/bin env -0"]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    variables = dict(line.split("=", 1) for line in found.split("\0") if line)
    return {name: value for name, value in variables.items() if name.startswith("RAY_")}
