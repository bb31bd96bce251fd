"""What anybody can cause without end is logged with an end."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.addresses import visit
from tests.support.clock import Clock
from tests.support.server import running
from tests.support.wire import connected
from web.server.log_rate import LENGTH, LINES, SECONDS, LogRate

log = logging.getLogger("somebody")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def rate(clock: Clock) -> Iterator[LogRate]:
    before = logging.getLogRecordFactory()
    rate = LogRate(logging.LogRecord, clock)
    logging.setLogRecordFactory(rate)
    yield rate
    logging.setLogRecordFactory(before)


@pytest.fixture
def logged() -> Iterator[io.StringIO]:
    handler = logging.StreamHandler(io.StringIO())
    log.addHandler(handler)
    yield handler.stream
    log.removeHandler(handler)


def repeat(count: int, what: str = "x", level: int = logging.WARNING) -> None:
    for number in range(count):
        log.log(level, "number %d says %s", number, what)


def test_the_first_lines_pass_and_the_rest_is_counted(rate: LogRate, logged: io.StringIO) -> None:
    repeat(LINES + 500)
    lines = logged.getvalue().splitlines()
    assert len(lines) == LINES
    rate.report_now()
    assert logged.getvalue().splitlines()[LINES:] == ["500 more lines like this one were left out: number %d says %s"]
    rate.report_now()
    assert len(logged.getvalue().splitlines()) == LINES + 1


def test_the_count_is_as_serious_as_what_was_left_out(
    rate: LogRate, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, log.name)
    for levels in ([logging.INFO], [logging.ERROR], [logging.INFO, logging.ERROR, logging.INFO]):
        repeat(LINES)
        for level in levels:
            repeat(1, level=level)
        caplog.clear()
        rate.report_now()
        assert [(record.name, record.levelno) for record in caplog.records] == [(log.name, max(levels))]
        clock.now += SECONDS


def test_what_nobody_sees_is_not_counted_aloud(rate: LogRate, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    unseen = logging.getLogger("nobody")
    unseen.propagate = False
    for number in range(LINES + 1):
        unseen.info("number %d", number)
    rate.report_now()
    assert caplog.records == []


def test_another_error_is_never_lost_among_them(rate: LogRate, logged: io.StringIO) -> None:
    def fail(error: Exception) -> None:
        try:
            raise error
        except Exception:
            log.exception("it failed")

    for _ in range(LINES + 1):
        fail(ValueError("often"))
    fail(OSError("once"))
    log.warning("elsewhere")
    assert "OSError: once" in logged.getvalue()
    assert "elsewhere" in logged.getvalue()


def test_a_minute_later_lines_pass_again(rate: LogRate, logged: io.StringIO, clock: Clock) -> None:
    repeat(LINES + 1)
    clock.now += SECONDS
    repeat(LINES + 1)
    assert len(logged.getvalue().splitlines()) == 2 * LINES


def test_a_long_line_is_cut(rate: LogRate, logged: io.StringIO) -> None:
    repeat(1, "x" * 100_000)
    assert len(logged.getvalue()) <= LENGTH + len("...\n")


@pytest.mark.slow
def test_a_flood_of_what_is_logged_leaves_a_small_log(tmp_path: Path) -> None:
    file = tmp_path / "log.txt"
    with running(file) as address:
        before = file.stat().st_size
        for number in range(400):
            with connected(address) as connection:
                connection.sendall(b"GARBAGE %d\r\n\r\n" % number)
                connection.recv(1000)
            page, _ = visit(address, Origin=f"https://{number}.{'x' * 200}.example")
            page.close()
            page, _ = visit(address)
            with page:
                page.sendall(bytes([0x82, 0x84, 0, 0, 0, 0]) + b"\xff\xff\xff\xff")  # not a message of Streamlit's
                page.recv(100)
        assert file.stat().st_size - before < 200_000
