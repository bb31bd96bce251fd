"""Where keys are asked for, nothing of the API is answered without one, and nothing is read."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import generate_latest
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.testclient import TestClient
from starlette.types import Receive, Scope, Send

from classifier.api_keys import ApiKeys
from tests.support.api import PANDA, classify, problem
from tests.support.server import running
from tests.support.wire import answer, connected, head, send
from web import models as registry
from web.api import routes
from web.api.keys import KeyCheck
from web.clients import client_of

KEY, OTHER = "k" * 16, "o" * 40
REALM = 'Bearer realm="image-classifier"'
INVALID = f'{REALM}, error="invalid_token"'
HEADERS = {"Authorization": f"Bearer {KEY}"}


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("keys") / "keys"
    file.write_text(f"mine {KEY}\nothers {OTHER}\n")
    return file


@pytest.fixture(scope="module")
def keyed(file: Path) -> Iterator[TestClient]:
    """Asks an API that asks for keys, under a path as behind a proxy."""
    registry.models().start()
    with pytest.MonkeyPatch.context() as patch:
        known = ApiKeys(file)
        patch.setattr(routes, "keys", lambda: known)
        app = Starlette(routes=[Mount("/demo/api", routes.make_api())])
    with TestClient(app, base_url="http://testserver/demo") as client:
        yield client


def test_a_key_opens_everything(keyed: TestClient) -> None:
    for path in ("/api/v1/models", "/api/v1/info"):
        assert keyed.get(path, headers=HEADERS).status_code == 200
        assert keyed.get(path, headers={"authorization": f"bearer  {OTHER} "}).status_code == 200
    files = {"file": ("panda.webp", PANDA)}
    result = keyed.post("/api/v1/classify", files=files, headers=HEADERS).json()["results"][0]
    assert result["predictions"][0]["label"] == "giant panda"


@pytest.mark.parametrize(
    ("sent", "challenge"),
    [
        ([], REALM),
        ([b""], REALM),
        ([b"Bearer"], REALM),
        ([b"Bearer "], REALM),
        ([b"Basic " + KEY.encode()], REALM),
        ([KEY.encode()], REALM),
        ([b"Bearer " + KEY.encode()] * 2, REALM),
        ([b"Bearer " + KEY.encode()[:-1]], INVALID),
        ([b"Bearer " + KEY.encode() + b"k"], INVALID),
        ([b"Bearer mine"], INVALID),
        ([b"Bearer " + KEY.encode() + b"," + KEY.encode()], INVALID),
        ([b"Bearer \xff\xfe"], INVALID),
        ([b"Bearer " + b"x" * 10_000], INVALID),
    ],
)
@pytest.mark.parametrize("path", ["/api/v1/classify", "/api/v1/models", "/api/v1/nothing", "/api/later"])
def test_without_a_known_key_the_answer_is_401(keyed: TestClient, path: str, sent: list[bytes], challenge: str) -> None:
    method = "POST" if path.endswith("classify") else "GET"
    response = keyed.request(method, path, headers=[(b"Authorization", value) for value in sent])
    assert "Authorization: Bearer KEY" in problem(response, 401, "unauthorized")
    assert response.headers["www-authenticate"] == challenge


def test_what_describes_the_api_stays_open_and_names_the_scheme(keyed: TestClient, client: TestClient) -> None:
    assert keyed.get("/api/docs").status_code == 200
    assert keyed.get("/api/static-offline-docs/swagger-ui.css").status_code == 200
    schema = keyed.get("/api/openapi.json").json()
    assert schema["components"]["securitySchemes"]["key"]["scheme"] == "bearer"
    operations = [operation for path in schema["paths"].values() for operation in path.values()]
    assert len(operations) == 3
    assert all(operation["security"] == [{"key": []}] for operation in operations)
    assert all("application/problem+json" in operation["responses"]["401"]["content"] for operation in operations)
    assert "securitySchemes" not in client.get("/api/openapi.json").json()["components"]


def test_a_preflight_request_needs_no_key(keyed: TestClient) -> None:
    assert keyed.options("/api/v1/classify").status_code == 405  # where no other site may call, it is no method


def test_requests_are_counted_by_the_name_of_the_key(keyed: TestClient, client: TestClient) -> None:
    def counts() -> dict[tuple[str, str], float]:
        found = re.findall(
            r'classifier_key_requests_total\{key="(.*?)",status="(.*?)"\} (\S+)', generate_latest().decode()
        )
        return {(name, status): float(value) for name, status, value in found}

    before = counts()
    keyed.get("/api/v1/models", headers=HEADERS)
    keyed.get("/api/v1/nothing", headers=HEADERS)
    keyed.get("/api/v1/models", headers={"Authorization": "Bearer made-up-by-somebody"})
    client.get("/api/v1/models")
    after = counts()
    grown = {which: value - before.get(which, 0) for which, value in after.items() if value != before.get(which, 0)}
    assert grown == {("mine", "200"): 1, ("mine", "404"): 1, ("", "401"): 1, ("", "200"): 1}


def test_the_bearer_of_a_key_is_one_client_from_any_address(file: Path) -> None:
    seen: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(client_of(scope))
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})

    checked = KeyCheck(app, ApiKeys(file))
    for address in ("192.0.2.1", "192.0.2.2"):
        http = TestClient(checked, client=(address, 5))
        http.get("/v1/models", headers=HEADERS)
    TestClient(checked, client=("192.0.2.1", 5)).get("/docs")
    assert seen == ["key:mine", "key:mine", "192.0.2.1"]


def test_where_no_keys_are_asked_for_one_is_not_looked_at(client: TestClient) -> None:
    assert classify(client, PANDA).status_code == 200
    assert client.get("/api/v1/models", headers={"Authorization": "Bearer x"}).status_code == 200


@pytest.mark.slow
def test_a_real_server_refuses_before_the_body_and_follows_the_file(tmp_path: Path) -> None:
    file, log = tmp_path / "keys", tmp_path / "log.txt"
    file.write_text(f"mine {KEY}\n")
    with running(log, {"CLASSIFIER_API_KEYS_FILE": str(file)}) as address:

        def status(key: str) -> int:
            return send(address, head("/api/v1/models", "GET", Authorization=f"Bearer {key}")).status

        with connected(address) as connection:  # announced, and never sent
            connection.sendall(head(Content_Length="19000000"))
            answer(connection).problem(401, "unauthorized")
        assert (status(KEY), status(OTHER)) == (200, 401)
        for path in ("/healthz", "/readyz", "/", "/metrics", "/api/docs"):
            assert send(address, head(path, "GET")).status == 200
        for trick in (
            "/api//v1/models",
            "/api/%76%31/models",
            "/api/v1%2Fmodels",
            "/api/docs/../v1/models",
            "/API/v1/models",
        ):
            assert b"efficientnet" not in send(address, head(trick, "GET")).body, trick
        new = tmp_path / "new"
        new.write_text(f"others {OTHER}\n")
        new.replace(file)
        end = time.monotonic() + 5
        while status(OTHER) != 200:
            assert time.monotonic() < end
            time.sleep(0.05)
        assert status(KEY) == 401
        file.unlink()
        assert status(OTHER) == 200
    assert KEY not in log.read_text()
    assert OTHER not in log.read_text()
    assert log.read_text().count("keys from before stay in force") == 1


@pytest.mark.slow
def test_a_wrong_file_ends_the_server_with_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "keys").write_text("mine short\n")
    settings: dict[str, Any] = {"CLASSIFIER_API_KEYS_FILE": str(tmp_path / "keys")}
    with (
        pytest.raises(AssertionError, match=r"Line 1 of the file of keys .* too short"),
        running(tmp_path / "log.txt", settings),
    ):
        pass
