"""Calls as people and their programs make them: fields, JSON, wrong names and wrong kinds of bodies."""

from __future__ import annotations

import base64
import gzip
import json
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.support.api import DOG, PANDA, problem
from web import models as registry

PATH = "/api/v1/classify"
TEXT = base64.b64encode(PANDA).decode()
FILES = {"file": ("panda.webp", PANDA)}


def labels(response: Any) -> list[Any]:
    """Of each picture its labels, or the code of its error."""
    assert response.status_code == 200, response.text
    results = response.json()["results"]
    return [
        one["error"]["code"] if "error" in one else [item["label"] for item in one["predictions"]] for one in results
    ]


@pytest.fixture(scope="module")
def expected(client: TestClient) -> list[Any]:
    return labels(client.post(f"{PATH}?top_k=2&lang=zh&model=efficientnet-lite0", files=FILES))


def test_fields_of_a_form_count_like_the_query(client: TestClient, expected: list[Any]) -> None:
    fields = {"top_k": "2", "lang": "zh", "model": "efficientnet-lite0"}
    assert len(expected[0]) == 2
    assert labels(client.post(PATH, files=FILES, data=fields)) == expected
    assert labels(client.post(f"{PATH}?lang=zh", files=FILES, data=fields)) == expected
    after: Any = [*FILES.items(), *((name, (None, value)) for name, value in fields.items())]
    assert labels(client.post(PATH, files=after)) == expected
    assert len(labels(client.post(PATH, files=FILES, data={"top_k": "", "lang": "", "model": ""}))[0]) == 5


def test_values_in_json_count_like_the_query(client: TestClient, expected: list[Any]) -> None:
    for top_k in (2, "2"):
        fields = {"image": TEXT, "top_k": top_k, "lang": "zh", "model": "efficientnet-lite0"}
        assert labels(client.post(PATH, json=fields)) == expected
    assert labels(client.post(f"{PATH}?top_k=2", json={**fields, "lang": "zh", "top_k": None})) == expected


@pytest.mark.parametrize(
    ("field", "value", "status", "code"),
    [
        *(("top_k", value, 422, "bad_parameter") for value in ("0", "1001", "many", "1.5", "[2]", "true")),
        ("lang", "xx", 422, "unknown_language"),
        ("model", "none", 404, "unknown_model"),
    ],
)
def test_wrong_values_are_refused_wherever_they_stand(
    client: TestClient, field: str, value: str, status: int, code: str
) -> None:
    details = {
        problem(client.post(PATH, files=FILES, params={field: value}), status, code),
        problem(client.post(PATH, files=FILES, data={field: value}), status, code),
        problem(client.post(PATH, json={"image": TEXT, field: value}), status, code),
    }
    assert len(details) == 1


def test_query_and_body_may_not_differ(client: TestClient) -> None:
    for body in ({"files": FILES, "data": {"top_k": "2"}}, {"json": {"image": TEXT, "top_k": 2}}):
        assert "top_k" in problem(client.post(f"{PATH}?top_k=3", **body), 422, "bad_parameter")
        assert len(labels(client.post(f"{PATH}?top_k=2", **body))[0]) == 2


@pytest.mark.parametrize("name", ["topk", "threshold", "top-k", "Top_K", "top_k[]", "language", "k\n", "名"])
def test_a_parameter_that_there_is_not_is_named_and_those_there_are(client: TestClient, name: str) -> None:
    for response in (
        client.post(PATH, files=FILES, params={name: "1"}),
        client.post(PATH, content=PANDA, params={name: "1"}),
        client.post(PATH, files=FILES, data={name: "1"}),
        client.post(PATH, files=FILES, data={name: ""}),
        client.post(PATH, json={"image": TEXT, name: 1}),
        client.post(PATH, json={name: [1], "image": TEXT}),
    ):
        detail = problem(response, 422, "unknown_parameter")
        assert f"`{name.encode('unicode_escape').decode() if name.isascii() else name}`" in detail or "%0A" in detail
        assert all(known in detail for known in ("top_k", "model", "lang"))


@pytest.mark.parametrize(
    "name",
    ["_", "_charset_", "__sign", "utm_campaign", "fbclid", "csrfmiddlewaretoken", "MAX_FILE_SIZE", "api-version"],
)
def test_what_browsers_and_proxies_add_is_ignored(client: TestClient, name: str) -> None:
    assert labels(client.post(PATH, files=FILES, data={name: "x"}, params={name: "y"})) == labels(
        client.post(PATH, files=FILES)
    )


@pytest.mark.parametrize(
    "text",
    [
        TEXT,
        f"data:image/webp;base64,{TEXT}",
        f"data:;base64,{TEXT}",
        base64.encodebytes(PANDA).decode(),
        base64.urlsafe_b64encode(PANDA).decode().rstrip("="),
    ],
    ids=["plain", "data URL", "data URL without a type", "lines", "for addresses"],
)
@pytest.mark.parametrize(
    "kind", ["application/json", "application/json; charset=utf-8", "text/json", "application/x+json"]
)
def test_json_gives_the_same_as_a_form(client: TestClient, text: str, kind: str) -> None:
    body = json.dumps({"image": text}).replace("/", "\\/")
    got = client.post(PATH, content=body, headers={"Content-Type": kind}).json()["results"][0]
    wanted = client.post(PATH, files=FILES).json()["results"][0]
    for result in (got, wanted):
        del result["timings"]
    assert got == wanted


def test_a_list_has_a_result_for_each(client: TestClient) -> None:
    texts = [TEXT, base64.b64encode(DOG).decode(), "", base64.b64encode(b"no picture").decode()]
    found = labels(client.post(f"{PATH}?top_k=1", json={"image": texts}))
    assert found == [["giant panda"], ["German Shepherd Dog"], "empty_file", "unsupported_format"]
    assert labels(client.post(PATH, json={"image": [TEXT], "top_k": 1})) == [["giant panda"]]


def test_json_has_the_limits_of_a_form(client: TestClient) -> None:
    limit = registry.models().plan.max_bytes

    def sent(*sizes: int) -> Any:
        texts = [base64.b64encode(b"\xff\xd8\xff" + bytes(size - 3)).decode() for size in sizes]
        return client.post(PATH, json={"image": texts if len(texts) > 1 else texts[0]})

    problem(sent(limit), 400, "too_complex")  # and not too large, though the body is a third larger
    problem(sent(limit + 1), 413, "too_many_bytes")
    problem(sent(limit // 2, limit // 2 + 1), 413, "request_too_large")
    problem(sent(2 * limit), 413, "request_too_large")
    problem(client.post(PATH, json={"image": [TEXT[:400]] * 101}), 400, "bad_json")
    blank = {"Content-Type": "application/json"}
    problem(client.post(PATH, content=b"{" + b" " * 2 * limit, headers=blank), 413, "request_too_large")
    problem(client.post(PATH, content=(b" " * 1_000_000 for _ in range(99)), headers=blank), 413, "request_too_large")


@pytest.mark.parametrize(
    ("request_", "status", "code", "words"),
    [
        ({"json": {"images": [TEXT]}}, 422, "no_picture", "named `images`"),
        ({"json": {"instances": [{"b64": "x"}]}}, 422, "no_picture", "no `image`, but `instances`"),
        ({"json": [TEXT]}, 422, "no_picture", "JSON, but a list"),
        ({"files": {"image": ("a", PANDA)}}, 422, "no_picture", "a file named `image`"),
        ({"files": [("files[]", ("a", PANDA)), ("files[]", ("b", PANDA))]}, 422, "no_picture", "named `files[]`"),
        ({"files": {"image": (None, TEXT)}}, 422, "no_picture", "no `file`, but `image`"),
        ({"files": [*FILES.items(), ("image", ("a", PANDA))]}, 422, "bad_parameter", "`image`"),
        ({"files": {"file": ("a", b"")}}, 422, "no_picture", "the only file is empty"),
        ({"files": {"file": ("a", TEXT)}}, 415, "wrong_body", "a file that is a picture in base64"),
        ({"files": {"file": ("a", gzip.compress(PANDA))}}, 415, "wrong_body", "a file that is compressed by gzip"),
        ({"files": {"file": ("a", f"data:image/webp;base64,{TEXT}")}}, 415, "wrong_body", "a file that is a data URL"),
        ({"json": {"image": base64.b64encode(TEXT.encode()).decode()}}, 415, "wrong_body", "a picture in base64"),
        ({"content": b""}, 422, "no_picture", "the body is empty"),
        ({"data": {"image": TEXT, "top_k": 2}}, 415, "wrong_body", "urlencoded with `image`, `top_k`"),
        ({"data": {"image": TEXT}, "headers": {"Content-Encoding": "gzip"}}, 415, "wrong_body", "gzip"),
        ({"content": gzip.compress(PANDA), "headers": {"Content-Encoding": "gzip"}}, 415, "wrong_body", "gzip"),
        ({"content": PANDA, "headers": {"Content-Encoding": "br"}}, 415, "wrong_body", "Content-Encoding: br"),
        ({"content": gzip.compress(PANDA)}, 415, "wrong_body", "compressed by gzip"),
        ({"content": PANDA.translate(None, b"\0\r\n")}, 415, "wrong_body", "as curl -d sends it"),
        ({"content": TEXT}, 415, "wrong_body", "a picture in base64"),
        ({"content": f"data:image/webp;base64,{TEXT}"}, 415, "wrong_body", "a data URL"),
        ({"content": "https://example.org/a.jpg"}, 415, "wrong_body", "an address"),
        ({"content": json.dumps({"image": TEXT})}, 415, "wrong_body", "JSON without a Content-Type"),
        (
            {"content": b"--x--", "headers": {"Content-Type": "multipart/related; boundary=x"}},
            415,
            "wrong_body",
            "multipart/related",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_came_is_named_and_what_to_send(
    client: TestClient, request_: dict[str, Any], status: int, code: str, words: str
) -> None:
    detail = problem(client.post(PATH, **request_), status, code)
    assert words in detail
    assert code == "bad_parameter" or "-F file=@photo.jpg" in detail


def test_an_empty_file_among_several_is_empty(client: TestClient) -> None:
    files = [("file", ("a.webp", PANDA)), ("file", ("b.webp", b"")), ("file", ("c.webp", DOG))]
    assert labels(client.post(f"{PATH}?top_k=1", files=files)) == [
        ["giant panda"],
        "empty_file",
        ["German Shepherd Dog"],
    ]


def sent_by_hand(client: TestClient, *parts: bytes) -> Any:
    """The answer to a form with these parts, each from its disposition on."""
    body = b"".join(b"--x\r\nContent-Disposition: form-data; " + part + b"\r\n" for part in parts) + b"--x--\r\n"
    return client.post(f"{PATH}?top_k=1", content=body, headers={"Content-Type": "multipart/form-data; boundary=x"})


@pytest.mark.parametrize(
    "name",
    [
        b"filename*=UTF-8''%e2%82%ac.jpg",
        b"filename*=utf-8'en'a.jpg",
        b'filename*="a.jpg"',
        b"FILENAME* = a",
        b"filename*=",
    ],
)
def test_an_extended_name_alone_is_a_files(client: TestClient, name: bytes) -> None:
    answer = sent_by_hand(client, b'name="file"; ' + name + b"\r\n\r\n" + PANDA)
    assert labels(answer) == [["giant panda"]]


def test_a_field_in_which_no_file_was_chosen_is_not_there(client: TestClient) -> None:
    chosen, unfilled = b'name="file"; filename="a"\r\n\r\n' + PANDA, b'name="file"; filename=""\r\n\r\n'
    assert labels(sent_by_hand(client, unfilled, chosen, unfilled)) == [["giant panda"]]
    problem(sent_by_hand(client, unfilled), 422, "no_picture")
