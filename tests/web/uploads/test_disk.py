"""Nothing of a picture ever touches a disk."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.support.server import ROOT, running, started
from tests.support.waiting import until
from tests.support.wire import BOUNDARY, FORM, chunk, connected, form, head, metric, page_head, post, send_as_page

pytestmark = pytest.mark.slow

# Over the size from which Starlette's forms, left alone, use a temporary file.
NOISE = os.urandom(3_000_000)


def bitmap() -> bytes:
    """A BMP file of 1000 x 1000 pixels."""
    header = b"BM" + (54 + len(NOISE)).to_bytes(4, "little") + bytes(4) + (54).to_bytes(4, "little")
    size = (40).to_bytes(4, "little") + (1000).to_bytes(4, "little") * 2
    return header + size + (1).to_bytes(2, "little") + (24).to_bytes(2, "little") + bytes(24) + NOISE


def test_large_pictures_need_no_temporary_file(tmp_path: Path) -> None:
    nowhere = f"import tempfile\ntempfile.tempdir = {str(tmp_path / 'nowhere')!r}"
    with running(tmp_path / "log.txt", first=nowhere) as address:
        assert post(address, bitmap()).status == 200
        assert post(address, form(bitmap(), bitmap()), Content_Type=FORM).status == 200
        assert send_as_page(address, bitmap()).status == 200
    assert "Error" not in (tmp_path / "log.txt").read_text()


def files(folder: Path) -> set[Path]:
    """All files in a folder; in the checkout not those that Python and the tests' tools keep."""
    found: set[Path] = set()
    for place, folders, names in os.walk(folder):
        if folder == ROOT:
            folders[:] = [name for name in folders if not name.startswith((".", "__pycache__"))]
            names = [name for name in names if not name.startswith(".")]
        found |= {Path(place, name).relative_to(folder) for name in (*folders, *names)}
    return found


def test_a_server_that_is_killed_during_uploads_leaves_nothing_behind(tmp_path: Path) -> None:
    folders = {name: tmp_path / name.lower() for name in ("TMPDIR", "HOME", "XDG_CACHE_HOME")}
    for folder in folders.values():
        folder.mkdir()
    watched = [*folders.values(), ROOT]
    before = [files(folder) for folder in watched]
    environment = {name: str(folder) for name, folder in folders.items()}
    with started(tmp_path / "log.txt", environment, ended=(-signal.SIGKILL,)) as (process, address):
        assert send_as_page(address, bitmap()).status == 200
        body = form(bitmap(), bitmap())
        begun = [
            head(Content_Length=str(len(body))) + bitmap(),
            head(Content_Type=FORM, Content_Length=str(len(body))) + body[:-1000],
            head(Content_Type=FORM, Transfer_Encoding="chunked") + chunk(body[: -len(BOUNDARY)]),
            page_head(len(body)) + body[:-1000],
        ]
        connections = [connected(address) for _ in begun]
        for connection, data in zip(connections, begun, strict=True):
            connection.sendall(data)
        until(lambda: metric(address, "classifier_budget_used_bytes") > 3.4 * len(body))
        process.kill()
        process.wait(10)
        for connection in connections:
            connection.close()
    assert [files(folder) for folder in watched] == before
