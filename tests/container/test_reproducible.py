"""Two builds of one commit hold the same files, to the byte; docs/releasing.md says what follows for a release."""

from __future__ import annotations

import hashlib
import tarfile
from pathlib import Path

import pytest

from benchmarks.docker import build
from tests.container.checkout import copy_to


def contents(archive: Path) -> dict[str, tuple[object, ...]]:
    """What each member of a tar file is, but for its time, which a release's builder sets to the commit's."""
    found: dict[str, tuple[object, ...]] = {}
    with tarfile.open(archive) as members:
        for member in members:
            stream = members.extractfile(member) if member.isfile() else None
            content = hashlib.sha256(stream.read()).hexdigest() if stream else ""
            about = (member.type, member.mode, member.uid, member.gid, member.linkname)
            found[member.name] = (*about, content)
    return found


@pytest.mark.slow
def test_an_image_built_twice_is_the_same(tmp_path: Path) -> None:
    folders = (tmp_path / "one", tmp_path / "other")
    for folder in folders:
        folder.mkdir()
        copy_to(folder)
    found = []
    for folder in folders:
        archive = folder.with_suffix(".tar")
        build("unused", "edge", folder, ["--no-cache", "--output", f"type=tar,dest={archive}"])
        found.append(contents(archive))
        archive.unlink()
    first, second = found
    assert len(first) > 5000
    assert set(first) == set(second)
    assert [name for name in first if first[name] != second[name]] == []
