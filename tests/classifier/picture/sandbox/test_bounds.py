"""The memory of a decoding process: how much it may take, and that it takes no more."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from classifier.errors import (
    OutOfMemoryError,
)
from classifier.machine.memory import MemoryPlan
from classifier.picture.limits import Limits
from classifier.picture.sandbox import Bounds, Workers
from classifier.picture.sandbox import pool as pool_module
from classifier.picture.sandbox.bounds import memory_wanted
from tests.support import evil
from tests.support.hostile import encode, gradient, seeds
from tests.support.waiting import until
from tests.support.workers import GEOMETRY, LIMITS, TIGHT, linux, workers_of


def resident(process: int) -> int:
    return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@linux
def test_a_picture_that_takes_memory_without_end_gets_one_clear_error() -> None:
    pool = Workers(LIMITS, 1, Bounds(TIGHT.memory), evil.COMMAND)  # its time is not to run out first
    with pytest.raises(OutOfMemoryError, match="Scale it down") as caught:
        pool.prepare(evil.picture("take memory"), GEOMETRY)
    assert caught.value.status == 413
    pool.close()


def test_a_file_larger_than_usual_goes_through_where_it_may() -> None:
    pool = Workers(Limits(max_bytes=200_000_000), 1)
    assert pool.prepare(seeds()["PNG"] + bytes(150_000_000), GEOMETRY).format == "PNG"
    pool.close()


@linux
def test_large_pictures_leave_no_memory_behind() -> None:
    pool = Workers(LIMITS, 1)
    pool.prepare(seeds()["JPEG"], GEOMETRY)
    (first,) = workers_of(pool)
    before = resident(first)
    for kind in ("PNG", "WEBP"):
        pool.prepare(encode(gradient().resize((4000, 4000)), kind, compress_level=1, method=0), GEOMETRY)
        # One that has grown too large answers and then ends, which takes it a moment.
        until(lambda: all(resident(child) - before < 60_000_000 for child in workers_of(pool)), 5)
    pool.close()


def test_without_a_plan_the_first_picture_makes_one_of_the_memory_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool_module, "available_memory", lambda: 60_000_000)
    pool = Workers(LIMITS, 4)
    pool.prepare(seeds()["JPEG"], GEOMETRY)
    assert (pool.count, pool.bounds.memory) == (1, 45_000_000)
    pool.settle(MemoryPlan.share(None, max_bytes=1, decoders=9, decoder=9))
    assert pool.count == 1  # only the first plan counts
    pool.close()


def test_a_worker_has_use_for_as_much_memory_as_the_dearest_picture_takes() -> None:
    assert memory_wanted(LIMITS) == 16 * LIMITS.max_pixels + 4 * LIMITS.max_bytes


@linux
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "TIFF", "AVIF", "HEIC"])
def test_the_least_memory_is_enough_for_a_small_picture_in_any_format(kind: str) -> None:
    pool = Workers(LIMITS, 1, Bounds(32 << 20))
    for _ in range(3):
        assert pool.prepare(seeds()[kind], GEOMETRY).format == kind
    pool.close()


LARGE: dict[str, tuple[str, str, dict[str, Any]]] = {
    "JPEG": ("RGB", "JPEG", {}),
    "progressive JPEG, whole colours": ("RGB", "JPEG", {"progressive": True, "subsampling": 0}),
    "progressive JPEG, CMYK": ("CMYK", "JPEG", {"progressive": True}),
    "PNG": ("RGB", "PNG", {"compress_level": 1}),
    "PNG, alpha": ("RGBA", "PNG", {"compress_level": 1}),
    "PNG, 16 bits": ("I;16", "PNG", {"compress_level": 1}),
    "GIF": ("P", "GIF", {}),
    "TIFF": ("RGB", "TIFF", {"compression": "tiff_adobe_deflate"}),
    "WEBP": ("RGB", "WEBP", {"method": 0}),
    "WEBP, alpha": ("RGBA", "WEBP", {"method": 0}),
    "AVIF": ("RGB", "AVIF", {"speed": 10}),
}


@linux
@pytest.mark.slow
@pytest.mark.alone
@pytest.mark.parametrize("name", LARGE)
def test_a_picture_of_the_most_pixels_goes_through_a_worker(name: str) -> None:
    """Phones of 50 megapixels write 8192 x 6144."""
    mode, kind, options = LARGE[name]
    grey = Image.linear_gradient("L").resize((8192, 7812))
    data = encode(grey.convert(mode) if mode != "I;16" else grey.convert("I").convert("I;16"), kind, **options)
    del grey
    pool = Workers(LIMITS, 1)
    assert pool.prepare(data, GEOMETRY).width == 8192
    pool.close()
