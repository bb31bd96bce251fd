"""JSON becomes a form, however it is cut into pieces; what is no JSON is refused, and none costs much time."""

from __future__ import annotations

import base64
import json
import random
import time
from typing import Any

import pytest

from classifier.errors import ClassifierError
from web.errors import BadJsonError, NoPictureError, NotBase64Error
from web.uploads.json_reader import JsonReader

ENCODERS = (
    base64.b64encode,
    base64.encodebytes,
    lambda data: base64.urlsafe_b64encode(data).rstrip(b"="),
    lambda data: b"data:image/png;base64," + base64.b64encode(data),
    lambda data: b"DATA:image/svg+xml;charset=utf-8;BASE64," + base64.b64encode(data),
)


def form_of(data: bytes, *sizes: int) -> bytes:
    """The form; the JSON comes in pieces of these sizes, and then the rest."""
    reader, form, at = JsonReader(b"B"), [], 0
    for size in sizes:
        form.append(reader.feed(data[at : at + size]))
        at += size
    return b"".join([*form, reader.feed(data[at:]), reader.end()])


def read(data: bytes, *sizes: int) -> bytes | type[ClassifierError]:
    """The form, or what is wrong with the JSON."""
    try:
        return form_of(data, *sizes)
    except ClassifierError as error:
        return type(error)


def made(dice: random.Random) -> tuple[bytes, list[bytes]]:
    """JSON with pictures and other values, and the pictures."""
    values: list[Any] = [None, True, 1, -2.5e30, "zh", 'é\n"\\', "😀", [1, "x"], {"a": [{}]}]
    pictures = [dice.randbytes(dice.randrange(300)) for _ in range(dice.randrange(1, 4))]
    texts = [dice.choice(ENCODERS)(one).decode() for one in pictures]
    items: list[tuple[str, Any]] = [("image", texts[0] if len(texts) == 1 and dice.random() < 0.7 else texts)]
    items += [(name, dice.choice(values)) for name in dice.sample(["top_k", "é", "x\r\ny", 'q"'], dice.randrange(4))]
    dice.shuffle(items)
    written = json.dumps(dict(items), ensure_ascii=dice.random() < 0.5, indent=dice.choice([None, 1]))
    return written.replace("/", dice.choice(["/", "\\/"])).encode(), pictures


def test_json_is_read_however_it_is_cut() -> None:
    dice = random.Random(22)
    for _ in range(400):
        data, pictures = made(dice)
        form = read(data)
        assert form == read(data, *[1] * len(data)) == read(data, *(dice.randrange(60) for _ in range(30)))
        assert isinstance(form, bytes), data
        assert form.endswith(b"--B--\r\n")
        for picture in pictures:
            assert b"\r\n\r\n" + picture + b"\r\n--B" in form


def test_what_json_refuses_is_refused() -> None:
    dice = random.Random(16)
    bits = [b"", b'"', b"{", b"}", b",", b":", b"\\", b"[", b"]", b"A", b" ", b"\0", b"\xff", b"nul", b"NaN"]
    read_all_the_same = 0
    for _ in range(600):
        data = bytearray(made(dice)[0])
        for _ in range(dice.randrange(1, 3)):
            at = dice.randrange(len(data))
            data[at : at + dice.randrange(3)] = dice.choice(bits)
        form = read(bytes(data))
        assert form == read(bytes(data), *[1] * len(data)), data
        if isinstance(form, bytes):
            json.loads(data, strict=False)
            read_all_the_same += 1
    assert read_all_the_same > 30


@pytest.mark.parametrize(
    ("data", "kind", "words"),
    [
        (b"", NoPictureError, "the body is empty"),
        (b" \r\n", NoPictureError, "the body is empty"),
        (b"[1]", NoPictureError, "the body is JSON, but a list"),
        (b'"aGVsbG8="', NoPictureError, "the body is JSON, but a text"),
        (b"null", NoPictureError, "the body is JSON, but null"),
        (b"{}", NoPictureError, "the JSON has no `image`."),
        (b'{"inputs": "x", "k": [1]}', NoPictureError, "the JSON has no `image`, but `inputs`, `k`"),
        (b'{"inputs": "%s", "image": ""}' % (b"x" * 6000), NoPictureError, "a text of some length named `inputs`"),
        (b'{"file": "aGVsbG8="}', NoPictureError, "the JSON has `file`, where pictures go by `image`"),
        (b'{"image": []}', NoPictureError, "the `image` in the JSON is an empty list"),
        (b'{"image": null}', NotBase64Error, "is null"),
        (b'{"image": {"b64": ""}}', NotBase64Error, "is an object"),
        (b'{"image": [[]]}', NotBase64Error, "is a list in a list"),
        (b'{"image": "photo.jpg"}', NotBase64Error, "is text that is not base64"),
        (b'{"image": "abcd====efgh"}', NotBase64Error, "is text that is not base64"),
        (b'{"image": "abcde"}', NotBase64Error, "is base64 that is cut off"),
        (b'{"image": "https://example.org/a.jpg"}', NotBase64Error, "is an address, from which"),
        (b'{"image": "data:image/svg+xml,%3Csvg"}', NotBase64Error, "is a data URL that is not in base64"),
        (b'{"image": "data:image/png;base64"}', NotBase64Error, "is a data URL that is not in base64"),
        (b'{"image": "abcd"', BadJsonError, "it is cut off"),
        (b'{"image": "abcd"} x', BadJsonError, "something follows its end"),
        (b"{'image': 'abcd'}", BadJsonError, "a name in quotes is missing"),
        (b'{"image": "", "image": ""}', BadJsonError, "it has `image` twice"),
        (b'{"image": "\\x"}', BadJsonError, "a text has a wrong escape"),
        (b'{"image": "", "top_k": two}', BadJsonError, "the value of `top_k` is no JSON"),
        (b'{"image": "", "top_k": NaN}', BadJsonError, "the value of `top_k` is no JSON"),
        (b'{"image": [%s""]}' % (b'"",' * 100), BadJsonError, "it has more than 100 pictures"),
        (b'{%s"image": ""}' % b"".join(b'"%d": 1,' % number for number in range(100)), BadJsonError, "100 names"),
        (b'{"image": "", "a": %s' % (b"[" * 100_000), NoPictureError, "a list of some length named `a`"),
        (b"<html>", BadJsonError, "it does not begin with {"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_what_came_instead_is_named(data: bytes, kind: type[ClassifierError], words: str) -> None:
    with pytest.raises(kind) as caught:
        form_of(data)
    assert words in caught.value.message


def test_a_picture_that_was_called_json_is_a_picture() -> None:
    data = b"\xff\xd8\xff" + bytes(range(256)) * 3
    assert data in form_of(data, 1, 1, 100)


@pytest.mark.parametrize(
    "data",
    [
        base64.b64encode(bytes(5_000_000)),
        base64.b64encode(b"\xff" * 5_000_000).replace(b"/", b"\\/"),
        b"\\u0041" * 1_500_000,
        b" \\n" * 3_000_000,
    ],
    ids=["zeros", "slashes", "escapes", "blanks"],
)
def test_no_json_costs_much_time(data: bytes) -> None:
    whole = b'{"image": "' + data + b'"}'
    best = float("inf")
    for _ in range(2):
        start = time.process_time()
        assert isinstance(read(whole, *[65536] * (len(whole) // 65536)), bytes)
        best = min(best, time.process_time() - start)
    assert best < 1.5  # measured: up to 0.3 s, in pieces of 4 ms
