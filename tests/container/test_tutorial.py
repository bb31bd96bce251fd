"""`docs/containers-tutorial.md` stays true: all its commands run, in their order, and print what it shows.

In what it shows `…` stands for anything, on a line of its own for any number of lines; blanks count as one, and what
differs from machine to machine may be anything of its kind.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.support.photos import ROOT

TEXT = (ROOT / "docs/containers-tutorial.md").read_text("utf-8")
VARYING = "|".join(
    (
        r"\b(?:[0-9a-f]{12}|[0-9a-f]{64})\b",  # identifiers
        r"\b\d[\d.]*(?=[kM]B\b)",  # sizes
        r"(?<=NSpid: )\d+",
        r"(?<=^0 )\d+(?= 1$)|(?<=^1 )\d+(?= 65536$)",  # users
        r"\b172[\d.]+\b",
    )
)
ORDINARY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
"""What makes root an ordinary user, one without a home."""


@dataclass(frozen=True)
class Step:
    """A command, what it is shown to print, and the remark above its block."""

    command: str
    shown: str
    remark: str


def steps() -> Iterator[Step]:
    for remark, block in re.findall(r"(?:^<!-- ([^\n]*) -->\n)?^```console\n(.*?)^```$", TEXT, re.M | re.S):
        for part in re.split(r"^\$ ", block, flags=re.M)[1:]:
            lines = part.splitlines()
            here = re.search(r"<<'(\w+)'", lines[0])
            last = lines.index(here[1]) if here else 0
            while lines[last].endswith("\\"):
                last += 1
            yield Step("\n".join(lines[: last + 1]), "\n".join(lines[last + 1 :]), remark)


def pattern(shown: str) -> str:
    """The regular expression of what may be printed."""
    whole = []
    for line in shown.splitlines():
        if line == "…":
            whole.append(r"(?:.*\n)*?")
            continue
        kinds = re.split(VARYING, " ".join(line.split()))
        fixed = (".*".join(map(re.escape, re.split(" ?… ?", part))) for part in kinds)
        whole.append(r"[\w.]+".join(fixed) + r"\n")
    return "".join(whole)


def cannot(step: Step) -> str:
    """Why a step cannot be taken here, or nothing."""
    root = os.geteuid() == 0
    if "podman" in step.remark:
        if not shutil.which("podman"):
            return "there is no podman"
        return "podman needs a user with a home and with subordinate ids, and this one is root" if root else ""
    if "unshare" in step.command.split()[0]:
        done = subprocess.run([*(ORDINARY if root else ()), "unshare", "--user", "true"], capture_output=True)
        return f"user namespaces are forbidden here: {done.stderr.decode()}" if done.returncode else ""
    if step.command.startswith("sudo") and not root:
        able = subprocess.run(["sudo", "-n", "true"], capture_output=True).returncode == 0
        return "" if able else "sudo wants a password"
    return ""


@pytest.fixture
def ports() -> Iterator[dict[str, str]]:
    """Free ports for those of the page; what it leaves if a step fails is removed."""
    with socket.socket() as one, socket.socket() as other:
        for trial in (one, other):
            trial.bind(("127.0.0.1", 0))
        free = {"8501": str(one.getsockname()[1]), "5000": str(other.getsockname()[1])}
    yield free
    leftover = ["docker rm --force tutorial tutorial-registry"]
    leftover += [f"docker image rm --force localhost:{free['5000']}/mine tutorial-registry"]
    for command in leftover:
        subprocess.run(command.split(), capture_output=True)


def test_every_command_prints_what_is_shown(edge: str, ports: dict[str, str], subtests: pytest.Subtests) -> None:
    def local(text: str) -> str:
        return re.sub(r"((?:localhost|127\.0\.0\.1):)(8501|5000)\b", lambda found: found[1] + ports[found[2]], text)

    every = list(steps())
    assert len(every) == len(re.findall(r"^\$ ", TEXT, re.M))
    for step in every:
        with subtests.test(step.command):
            if reason := cannot(step):
                pytest.skip(reason)
            command = local(step.command)
            if os.geteuid() == 0:
                command = command.replace("sudo ", "")
            user = ORDINARY if step.remark and os.geteuid() == 0 else ()
            done = subprocess.run(
                [*user, "bash", "-o", "pipefail", "-c", command],
                cwd=ROOT,
                # As typed, not as a part of the `make` that runs these tests.
                env={name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=600,
            )
            assert done.returncode == 0, done.stdout
            printed = "".join(f"{' '.join(line.split())}\n" for line in done.stdout.splitlines())
            assert re.fullmatch(pattern(local(step.shown)), printed), printed
