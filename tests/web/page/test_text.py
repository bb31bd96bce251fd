"""The page's and the report's words: in the visitor's language, and in the languages' files only."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from classifier.evaluation import html
from tests.support.page import CAT, bars, page, upload, words
from web.page import text

PAGE = Path(text.__file__).parent
MODULES = sorted([*PAGE.glob("*.py"), *Path(html.__file__).parent.glob("*.py")])


@pytest.mark.parametrize("path", MODULES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_no_words_for_people_stand_outside_the_texts(path: Path) -> None:
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


@pytest.mark.parametrize(
    ("device", "language", "said"),
    [
        ("CPU (1 thread)", "en", "CPU (1 thread)"),
        ("CPU (2 threads)", "zh", "CPU（2 个线程）"),
        ("CPU (1 thread)", "zh", "CPU（1 个线程）"),
        ("GPU (NVIDIA L4)", "zh", "GPU（NVIDIA L4）"),
        ("GPU (2 threads of it)", "en", "GPU (2 threads of it)"),
        ("NVIDIA L4", "zh", "NVIDIA L4"),
    ],
)
def test_a_device_is_named_in_the_visitors_language(
    monkeypatch: pytest.MonkeyPatch, device: str, language: str, said: str
) -> None:
    monkeypatch.setattr(text, "language", lambda: language)
    assert text.device_text(device) == said


@pytest.mark.parametrize("locale", ["zh-CN", "zh", "zh-Hant-TW"])
def test_a_chinese_browser_gets_chinese(locale: str) -> None:
    assert "图片里是什么" in words(page(locale))


def test_any_other_browser_gets_english() -> None:
    assert "What is in your picture?" in words(page("fr-FR"))


def test_the_language_is_switched_both_ways_without_another_look(calls: list[str]) -> None:
    test = upload(page(), CAT)
    english = bars(test)
    test.segmented_control(key="lang").set_value("zh").run()
    assert "图片里是什么" in words(test)
    assert "最有可能" in words(test)
    assert bars(test)[0][0] in {"虎斑猫", "虎纹猫", "埃及猫"}
    assert [value for _, value in bars(test)] == [value for _, value in english]
    test.segmented_control(key="lang").set_value("en").run()
    assert bars(test) == english
    assert len(calls) == 1


def test_an_error_is_said_in_chinese() -> None:
    test = upload(page("zh-CN"), CAT[:3000])
    assert "文件已损坏或不完整" in test.error[0].value
