"""The documentation holds together: short enough, the same in both languages, every link leads somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.chinese import wrongly_set
from tests.support.pages import (
    DOCS,
    IN_CHINESE,
    README,
    ROOT,
    code_spans,
    every_page,
    fenced,
    headings,
    leads_to,
    links,
    name,
    prose,
    sentences,
    target,
    text,
)

EVERY = pytest.mark.parametrize("document", every_page(), ids=name)
IN_BOTH = pytest.mark.parametrize(("english", "chinese"), IN_CHINESE.items(), ids=map(name, IN_CHINESE))


@pytest.mark.parametrize("document", [README, IN_CHINESE[README]], ids=name)
def test_the_readme_is_read_in_a_few_minutes(document: Path) -> None:
    assert document.stat().st_size <= 9000


@IN_BOTH
def test_both_languages_have_the_same_headings_and_blocks(english: Path, chinese: Path) -> None:
    assert [level for level, _ in headings(english)] == [level for level, _ in headings(chinese)]
    assert fenced(english) == fenced(chinese)


@IN_BOTH
def test_both_languages_have_the_same_links_and_tables(english: Path, chinese: Path) -> None:
    def rows(document: Path) -> list[int]:
        return [line.count("|") for line in text(document).splitlines() if line.startswith("|")]

    assert sorted(leads_to(english, link) for link in links(english)) == sorted(
        leads_to(chinese, link) for link in links(chinese)
    )
    assert rows(english) == rows(chinese)


@IN_BOTH
def test_a_chinese_page_leads_to_chinese_pages_where_there_are_some(english: Path, chinese: Path) -> None:
    inside = [link for link in links(chinese) if not link.startswith("http")]
    goals = [target(chinese, link)[0] for link in inside]
    assert [goal for goal in goals if goal in IN_CHINESE] == [english]


@IN_BOTH
def test_both_languages_name_the_same_commands_files_and_values(english: Path, chinese: Path) -> None:
    assert set(code_spans(english)) == set(code_spans(chinese))


@IN_BOTH
def test_both_languages_give_the_same_sizes_and_shares(english: Path, chinese: Path) -> None:
    def measures(document: Path) -> set[tuple[str, str]]:
        found = re.findall(r"(\d[\d,]*(?:\.\d+)?) ?(kB|MB|GB|Mbit/s|%)", prose(document))
        return {(number.replace(",", ""), unit) for number, unit in found}

    assert measures(english) == measures(chinese)


@IN_BOTH
def test_chinese_pages_are_set_as_chinese_is(english: Path, chinese: Path) -> None:
    assert [found for line in sentences(chinese) for found in wrongly_set(line)] == []


@IN_BOTH
def test_chinese_words_are_quoted_and_not_slanted(english: Path, chinese: Path) -> None:
    """No Chinese font has italics: browsers slant its characters, which is hard to read."""
    assert re.findall(r"(?<!\*)\*[\u4e00-\u9fff]+\*(?!\*)", prose(chinese)) == []


@IN_BOTH
def test_bold_words_of_chinese_text_are_bold(english: Path, chinese: Path) -> None:
    """Between punctuation and a character, two asterisks begin or end nothing: they are shown as they are."""
    for before, words, behind in re.findall(r"(\w?)\*\*([^*\n]+)\*\*(\w?)", prose(chinese)):
        assert not re.search(r"\w[，。；：？！、（）“”]", before + words[0]), words
        assert not re.search(r"[，。；：？！、（）“”]\w", words[-1] + behind), words


@IN_BOTH
def test_an_address_in_chinese_text_ends_where_it_should(english: Path, chinese: Path) -> None:
    """GitHub makes a link of a bare address up to the next space, Chinese punctuation included."""
    assert [one for one in re.findall(r"https?://[^\s()<>`]+", prose(chinese)) if not one.isascii()] == []


@IN_BOTH
def test_what_chinese_pages_say_is_in_english_is_so(english: Path, chinese: Path) -> None:
    said = re.findall(r"\]\(([^)\s]+)\)（英文）", text(chinese))
    assert [link for link in said if link.startswith("http") or target(chinese, link)[0] in IN_CHINESE.values()] == []


@EVERY
def test_links_lead_somewhere(document: Path) -> None:
    for link in links(document):
        if not link.startswith(("http", "mailto:")):
            file, anchor = target(document, link)
            assert file.exists(), link
            assert not anchor or anchor in [slug for _, slug in headings(file)], link


def test_the_index_lists_every_page() -> None:
    listed = {target(DOCS / "README.md", link)[0] for link in links(DOCS / "README.md")}
    assert set(DOCS.glob("*.md")) - listed == {DOCS / "README.md"}


def test_make_commands_exist() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for document in every_page():
        for named in set(re.findall(r"(?:^|`)make ([a-z][a-z0-9-]+)", text(document), re.M)):
            assert re.search(rf"^(?:[a-z-]+ )*{named}:", makefile, re.M), f"make {named} in {name(document)}"
    assert {"make demo", "make test"} <= set(text(README).splitlines())


def test_what_contributing_says_is_there_is_there() -> None:
    # A name in capitals stands for one to choose.
    named = [one for one in re.findall(r"`([\w./-]+/[\w./-]*)`", prose(ROOT / "CONTRIBUTING.md")) if one.islower()]
    assert len(named) > 20
    assert [one for one in named if not (ROOT / one).exists()] == []


def test_the_changelog_has_the_form_of_keep_a_changelog() -> None:
    document = text(ROOT / "CHANGELOG.md")
    unreleased, *released = re.findall(r"^## (.+)$", document, re.M)
    assert unreleased == "Unreleased"
    assert all(re.fullmatch(r"\d+\.\d+\.\d+ - \d{4}-\d\d-\d\d", one) for one in released)
    kinds = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
    assert set(re.findall(r"^### (.+)$", document, re.M)) <= kinds
