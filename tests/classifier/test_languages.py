"""The languages: complete, all alike, and chosen by one rule."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from classifier import errors, inputs
from classifier.languages import FOLDER, choose, languages
from tests.support.chinese import wrongly_set
from tests.support.every_error import KINDS, WITH_SENTENCE, fields
from web.page import gallery

ROOT = FOLDER.parent.parent
CODES = list(languages())
OTHERS = [code for code in CODES if code != "en"]
TABLES = ("page", "parts", "errors", "samples", "report")

# Where the words of these tables are asked for.
SOURCES = [
    *(ROOT / "web").rglob("*.py"),
    *(ROOT / "classifier/evaluation/html").glob("*.py"),
    ROOT / "classifier/result.py",  # why an answer is not sure
    ROOT / "classifier/languages.py",
]


def test_english_comes_first() -> None:
    assert CODES[0] == "en"
    assert {"en", "es", "zh"} <= set(CODES)


@pytest.mark.parametrize("code", CODES)
def test_a_language_is_its_files_code_and_says_how_it_is_called(code: str) -> None:
    language = languages()[code]
    assert (FOLDER / f"{code}.toml").is_file()
    assert language.name.strip()
    assert choose(language.html) is choose(code) is language
    assert all(prefix == prefix.lower() for prefix in language.prefixes)
    assert set(language.tables) == set(TABLES)


@pytest.mark.parametrize("code", OTHERS)
@pytest.mark.parametrize("table", ["page", "parts", "samples", "report"])
def test_every_language_has_the_same_keys_with_the_same_values(code: str, table: str) -> None:
    english, other = (languages()[one].tables[table] for one in ("en", code))
    assert list(other) == list(english)
    assert {key: fields(text) for key, text in other.items()} == {key: fields(text) for key, text in english.items()}


def test_chinese_texts_are_set_as_chinese_is() -> None:
    texts = {f"{name}.{key}": text for name, table in languages()["zh"].tables.items() for key, text in table.items()}
    assert {key: found for key, text in texts.items() if (found := wrongly_set(text))} == {}


def test_spanish_texts_open_what_they_close() -> None:
    texts = [text for table in languages()["es"].tables.values() for text in table.values()]
    for text in texts:
        assert all(text.count(first) == text.count(last) for first, last in ("¿?", "¡!", "«»", "()")), text
        assert '"' not in text, "the quotation marks of Spanish are «»"


@pytest.mark.parametrize("code", CODES)
def test_no_text_is_empty_or_broken_over_lines(code: str) -> None:
    for table in languages()[code].tables.values():
        assert all(text.strip() and "\n" not in text for text in table.values())


def test_english_has_visitors_texts_for_just_those_errors_that_speak_to_operators() -> None:
    assert set(languages()["en"].tables["errors"]) == {kind.code for kind in KINDS if not kind.sentence}


@pytest.mark.parametrize("code", OTHERS)
def test_every_other_language_has_a_text_for_every_error_with_the_same_values(code: str) -> None:
    texts = languages()[code].tables["errors"]
    assert set(texts) == {kind.code for kind in KINDS}
    assert {kind.code: fields(texts[kind.code]) for kind in WITH_SENTENCE} == {
        kind.code: fields(kind.sentence) for kind in WITH_SENTENCE
    }


def test_no_key_of_the_page_has_two_texts() -> None:
    tables = languages()["en"].tables
    assert not set(tables["page"]) & set(tables["parts"]), "the page's scripts know both by their keys alone"


@pytest.mark.parametrize("code", CODES)
def test_every_sentence_says_something_else(code: str) -> None:
    texts = [*languages()[code].tables["errors"].values()]
    texts += [kind.sentence for kind in WITH_SENTENCE] if code == "en" else []
    assert len(set(texts)) == len(texts)


@pytest.mark.parametrize("code", CODES)
def test_every_sample_has_a_title(code: str) -> None:
    assert set(languages()[code].tables["samples"]) == {Path(file).stem for file in gallery.samples()}


def asked_for(file: Path) -> Iterator[str]:
    """Keys: the first text that `t`, `words` and `text` are called with, after the table's name."""
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in ("t", "words", "text"):
            texts = [one.value for one in node.args if isinstance(one, ast.Constant) and isinstance(one.value, str)]
            yield from [one for one in texts if one not in TABLES][:1]


def test_every_key_that_is_asked_for_exists() -> None:
    asked = {key for file in SOURCES for key in asked_for(file)}
    assert len(asked) > 60
    assert asked <= {key for table in ("page", "parts", "report") for key in languages()["en"].tables[table]}


@pytest.mark.parametrize("table", ["page", "parts", "report"])
def test_every_key_is_asked_for(table: str) -> None:
    page = [
        ROOT / "web/page/page.html",
        *(ROOT / "web/page").glob("parts/*.html"),
        *(ROOT / "web/page").glob("scripts/*.js"),
    ]
    code = "\n".join(file.read_text("utf-8") for file in [*SOURCES, *page])
    made = ("stage_", "download_")  # keys put together
    unused = [key for key in languages()["en"].tables[table] if f'"{key}"' not in code and f"'{key}'" not in code]
    assert [key for key in unused if not key.startswith(made)] == []


@pytest.mark.parametrize(
    ("wishes", "code"),
    [
        (("zh",), "zh"),
        (("zh-CN",), "zh"),
        (("zh-Hant-TW",), "zh"),
        (("zh_CN",), "zh"),
        (("ZH-cn",), "zh"),
        (("en-GB",), "en"),
        (("zhx",), "en"),  # another language's tag that begins alike
        ((), "en"),
        ((None, "", "zh"), "zh"),
        (("fr", "zh"), "zh"),
        (("es-419",), "es"),
        (("ca-ES,ca;q=0.9,es;q=0.8,en;q=0.7",), "es"),
        (("en", "zh"), "en"),
        (("zh-CN,zh;q=0.9,en;q=0.8",), "zh"),
        (("fr-FR,fr;q=0.9,zh;q=0.4",), "zh"),
        (("en;q=0.5, zh ; q=0.7",), "zh"),
        (("en;q=0.5,zh;q=0.5",), "en"),
        (("zh;q=0,fr",), "en"),
        (("zh;q=nan,zh;q=-1,zh;q=9,zh;x=1",), "en"),
        (("*",), "en"),
        (("*;q=0.1,zh;q=0.2",), "zh"),
        ((";,;q=1,,-",), "en"),
        (("../zh",), "en"),
        (("z" * 10_000, "zh"), "zh"),
    ],
)
def test_the_first_wish_that_can_be_met_decides(wishes: tuple[str | None, ...], code: str) -> None:
    assert choose(*wishes).code == code


def test_of_two_languages_the_one_that_names_more_of_the_tag_serves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for code, prefixes in (("en", '["en"]'), ("zh", '["zh"]'), ("zh-TW", '["zh-tw", "zh-hk", "zh-hant"]')):
        head = f'[language]\ncode = "{code}"\nname = "x"\nhtml = "{code}"\nprefixes = {prefixes}\n'
        (tmp_path / f"{code}.toml").write_text(head, "utf-8")
    monkeypatch.setattr("classifier.languages.FOLDER", tmp_path)
    assert [choose(tag).code for tag in ("zh-TW", "zh-Hant-MO", "zh-CN", "zh", "zh-TWX")] == [
        *("zh-TW", "zh-TW", "zh", "zh", "zh"),
    ]


@pytest.mark.parametrize(
    ("error", "english", "chinese"),
    [
        (FileNotFoundError(2, "x"), "There is no such file. Check its name and folder.", "没有这个文件。"),
        (OSError(5, "Input/output error"), "This file cannot be read: Input/output error.", "无法读取这个文件："),
        (errors.EmptyFileError(), "This file is empty. Export or download the picture again.", "这个文件是空的。"),
    ],
)
def test_what_the_system_says_of_a_file_is_one_of_our_errors(
    error: OSError | errors.ClassifierError, english: str, chinese: str
) -> None:
    ours = inputs.as_ours(error)
    assert inputs.code_and_sentence(error) == (ours.code, english)
    assert languages()["en"].error(ours) == english
    assert languages()["zh"].error(ours).startswith(chinese)


@pytest.mark.parametrize("code", CODES)
def test_what_operators_are_told_is_not_told_to_visitors(code: str) -> None:
    language = languages()[code]
    for kind in (errors.PackageError, errors.ModelFileError, errors.BackendError, errors.InputError):
        said = language.error(kind("/secret/model.toml: weights.litert.file"))
        assert said == language.tables["errors"][kind.code]
    assert language.error(ZeroDivisionError("secret")) == language.tables["errors"]["internal"]
