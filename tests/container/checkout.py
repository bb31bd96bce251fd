"""The repository's files, and copies of them to change."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from tests.support.photos import ROOT


def tracked() -> list[str]:
    """The files of the repository as they are now, new ones included."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    return [name for name in found if (ROOT / name).is_file()]


def copy_to(folder: Path) -> None:
    """Copies all of them, for any user to read."""
    folder.chmod(0o755)
    for name in tracked():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, folder / name)


def change(file: Path, old: str, new: str) -> None:
    """Saves a file with one text in place of another."""
    text = file.read_text("utf-8")
    assert text.count(old) == 1
    file.write_text(text.replace(old, new), "utf-8")
