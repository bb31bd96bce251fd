"""The bytes of all pictures in memory have one bound, and whatever ends a request gives its part back."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator

import pytest

from classifier.errors import ShareError
from tests.support.photos import photo
from tests.support.server import running
from tests.support.waiting import until
from tests.support.wire import (
    CLASSIFY,
    FORM,
    answer,
    chunk,
    connected,
    form,
    head,
    metric,
    page_head,
    post,
    send,
    send_as_page,
)
from web.errors import TooMuchSentError
from web.uploads.budget import FRAMING, Budget, Reservation

PANDA = photo("panda.webp").read_bytes()
LARGEST = 20_000_000
SIZE = 60_000_000  # of which a client that is alone may have three quarters: two of the largest, and a bit
FULL = TooMuchSentError


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    log = tmp_path_factory.mktemp("budget") / "log.txt"
    with running(log, {"CLASSIFIER_UPLOADS": str(SIZE)}) as address:
        yield address
    assert "Traceback" not in log.read_text()


def used(address: str) -> float:
    return metric(address, "classifier_budget_used_bytes")


@pytest.fixture
def empty(server: str) -> Iterator[str]:
    """The server before and after anything was sent to it."""
    until(lambda: used(server) == 0)
    yield server
    until(lambda: used(server) == 0)


@pytest.mark.slow
def test_bodies_fill_the_budget_until_their_connection_is_cut(empty: str) -> None:
    first, second = connected(empty), connected(empty)
    first.sendall(head(Content_Length=str(LARGEST + 1)) + b"x" * LARGEST)
    second.sendall(page_head(LARGEST + 1) + b"x" * LARGEST)
    until(lambda: used(empty) == 2 * LARGEST)

    for refused in (post(empty, b"x" * 6_000_000), send_as_page(empty, b"x" * 6_000_000)):
        assert "Try again" in refused.problem(503, "too_much_sent")
        assert int(refused.headers["retry-after"]) > 0
        assert refused.headers["x-content-type-options"] == "nosniff"
    assert post(empty, PANDA).status == 200  # for which there is room

    first.close()
    until(lambda: used(empty) == LARGEST)
    assert post(empty, b"x" * 6_000_000).status == 415
    second.close()


@pytest.mark.slow
def test_of_json_the_pictures_count_and_not_their_text(empty: str) -> None:
    text = b'{"image": "' + base64.b64encode(bytes(3 * 6_000_000))
    with connected(empty) as first, connected(empty) as second:
        for connection in (first, second):
            connection.sendall(head(Content_Length=str(len(text) + 2), Content_Type="application/json") + text)
        until(lambda: 2 * 18_000_000 <= used(empty) < 2 * 18_000_000 + 1000)
        kind = {"Content_Type": "application/json"}
        post(empty, b'{"image": "%b"}' % base64.b64encode(bytes(12_000_000)), **kind).problem(503, "too_much_sent")
        assert post(empty, b'{"image": "%b"}' % base64.b64encode(PANDA), **kind).status == 200
        for connection in (first, second):
            connection.sendall(b'"}')
            answer(connection).problem(415, "unsupported_format")


@pytest.mark.slow
def test_a_body_without_a_length_counts_as_it_arrives(empty: str) -> None:
    with connected(empty) as first, connected(empty) as second:
        for connection in (first, second):
            connection.sendall(head(Transfer_Encoding="chunked"))
            connection.sendall(chunk(b"x" * LARGEST))
        until(lambda: used(empty) == 2 * LARGEST)
        chunked = head(Transfer_Encoding="chunked")
        refused = send(empty, chunked, chunk(b"x" * 6_000_000))
        refused.problem(503, "too_much_sent")
        first.sendall(chunk(b"x" * FRAMING) + chunk(b"x"))
        answer(first).problem(413, "request_too_large")
        assert used(empty) == LARGEST


@pytest.mark.slow
def test_the_limits_say_what_there_is(empty: str) -> None:
    assert metric(empty, "classifier_budget_size_bytes") == SIZE
    info = json.loads(send(empty, head("/api/v1/info", "GET")).body)
    assert info["limits"]["uploads"] == SIZE


@pytest.mark.slow
def test_whatever_ends_a_request_gives_its_bytes_back(empty: str) -> None:
    noise = b"x" * 5_000_000
    assert post(empty, PANDA).status == 200
    assert post(empty, form(PANDA, noise), Content_Type=FORM).status == 200
    assert post(empty, noise).status == 415
    assert post(empty, noise, Content_Type=FORM).status == 400
    assert post(empty, noise, f"{CLASSIFY}?model=none").status == 404
    assert post(empty, noise, f"{CLASSIFY}?top_k=none").status == 422
    assert post(empty, noise, "/api/v1/nothing").status == 404
    assert post(empty, noise, "/api/v1/info").status == 405
    assert send(empty, head(Content_Length="30000000")).status == 413
    send_as_page(empty, noise).problem(415, "unsupported_format")
    send_as_page(empty, b"x" * 21_000_000).problem(413, "request_too_large")
    stranger = page_head(len(noise)).replace(b"same-origin", b"cross-site")
    send(empty, stranger, noise).problem(403, "other_site")
    assert used(empty) == 0


def test_a_budget_may_be_used_up_to_its_last_byte() -> None:
    budget = Budget(10, FULL)
    with Reservation(budget) as other, Reservation(budget) as room:
        other.grow(4)
        room.grow(6)
        room.grow(3)
        assert budget.reserved == 10
        with pytest.raises(TooMuchSentError):
            room.grow(7)
        with Reservation(budget) as nothing:
            nothing.grow(0)
    assert budget.reserved == 0


def test_who_is_refused_by_one_budget_takes_nothing_of_the_other() -> None:
    large, small = Budget(100, FULL), Budget(10, ShareError)
    with Reservation(large, small) as room:
        with pytest.raises(ShareError):
            room.grow(50)
        assert (large.reserved, small.reserved) == (0, 0)
