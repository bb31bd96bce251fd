"""The page's words: complete in both languages, and all in one place."""

from __future__ import annotations

import ast
import string
from pathlib import Path

import pytest

from classifier import errors
from classifier.errors import ClassifierError
from web.page import text
from web.page.text import LANGUAGES, TEXTS

PAGE = Path(text.__file__).parent
MODULES = sorted(path for path in PAGE.glob("*.py") if path.name != "text.py")


def _fields(template: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(template) if name}


def _kinds(base: type[ClassifierError]) -> list[type[ClassifierError]]:
    return [base, *(kind for child in base.__subclasses__() for kind in _kinds(child))]


@pytest.mark.parametrize("key", TEXTS)
def test_every_text_is_there_in_every_language_with_the_same_values(key: str) -> None:
    assert set(TEXTS[key]) == set(LANGUAGES)
    assert all(words.strip() for words in TEXTS[key].values())
    first, *others = [_fields(words) for words in TEXTS[key].values()]
    assert all(fields == first for fields in others)


@pytest.mark.parametrize("kind", _kinds(errors.ClassifierError))
def test_every_error_has_a_text(kind: type[ClassifierError]) -> None:
    assert f"error.{kind.code}" in TEXTS


@pytest.mark.parametrize(
    "error",
    [
        errors.ImageError("…", format="PNG"),
        errors.UnsupportedFormatError("…", formats="JPEG, PNG"),
        errors.TooManyBytesError("…", limit="20 MB"),
        errors.TooManyPixelsError("…", size="1 x 1", limit="50", side="65,535"),
        errors.UnknownModelError("…", model="x", models="y, z"),
    ],
)
@pytest.mark.parametrize("language", LANGUAGES)
def test_an_error_says_its_details(monkeypatch: pytest.MonkeyPatch, error: ClassifierError, language: str) -> None:
    monkeypatch.setattr(text, "language", lambda: language)
    said = text.error_text(error)
    wanted = _fields(TEXTS[f"error.{error.code}"]["en"])
    assert all(str(error.details[name]) in said for name in wanted)
    assert "{" not in said


def test_an_error_without_its_details_still_has_a_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text, "language", lambda: "en")
    assert "image" in text.error_text(errors.ImageError("no details"))
    assert text.error_text(errors.TooManyBytesError("no details")) == "no details"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.name)
def test_no_words_for_people_stand_outside_the_catalogue(path: Path) -> None:
    """Two words in a row, or Chinese, in a string that is neither a docstring, code for a browser, nor a log."""
    tree = ast.parse(path.read_text("utf-8"))
    exempt = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            exempt.add(node.value)
        if isinstance(node, ast.Call) and ast.unparse(node.func).startswith("log."):
            exempt.update(child for child in ast.walk(node) if isinstance(child, ast.Constant))
    found = [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and node not in exempt
        and _for_people(node.value)
    ]
    assert not found


def _for_people(value: str) -> bool:
    if any("\u4e00" <= letter <= "\u9fff" for letter in value):
        return True
    words = value.split()
    return len(words) > 1 and all(word.strip(".,:!?").isalpha() for word in words) and not _classes(value)


def _classes(value: str) -> bool:
    """Names of CSS classes, as in `bar best`."""
    return value in (PAGE / "style.css").read_text("utf-8") or value in {"bar best", "has-picture"}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.name)
def test_every_key_that_is_asked_for_exists(path: Path) -> None:
    asked = [
        node.args[0].value
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "t" and isinstance(node.args[0], ast.Constant)
    ]
    assert set(asked) <= set(TEXTS)
