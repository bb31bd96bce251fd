"""Forms are parsed as Starlette parses them, however they are cut into pieces, and no form costs much time."""

from __future__ import annotations

import asyncio
import encodings
import os
import random
import re
import time
from collections.abc import AsyncIterator, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from starlette import formparsers, requests
from starlette.datastructures import Headers, UploadFile
from starlette.formparsers import MultiPartException
from starlette.testclient import TestClient

from tests.support.api import PANDA, classify, problem
from web.uploads.form_part import Part
from web.uploads.multipart import MAX_FILES, Form

# As curl, Chromium, Node, requests, httpx and aiohttp sent it: a file with an odd name, a field, a PNG file.
RECORDED = {path.stem: path.read_bytes() for path in (Path(__file__).parent / "forms").glob("*.form")}
CONTENT = b"\xff\xd8\xff\r\n--\x00\r\n\x89"
DISPOSITION = b'Content-Disposition: form-data; name="file"; filename="a.jpg"\r\n'


class Original(formparsers.MultiPartParser):
    """Starlette's parser."""

    complete = False

    def on_end(self) -> None:
        self.complete = True


def read(
    parser: type[Any], pieces: Iterable[bytes], kind: str = "multipart/form-data; boundary=x1"
) -> tuple[bool, list[Any]] | str:
    """Whether a form is complete, and its items; or why it is broken."""

    async def stream() -> AsyncIterator[bytes]:
        for piece in pieces:
            yield piece

    async def parse() -> tuple[bool, list[Any]] | str:
        form = parser(Headers({"content-type": kind}), stream(), max_files=MAX_FILES, max_fields=MAX_FILES)
        try:
            items = (await form.parse()).multi_items()
        except MultiPartException as error:
            return str(error.message)
        return form.complete, [(name, await value_of(value)) for name, value in items]

    async def value_of(value: str | UploadFile) -> Any:
        if isinstance(value, str):
            return value
        return value.filename, value.size, value.headers.raw, await value.read()

    with ThreadPoolExecutor(1) as thread:  # Playwright's loop may run in this one
        return thread.submit(asyncio.run, parse()).result()


def cut(data: bytes, dice: random.Random) -> list[bytes]:
    """Data in small pieces."""
    pieces = []
    while data:
        size = dice.randrange(1, 9)
        pieces.append(data[:size])
        data = data[size:]
    return pieces


def form(content: bytes, boundary: bytes = b"x1") -> bytes:
    """A form with one file."""
    return b"--" + boundary + b"\r\n" + DISPOSITION + b"\r\n" + content + b"\r\n--" + boundary + b"--\r\n"


@pytest.mark.parametrize("client", ["aiohttp", "chromium", "curl", "httpx", "node", "requests"])
def test_the_forms_of_real_clients_are_read_as_starlette_reads_them(client: str) -> None:
    kind, _, body = RECORDED[client].partition(b"\r\n")
    ours = read(Form, [body], kind.decode())
    assert ours == read(Original, [body], kind.decode())
    assert ours == read(Form, [body[at : at + 1] for at in range(len(body))], kind.decode())
    assert not isinstance(ours, str)
    complete, items = ours
    assert complete
    assert items[-1][1][0::3] == ("b.png", CONTENT)


def test_a_form_that_starlette_can_read_gives_the_same_whatever_is_in_it() -> None:
    dice = random.Random(16)
    bits = [b"\r\n", b"--", b"x1", b"\r\n--x", b"\r\n--x1X", b"\r\n--x1-", b"\r\n--x1\r", b"data", b"\r", b"\n", b"-"]
    read_by_both = 0
    for _ in range(400):
        data = bytearray(dice.choice([b"", b"\r\n", b"\r\nbefore"]))
        for number in range(dice.randrange(1, 4)):
            padding = dice.choice([b"", b" \t"]) if number else b""
            name = dice.choice([b'"file"', b"file", b'"f\\""', b'"\xc3\xa9"', b'"\xff"', b""])
            file = dice.choice([b"", b"; filename=a", b"; filename*=UTF-8''%e2", b'; filename="a;b\\"c:\\d.jpg"'])
            kind = dice.choice([b"", b"content-type:x\r\n", b"Content-Transfer-Encoding: base64\r\n"])
            content = b"".join(dice.choices(bits, k=dice.randrange(8)))
            data += b"--x1" + padding + b"\r\nContent-Disposition: form-data; name=" + name + file + b"\r\n" + kind
            data += b"\r\n" + content + b"\r\n"
        data += dice.choice([b"--x1--", b"--x1--\r\n", b"--x1--after", b"--x1"])
        for _ in range(dice.choice([0, 0, 1, 3])):
            at = dice.randrange(len(data))
            data[at : at + dice.randrange(3)] = dice.choice([b"", *bits, b":", b";", b'"', b"\x00"])
        theirs, ours = read(Original, [bytes(data)]), read(Form, [bytes(data)])
        assert ours == read(Form, cut(bytes(data), dice)), data
        if not isinstance(theirs, str):
            read_by_both += 1
            assert ours == theirs, data
        elif isinstance(ours, str):
            assert ours == theirs, data
        # What is left: only Starlette's parser sees that a form is broken whose end is missing.
    assert read_by_both > 100


def cost(body: bytes, kind: str) -> float:
    """Seconds of CPU time for a form that comes in pieces as a connection has them."""
    pieces = [body[at : at + 65536] for at in range(0, len(body), 65536)]
    best = float("inf")
    for _ in range(3):
        start = time.process_time()
        read(Form, pieces, kind)
        best = min(best, time.process_time() - start)
    return best


ATTACKS = {
    "near-boundaries": (b"bx2f7a", b"\r\n--bx"),
    "boundaries but for a byte": (b"b" * 70, b"\r\n--" + b"b" * 69),
    "lines that begin with the boundary": (b"bx2f7a", b"\r\n--bx2f7aX"),
    "a boundary of one character": (b"x", b"\r\n--xX"),
    "beginnings of a last boundary": (b"x", b"\r\n--x-"),
    "boundaries that break off": (b"x", b"\r\n--x\r"),
    "hyphens": (b"-" * 70, b"-"),
    "carriage returns": (b"bx2f7a", b"\r"),
    "forms in forms": (b"bx2f7a", form(b"y", b"bx2f7")),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_no_content_costs_much_more_time_than_another(attack: str) -> None:
    boundary, bait = ATTACKS[attack]
    kind = f"multipart/form-data; boundary={boundary.decode()}"
    size = 4_000_000
    plain = cost(form(os.urandom(size), boundary), kind)
    assert cost(form(bait * (size // len(bait)), boundary), kind) < 15 * plain  # python-multipart: up to 65


@pytest.mark.parametrize(
    "body",
    [
        b"--x1\r\n" + DISPOSITION + b"\r\n\r\n--x1" + b" " * 4_000_000,
        b"--x1\r\n" + b"a: b\r\n" * 600_000,
        b"--x1\r\na:" + b" " * 4_000_000,
        b"--x1\r\n" + b"a" * 4_000_000,
        (b"--x1\r\n" + DISPOSITION + b"\r\n\r\n") * 50_000,
        b"\r\n" * 2_000_000 + b"--x1--",
        form(b"") + b"\r\n--x1--" * 500_000,
        (b'--x1\r\nContent-Disposition: form-data; name="' + b";" * 4000 + b'"\r\n\r\n\r\n') * 90 + b"--x1--",
    ],
    ids=["blanks", "headers", "spaces", "a header", "parts", "empty lines", "after the end", "semicolons"],
)
def test_no_frame_of_a_form_costs_more_time_than_a_picture_of_its_size(body: bytes) -> None:
    kind = "multipart/form-data; boundary=x1"
    plain = cost(form(os.urandom(4_000_000)), kind)
    assert cost(body, kind) < 15 * plain


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("multipart/form-data", "names no boundary"),
        ("multipart/form-data; boundary=", "names no boundary"),
        ('multipart/form-data; boundary=""', "names no boundary"),
        ("multipart/form-data; boundary=" + "x" * 257, "Invalid multipart data"),
        ("multipart/form-data; boundary=x" + ";" * 50_000, "Invalid multipart data"),
        ("multipart/form-data; boundary=é", "Invalid multipart data"),
        ("multipart/form-data; boundary=y; boundary=z", "Invalid multipart data"),
        ("multipart/form-data; charset=undefined; boundary=z", "Invalid multipart data"),
    ],
)
def test_a_content_type_that_does_not_fit_is_named(client: TestClient, kind: str, reason: str) -> None:
    answer = client.post("/api/v1/classify", content=form(PANDA), headers={b"Content-Type": kind.encode("latin-1")})
    assert reason in problem(answer, 400, "bad_form")


@pytest.mark.parametrize(
    "disposition",
    [b"", b"Content-Disposition: form-data\r\n", b"Content-Disposition: form-data; filename=a\r\n"],
)
def test_a_part_without_a_name_is_refused(client: TestClient, disposition: bytes) -> None:
    body = form(PANDA).replace(DISPOSITION, disposition)
    answer = client.post("/api/v1/classify", content=body, headers={"Content-Type": "multipart/form-data; boundary=x1"})
    assert '"name" must be provided' in problem(answer, 400, "bad_form")


def test_a_boundary_within_the_longest_that_clients_use_is_read(client: TestClient) -> None:
    for boundary in ("x", "'()+_,-./:=?" * 5, "-" * 70):
        body = form(PANDA, boundary.encode())
        kind = f'multipart/form-data; boundary="{boundary}"'
        answer = client.post("/api/v1/classify", content=body, headers={"Content-Type": kind})
        assert answer.json()["results"][0]["predictions"][0]["label"] == "giant panda", boundary


def test_names_of_character_sets_are_neither_remembered_nor_an_error(client: TestClient) -> None:
    known = len(encodings._cache)
    for name in ("nobodys-1", "nobodys-2", "undefined", "hex"):
        kind = f"multipart/form-data; charset={name}; boundary=x1"
        answer = client.post("/api/v1/classify", content=form(PANDA), headers={"Content-Type": kind})
        assert answer.status_code == 200
    assert len(encodings._cache) == known


def test_text_is_bounded_in_all() -> None:
    field = b'--x1\r\nContent-Disposition: form-data; name="a"\r\n\r\n' + b"x" * 600_000 + b"\r\n"
    assert read(Form, [field, b"--x1--"]) == (True, [("a", "x" * 600_000)])
    assert read(Form, [field, field, b"--x1--"]) == "Part exceeded maximum size of 1024KB."


def test_a_form_cut_anywhere_is_incomplete_or_broken(client: TestClient) -> None:
    whole = form(b"x")
    for end in range(len(whole.rstrip())):
        kind = "multipart/form-data; boundary=x1"
        answer = client.post("/api/v1/classify", content=whole[:end], headers={"Content-Type": kind})
        assert problem(answer, 400, answer.json()["code"])
        assert answer.json()["code"] in ("incomplete_form", "bad_form")


def test_too_many_parts_are_counted_by_kind(client: TestClient) -> None:
    assert "100" in problem(classify(client, *[b"x"] * (MAX_FILES + 1)), 400, "bad_form")
    fields = {str(number): "x" for number in range(MAX_FILES + 1)}
    answer = client.post("/api/v1/classify", data=fields, files={"file": PANDA})
    assert re.search("Too many fields.*100", problem(answer, 400, "bad_form"))


def test_starlettes_requests_read_forms_with_this_parser() -> None:
    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": form(CONTENT), "more_body": False}

    async def parse() -> Any:
        headers = [(b"content-type", b"multipart/form-data; boundary=x1")]
        request = requests.Request({"type": "http", "headers": headers}, receive)
        file = (await request.form())["file"]
        assert isinstance(file, UploadFile)
        assert type(file.file).__module__ == Part.__module__
        assert file._in_memory  # else a thread reads it
        return await file.read()

    with ThreadPoolExecutor(1) as thread:
        assert thread.submit(asyncio.run, parse()).result() == CONTENT
