"""What we use of Pillow and pi-heif though it is not documented: an upgrade that changes one of these parts fails here.

docs/architecture.md lists all of them. Files and decoders are real ones.
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from PIL import Image, JpegImagePlugin, TiffImagePlugin

from benchmarks.pictures import mosaic, mosaic_jpeg
from classifier.machine.cpus import cpu_count
from classifier.picture import decode
from tests.support.watch import HAS_PROC


class Counted(io.BytesIO):
    """A file that counts what is read of it at once."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.largest = 0

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        self.largest = max(self.largest, len(data))
        return data


@pytest.fixture
def threads() -> Iterator[None]:
    """Sets the decoders' threads back."""
    yield
    decode.use_threads(min(cpu_count(), 4))


def test_a_jpeg_is_read_in_blocks_of_the_size_that_is_set() -> None:
    data = mosaic_jpeg(1600, 1200)
    largest = []
    for size in (None, len(data)):
        file = Counted(data)
        image = Image.open(file, formats=["JPEG"])
        assert isinstance(image, JpegImagePlugin.JpegImageFile)
        if size:
            image.decodermaxblock = size
        image.load()
        largest.append(file.largest)
    assert largest[0] < len(data) / 2  # else there would be nothing to set
    assert largest[1] > len(data) - 4096  # but for the headers


def test_our_own_reading_sets_it(monkeypatch: pytest.MonkeyPatch) -> None:
    data = mosaic_jpeg(1600, 1200)
    file = Counted(data)
    monkeypatch.setattr(decode, "io", SimpleNamespace(BytesIO=lambda _: file))
    decode.read(data)
    assert file.largest > len(data) - 4096


@pytest.mark.parametrize("progressive", [True, False])
def test_a_jpeg_tells_whether_it_is_progressive(progressive: bool) -> None:
    file = io.BytesIO()
    mosaic(200, 100).save(file, "JPEG", progressive=progressive)
    with Image.open(file, formats=["JPEG"]) as image:
        assert ("progressive" in image.info) == progressive


def test_a_tiff_tells_its_tags_before_it_is_loaded() -> None:
    assert (TiffImagePlugin.TILEWIDTH, TiffImagePlugin.TILELENGTH) == (322, 323)
    file = io.BytesIO()
    mosaic(200, 100).save(file, "TIFF")
    with Image.open(file, formats=["TIFF"]) as image:
        assert isinstance(image, TiffImagePlugin.TiffImageFile)
        assert [image.tag_v2.get(tag, 0) for tag in (256, 257, 322)] == [200, 100, 0]


def test_a_picture_that_only_shows_a_file_is_read_only(tmp_path: Path) -> None:
    mosaic(200, 100).save(tmp_path / "mapped.bmp")
    with Image.open(tmp_path / "mapped.bmp", formats=["BMP"]) as image:
        assert image.readonly
        image.load()
    assert not image.copy().readonly


def test_the_plugins_say_how_many_threads_their_decoders_take() -> None:
    # In another process, as in this one both are set.
    names = "PIL.AvifImagePlugin.DEFAULT_MAX_THREADS, pi_heif.options.DECODE_THREADS"
    command = [sys.executable, "-c", f"import PIL.AvifImagePlugin, pi_heif; print({names})"]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "0 4\n"


@pytest.mark.skipif(not HAS_PROC, reason="threads are counted in /proc")
@pytest.mark.usefixtures("threads")
def test_as_many_threads_start_as_are_set() -> None:
    file = io.BytesIO()
    mosaic(2000, 1500).save(file, "AVIF", quality=60, speed=10)
    started = []
    for count in (1, 12):
        decode.use_threads(count)
        before = len(os.listdir("/proc/self/task"))
        with Image.open(io.BytesIO(file.getvalue()), formats=["AVIF"]) as image:
            image.load()
            started.append(len(os.listdir("/proc/self/task")) - before)
    assert started[1] - started[0] > 5
