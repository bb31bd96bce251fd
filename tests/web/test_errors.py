"""Each error has one code and one sentence, and page, API and command line all tell it so."""

from __future__ import annotations

import json
from typing import Any, NoReturn

import pytest
from starlette.testclient import TestClient

from classifier import Classifier, cli, errors
from classifier.errors import ClassifierError
from classifier.inputs import as_ours
from classifier.languages import languages
from tests.support import page
from tests.support.every_error import KINDS, WITH_SENTENCE, raised
from tests.support.photos import photo
from web.models import Models

PANDA = photo("panda.webp")
EVERY = pytest.mark.parametrize("kind", WITH_SENTENCE, ids=lambda kind: kind.code)


def raising(error: Exception) -> Any:
    def classify(*_: object, **__: object) -> NoReturn:
        raise error

    return classify


def test_codes_and_sentences_are_unique() -> None:
    assert len({kind.code for kind in KINDS}) == len(KINDS)
    assert len({kind.sentence for kind in WITH_SENTENCE}) == len(WITH_SENTENCE)
    assert len(WITH_SENTENCE) > 25


@EVERY
def test_a_sentence_ends_and_is_filled_in(kind: type[ClassifierError]) -> None:
    error = raised(kind)
    assert error.message[0].isupper()
    assert error.message.endswith(".")
    assert not set("{}") & set(error.message)
    with pytest.raises(TypeError, match="details only"):
        kind("a sentence of its own")


@EVERY
def test_the_api_answers_status_code_and_sentence(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, kind: type[ClassifierError]
) -> None:
    error = raised(kind)
    monkeypatch.setattr(Models, "classify", raising(error))
    response = client.post("/api/v1/classify", content=PANDA.read_bytes(), headers={"Content-Type": "image/webp"})
    assert response.status_code == error.status
    assert response.headers["content-type"] == "application/problem+json"
    body = response.json()
    assert (body["status"], body["code"], body["detail"]) == (error.status, error.code, error.message)
    wait = response.headers.get("retry-after")
    assert wait == (None if error.retry_after is None else str(error.retry_after))


@pytest.mark.parametrize("code", languages())
@EVERY
def test_the_page_says_it_in_the_visitors_language(
    monkeypatch: pytest.MonkeyPatch, kind: type[ClassifierError], code: str
) -> None:
    error = raised(kind)
    monkeypatch.setattr(Models, "classify", raising(error))
    said = page.classify(PANDA.read_bytes()).json()["texts"][code]
    if code == "en":
        assert said == error.message
    else:
        assert said == languages()[code].error(error)
    texts = [text for value in error.details.values() for text in (value if isinstance(value, list) else [value])]
    assert all(text in said for text in texts if isinstance(text, str))


def test_the_command_line_says_code_and_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    told: list[ClassifierError | OSError] = [raised(kind) for kind in WITH_SENTENCE]
    told += [FileNotFoundError(2, "No such file"), PermissionError(13, "Permission denied"), OSError(5, "I/O error")]
    monkeypatch.setattr(Classifier, "classify_many", lambda *_: iter(told[: len(list(_[1]))]))
    assert cli.main(["classify", "--json", *[str(PANDA)] * len(told)]) == 1
    out, err = capsys.readouterr()
    expected = [as_ours(error) for error in told]
    found = [one["error"] for one in json.loads(out)["results"]]
    assert found == [{"code": error.code, "detail": error.message} for error in expected]
    assert err.splitlines() == [f"classifier: {PANDA}: {error.message}" for error in expected]
    assert [error.code for error in expected[-3:]] == ["missing_file", "not_permitted", "not_readable"]


def test_what_ends_the_command_is_the_same_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["classify", "--lang", "xx", str(PANDA)]) == 2
    wanted = errors.UnknownLanguageError(model="efficientnet-lite2", lang="xx", languages=["en", "zh"])
    assert capsys.readouterr().err == f"classifier: {wanted.message}\n"
