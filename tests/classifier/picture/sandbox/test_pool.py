"""Decoding in child processes: the same answers, and no harm from a decoder that crashes, hangs or lies."""

from __future__ import annotations

import io
import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from PIL import Image

from classifier.errors import (
    BrokenImageError,
    CutOffError,
    DecodingError,
    ImageError,
    TooManyPixelsError,
    UnsupportedFormatError,
    UnsupportedKindError,
)
from classifier.picture.prepare import InProcess, Prepared
from classifier.picture.sandbox import Workers
from tests.support import evil
from tests.support.hostile import encode, gradient, seeds
from tests.support.photos import ROOT, golden_photos, photo
from tests.support.waiting import until
from tests.support.workers import GEOMETRY, LIMITS, TIGHT, fork_server, linux, workers_of


@pytest.fixture(scope="module")
def workers() -> Iterator[Workers]:
    pool = Workers(LIMITS, 2)
    yield pool
    pool.close()


@pytest.fixture(scope="module")
def evil_workers() -> Iterator[Workers]:
    pool = Workers(LIMITS, 2, TIGHT, evil.COMMAND)
    pool.prepare(seeds()["JPEG"], GEOMETRY)
    yield pool
    pool.close()


def known(prepared: Prepared) -> tuple[object, ...]:
    return prepared.structured, prepared.width, prepared.height, prepared.format, prepared.pixels.tobytes()


def shown(jpeg: bytes) -> tuple[tuple[int, int], bytes]:
    with Image.open(io.BytesIO(jpeg), formats=["JPEG"]) as image:
        return image.size, image.tobytes()


def test_a_worker_gives_what_this_process_gives(workers: Workers) -> None:
    here = InProcess(LIMITS)
    for one in golden_photos()[::5]:
        data = one.path.read_bytes()
        assert known(workers.prepare(data, GEOMETRY)) == known(here.prepare(data, GEOMETRY))
        assert shown(workers.thumbnail(data, 300)) == shown(here.thumbnail(data, 300))


def test_notes_are_those_of_this_process(workers: Workers) -> None:
    for progressive in (False, True):
        data = encode(gradient(400, 300), "JPEG", progressive=progressive)[:-2]
        ours, theirs = (decoder.prepare(data, GEOMETRY).notes for decoder in (InProcess(LIMITS), workers))
        assert len(ours) == 1
        assert theirs == ours


def test_a_thumbnail_is_upright_and_small(workers: Workers) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encode(gradient().resize((1200, 800)), "JPEG", exif=exif)
    with Image.open(io.BytesIO(workers.thumbnail(data, 300))) as image:
        assert image.size == (200, 300)
        assert image.format == "JPEG"


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"no picture", UnsupportedFormatError),
        (seeds()["PNG"][:100], BrokenImageError),
        (encode(gradient(400, 300), "JPEG")[:4000], CutOffError),
        (encode(gradient(), "JPEG").replace(b"\xff\xc0\0\x11\x08", b"\xff\xc1\0\x11\x0c"), UnsupportedKindError),
        (encode(Image.new("1", (65_000, 1_000)), "PNG"), TooManyPixelsError),
    ],
)
def test_errors_are_those_of_this_process(workers: Workers, data: bytes, kind: type[ImageError]) -> None:
    with pytest.raises(ImageError) as ours:
        InProcess(LIMITS).prepare(data, GEOMETRY)
    with pytest.raises(ImageError) as theirs:
        workers.prepare(data, GEOMETRY)
    assert type(theirs.value) is type(ours.value) is kind
    assert (theirs.value.message, theirs.value.details) == (ours.value.message, ours.value.details)


@pytest.mark.parametrize("deed", ["crash", "abort", "leave", "loop", "lie"])
def test_a_picture_that_ends_its_decoder_gets_one_clear_error(
    evil_workers: Workers, deed: str, caplog: pytest.LogCaptureFixture
) -> None:
    start = time.monotonic()
    with pytest.raises(DecodingError, match="another format") as caught:
        evil_workers.prepare(evil.picture(deed), GEOMETRY)
    assert caught.value.status == 400
    assert time.monotonic() - start < 10
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert evil_workers.prepare(seeds()["JPEG"], GEOMETRY).format == "JPEG"


@linux
def test_a_picture_much_larger_than_it_says_is_held_to_the_memory(evil_workers: Workers) -> None:
    """16,000 x 16,000 pixels that the file says are 64 x 64; AVIF's decoder believes the pixels."""
    with pytest.raises(ImageError):
        evil_workers.prepare((ROOT / "tests/files/lying.avif").read_bytes(), GEOMETRY)


def test_a_worker_cannot_write_files(evil_workers: Workers) -> None:
    with pytest.raises(ImageError):
        evil_workers.prepare(evil.picture("write a file"), GEOMETRY)


def test_nothing_that_a_decoder_prints_reaches_the_log(
    evil_workers: Workers, capfd: pytest.CaptureFixture[str]
) -> None:
    evil_workers.prepare(evil.picture("shout"), GEOMETRY)
    assert capfd.readouterr() == ("", "")


def test_the_others_go_on_while_decoders_crash_and_hang(evil_workers: Workers) -> None:
    good, deeds = seeds()["JPEG"], ["crash", "leave", "abort", "loop"]

    def ask(number: int) -> str:
        data = evil.picture(deeds[number % 4]) if number % 5 == 0 else good
        try:
            return evil_workers.prepare(data, GEOMETRY).format
        except DecodingError as error:
            return error.code

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(ask, range(40)))
    assert answers == ["decoding_failed" if number % 5 == 0 else "JPEG" for number in range(40)]


@linux
def test_a_worker_is_replaced_after_so_many_pictures() -> None:
    pool = Workers(LIMITS, 1, replace(TIGHT, pictures=3))
    seen = list[int]()
    for _ in range(7):
        pool.prepare(seeds()["JPEG"], GEOMETRY)
        seen += workers_of(pool) - set(seen)
    assert len(seen) in (2, 3)
    pool.close()


@linux
def test_more_than_the_pool_holds_wait_their_turn_and_no_more_processes_start() -> None:
    pool = Workers(LIMITS, 2, TIGHT, evil.COMMAND)
    seen = set[int]()
    with ThreadPoolExecutor(6) as threads:
        futures = [threads.submit(pool.prepare, evil.picture("be slow"), GEOMETRY) for _ in range(6)]
        while not all(future.done() for future in futures):
            if pool._fork_server:
                seen |= workers_of(pool)
            time.sleep(0.02)
    assert all(future.result().format == "JPEG" for future in futures)
    assert len(seen) == 2
    pool.close()


def test_workers_that_died_while_idle_are_replaced(workers: Workers) -> None:
    workers.prepare(seeds()["JPEG"], GEOMETRY)
    for idle in workers_of(workers):
        os.kill(idle, signal.SIGKILL)
    until(lambda: not workers_of(workers))
    assert workers.prepare(seeds()["JPEG"], GEOMETRY).format == "JPEG"
    fork_server(workers).kill()
    for _ in range(4):
        assert workers.prepare(seeds()["JPEG"], GEOMETRY).format == "JPEG"


def test_signals_to_the_whole_group_do_not_cost_a_picture_its_answer() -> None:
    pool = Workers(LIMITS, 1, TIGHT, evil.COMMAND)
    pool.prepare(seeds()["JPEG"], GEOMETRY)
    with ThreadPoolExecutor(1) as thread:
        answer = thread.submit(pool.prepare, evil.picture("be slow"), GEOMETRY)
        time.sleep(0.1)
        for process in {fork_server(pool).pid} | workers_of(pool):
            os.kill(process, signal.SIGTERM)
            os.kill(process, signal.SIGINT)
        assert answer.result().format == "JPEG"
    pool.close()


def test_workers_end_with_their_server() -> None:
    pool = Workers(LIMITS, 2)
    pool.prepare(seeds()["JPEG"], GEOMETRY)
    process = fork_server(pool)
    pool.close()
    assert process.returncode == 0


def test_a_photo_of_twelve_megapixels_goes_through(workers: Workers) -> None:
    with Image.open(photo("panda.webp")) as image:
        data = encode(image.convert("RGB").resize((4000, 3000)), "JPEG", quality=95)
    prepared = workers.prepare(data, GEOMETRY)
    assert (prepared.width, prepared.height) == (4000, 3000)
