"""What a worker answers may be a lie: nothing of it is believed that an honest worker could not have said."""

from __future__ import annotations

import io
import socket
import struct
import sys
from dataclasses import replace
from typing import Any

import pytest
from PIL import Image

from classifier.errors import (
    BrokenImageError,
    DecodingError,
    NoMemoryError,
    TooManyPixelsError,
    UnsupportedFormatError,
)
from classifier.notes import note
from classifier.picture.formats import FORMATS
from classifier.picture.limits import Limits
from classifier.picture.prepare import InProcess, jpeg
from classifier.picture.sandbox import Workers, answers, wire
from classifier.views import VIEWS, View
from tests.support.hostile import seeds
from tests.support.workers import GEOMETRY, LIMITS, TIGHT

SOUND: dict[str, Any] = {
    **{"structured": True, "width": 640, "height": 480, "format": "JPEG", "decode": 4.5, "preprocess": 1.0},
    "last": False,
}
PIXELS = bytes(224 * 224 * 3)
WRONG = (ValueError, TypeError, KeyError, AttributeError)


def read(facts: dict[str, Any], payload: bytes = PIXELS) -> object:
    return answers.prepared(facts, payload, GEOMETRY, LIMITS, 10.0)


def test_a_sound_answer_is_read() -> None:
    assert read(SOUND)
    assert answers.error(SOUND) is None
    assert answers.last(SOUND) is False


@pytest.mark.parametrize("name", ["width", "height"])
@pytest.mark.parametrize("value", [0, -1, True, 1.0, 640.5, "640", None, [1], 10**9, 10**300, float("inf")])
def test_sizes(name: str, value: object) -> None:
    with pytest.raises(WRONG):
        read({**SOUND, name: value})


@pytest.mark.parametrize("view", VIEWS)
def test_pixels_are_of_as_many_views_as_were_asked_for(view: View) -> None:
    geometry = replace(GEOMETRY, view=view)
    count = 2 if view == "both" else 1
    assert answers.prepared(SOUND, count * PIXELS, geometry, LIMITS, 10.0).pixels.shape == geometry.shape
    for wrong in (3 - count, 0):
        with pytest.raises(WRONG):
            answers.prepared(SOUND, wrong * PIXELS, geometry, LIMITS, 10.0)


@pytest.mark.parametrize("name", ["decode", "preprocess"])
@pytest.mark.parametrize("value", [-0.1, float("nan"), float("inf"), 1e308, 11.0, "1", None, True, 10**400])
def test_times(name: str, value: object) -> None:
    with pytest.raises(WRONG):
        read({**SOUND, name: value})


@pytest.mark.parametrize("facts", [{"format": "PSD"}, {"format": ["JPEG"]}, {"structured": 1}, {"structured": "no"}])
def test_other_facts(facts: dict[str, object]) -> None:
    with pytest.raises(WRONG):
        read({**SOUND, **facts})


NOTE: dict[str, Any] = {"code": "cut_off", "message": "anything", "details": {"rows": "470", "height": "480"}}


def test_notes_come_with_their_details_and_in_our_words() -> None:
    found = answers.prepared({**SOUND, "notes": [NOTE]}, PIXELS, GEOMETRY, LIMITS, 10.0)
    assert found.notes == (note("cut_off", rows="470", height="480"),)
    assert answers.prepared({**SOUND, "notes": []}, PIXELS, GEOMETRY, LIMITS, 10.0).notes == ()


@pytest.mark.parametrize(
    "notes",
    [
        *(None, "cut_off", {"code": "cut_off"}, ["cut_off"], [{}], [{**NOTE, "code": "free"}], [{**NOTE, "code": []}]),
        *([{**NOTE, "details": details}] for details in ({}, None, {"rows": "1"}, {"rows": 1, "height": "2"})),
        *([{**NOTE, "details": {"rows": rows, "height": "2"}}] for rows in ("x" * 101, "a\nline")),
        [{**NOTE, "details": {**NOTE["details"], "more": "x"}}],
    ],
)
def test_notes_that_no_decoder_makes(notes: object) -> None:
    with pytest.raises(WRONG):
        read({**SOUND, "notes": notes})


@pytest.mark.parametrize("name", [name for name in SOUND if name != "last"])
def test_missing_facts(name: str) -> None:
    with pytest.raises(WRONG):
        read({key: value for key, value in SOUND.items() if key != name})


@pytest.mark.parametrize("payload", [b"", PIXELS[:-1], PIXELS + b"x", PIXELS * 2])
def test_pixels(payload: bytes) -> None:
    with pytest.raises(WRONG):
        read(SOUND, payload)


def test_a_format_that_is_not_allowed() -> None:
    with pytest.raises(WRONG):
        answers.prepared(SOUND, PIXELS, GEOMETRY, Limits(formats=("PNG",)), 10.0)


@pytest.mark.parametrize(
    ("width", "height", "length"),
    [(101, 10, 3030), (10, 101, 3030), (0, 0, 0), (-1, -1, 3), (10, 10, 299), (10, 10, 301), (100.0, 1, 300)],
)
def test_thumbnails(width: object, height: object, length: int) -> None:
    assert answers.thumbnail({"width": 100, "height": 50}, bytes(15_000), 100).size == (100, 50)
    with pytest.raises(WRONG):
        answers.thumbnail({"width": width, "height": height}, bytes(length), 100)


def test_errors_come_as_they_were() -> None:
    for error in (
        BrokenImageError(format="JPEG"),
        UnsupportedFormatError(formats=list(FORMATS)),
        NoMemoryError(size=["65535", "65535"], kind="progressive JPEG", limit=50_000_000),
        TooManyPixelsError(size=["1", "1"], limit=2**63, side=65_535),
    ):
        found = answers.error({"error": error.code, "details": error.details})
        assert type(found) is type(error)
        assert found.message == error.message


@pytest.mark.parametrize(
    ("code", "details"),
    [
        ("internal", {}),
        (["broken_image"], {}),
        ("not_trusted", {}),
        ("broken_image", {}),
        ("broken_image", {"format": "x" * 101}),
        ("broken_image", {"format": "a\nline"}),
        ("broken_image", {"format": 7}),
        ("broken_image", {"format": ["JPEG"]}),
        ("unsupported_format", {"formats": "JPEG"}),
        ("unsupported_format", {"formats": []}),
        ("unsupported_format", {"formats": ["JPEG", 7]}),
        ("unsupported_format", {"formats": ["x" * 60, "x" * 60]}),
        ("unsupported_format", {"formats": ["a\nline"]}),
        ("too_many_bytes", {"limit": "20"}),
        ("too_many_bytes", {"limit": True}),
        ("too_many_bytes", {"limit": 2.5}),
        ("too_many_bytes", {"limit": -1}),
        ("too_many_bytes", {"limit": 10**4000}),
        ("broken_image", {"format": "JPEG", "message": "x"}),
        ("broken_image", ["format"]),
        ("broken_image", "format"),
        ("empty_image", None),
    ],
)
def test_errors_that_no_decoder_raises(code: object, details: object) -> None:
    with pytest.raises(WRONG):
        answers.error({"error": code, "details": details})


@pytest.mark.parametrize("facts", [{}, {"last": 0}, {"last": "no"}, {"last": None}])
def test_whether_it_was_the_last_one(facts: dict[str, object]) -> None:
    with pytest.raises(WRONG):
        answers.last(facts)


def message(head: bytes, payload: bytes = b"") -> bytes:
    return struct.pack("!II", len(head), len(payload)) + head + payload


@pytest.mark.parametrize(
    "raw",
    [
        message(b"[" * 4000),
        message(b'{"a":' * 800),
        message(b'{"width": NaN}'),
        message(b'{"width": -Infinity}'),
        message(b'{"width": ' + b"9" * 4080 + b"}"),
        message(b"\xff" * 10),
        message(b" " * 5000),
        message(b"7"),
        struct.pack("!II", 0xFFFFFFFF, 0),
        struct.pack("!II", 2, 0xFFFFFFFF) + b"{}",
    ],
)
def test_a_taken_over_worker_gets_nothing_by_whatever_it_says(raw: bytes, caplog: pytest.LogCaptureFixture) -> None:
    """A fork server whose workers answer every picture with these bytes, and stay."""
    code = (
        "import sys, time\n"
        "from classifier.picture.sandbox import fork_server, wire\n"
        "def work(connection, bounds):\n"
        "    connection.sendall(wire.READY)\n"
        "    wire.receive(connection)\n"
        f"    connection.sendall({raw!r})\n"
        "    time.sleep(60)\n"
        "fork_server.work = work\n"
        "fork_server.main()\n"
    )
    pool = Workers(LIMITS, 1, TIGHT, [sys.executable, "-c", code])
    with pytest.raises(DecodingError):
        pool.prepare(seeds()["JPEG"], GEOMETRY)
    (record,) = caplog.records
    assert "its answer was wrong" in record.getMessage()
    assert len(record.getMessage()) < 300
    pool.close()


def test_the_answer_to_another_request_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Such as one that was left in a socket that two processes read from."""
    pool = Workers(LIMITS, 1, TIGHT)
    pool.prepare(seeds()["JPEG"], GEOMETRY)
    send = wire.send

    def confused(connection: socket.socket, facts: dict[str, Any], *rest: Any) -> None:
        send(connection, {**facts, "number": facts["number"] - 1}, *rest)

    monkeypatch.setattr(wire, "send", confused)
    with pytest.raises(DecodingError):
        pool.prepare(seeds()["JPEG"], GEOMETRY)
    monkeypatch.undo()
    pool.prepare(seeds()["JPEG"], GEOMETRY)
    pool.close()


def test_an_answer_that_drips_is_waited_for_no_longer_than_any_other() -> None:
    ours, theirs = socket.socketpair()
    ours.settimeout(wire.TICK)
    theirs.setblocking(False)
    theirs.sendall(message(b"{}", bytes(100))[:-50])
    with pytest.raises(TimeoutError):
        wire.receive(ours, (100, 100), wire.Patience(0.2))


def test_two_thumbnails_of_one_picture_are_the_same_picture_and_different_files() -> None:
    here = InProcess(LIMITS)
    first, second = (here.thumbnail(seeds()["JPEG"], 40) for _ in range(2))
    assert first != second
    assert len(first) == len(second)
    one, other = (Image.open(io.BytesIO(data), formats=["JPEG"]).tobytes() for data in (first, second))
    assert one == other


def test_what_differs_cannot_be_guessed() -> None:
    image = Image.new("RGB", (8, 8))
    comments = {Image.open(io.BytesIO(jpeg(image))).info["comment"] for _ in range(50)}
    assert len(comments) == 50
    assert {len(comment) for comment in comments} == {16}
