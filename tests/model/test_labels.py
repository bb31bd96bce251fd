"""Promises of `model/labels.*.txt`: one short name for each class, no two alike, and a list of what was changed."""

import hashlib
import re

import pytest

from classifier import ModelPackage
from model.recipes import FOLDER

# Of the files that the names started as; `model/labels.md` says whose they are.
ORIGINALS = {
    "en": "8800e39242cbed4c6889376e20a49cfdaf4f84a773a6686d15c3b39972ef94c4",
    "zh": "2ac30e4cc2bfb18a36c81e25f4129e1a8ed4a720f3e520c819a0d4da0c13b825",
}
HAN = "\u3400-\u4dbf\u4e00-\u9fff"
FORM = {
    # Words of letters, with hyphens (T-shirt), apostrophes (potter's wheel) and abbreviations (St. Bernard).
    "en": re.compile(r"[A-Za-z]+([-'.]+[A-Za-z]*)*( [A-Za-z]+([-'.]+[A-Za-z]*)*){0,3}"),
    "zh": re.compile(rf"[{HAN}]{{1,10}}|iPod|CD播放器|T恤衫|福特T型车"),
}
REASON = re.compile(r"(wrong|unclear): .+|(accepted|usual|form)(: .+)?")


def names(language: str) -> list[str]:
    return (FOLDER / f"labels.{language}.txt").read_text("utf-8").removesuffix("\n").split("\n")


def changes(language: str) -> dict[int, tuple[str, str, str]]:
    """From `model/labels.md`: class, then the name before, the name now and the reason."""
    title = {"en": "English", "zh": "Chinese"}[language]
    _, _, after = (FOLDER / "labels.md").read_text("utf-8").partition(f"\n## {title}\n")
    rows = re.findall(r"^\| (\d+) \|(.+)\|$", after.partition("\n## ")[0], re.M)
    found = {}
    for index, row in rows:
        before, now, why = (cell.strip() for cell in row.split("|")[-3:])
        found[int(index)] = (before, now, why)
    assert len(found) == len(rows)
    return found


@pytest.mark.parametrize("language", FORM)
def test_each_class_has_one_short_name(language: str) -> None:
    found = names(language)
    assert len(found) == 1000
    assert [name for name in found if not FORM[language].fullmatch(name)] == []
    # "or" joins two names, "and" belongs to some (mortar and pestle).
    assert [name for name in found if " or " in name or len(name) > 31] == []


@pytest.mark.parametrize("language", FORM)
def test_no_two_classes_have_names_that_are_alike(language: str) -> None:
    loose = [re.sub(r"[\s.'-]", "", name).casefold() for name in names(language)]
    assert sorted(name for name in set(loose) if loose.count(name) > 1) == []


@pytest.mark.parametrize("language", ORIGINALS)
def test_every_change_is_listed_with_its_reason(language: str) -> None:
    now, listed = names(language), changes(language)
    assert list(listed) == sorted(listed)
    for index, (before, name, why) in listed.items():
        assert name == now[index] != before, index
        assert REASON.fullmatch(why), (index, why)
    original = [listed[index][0] if index in listed else name for index, name in enumerate(now)]
    assert hashlib.sha256(("\n".join(original) + "\n").encode()).hexdigest() == ORIGINALS[language]


def test_the_list_names_each_class_in_english_as_the_labels_do() -> None:
    english = names("en")
    text = (FOLDER / "labels.md").read_text("utf-8").partition("\n## Chinese\n")[2]
    rows = re.findall(r"^\| (\d+) \| ([^|]+) \|", text, re.M)
    assert len(rows) == len(changes("zh"))
    assert [(index, name) for index, name in rows if english[int(index)] != name] == []


@pytest.mark.parametrize("package", ["efficientnet-lite0", "efficientnet-lite2"])
@pytest.mark.parametrize("language", FORM)
def test_the_packages_show_these_names(package: str, language: str) -> None:
    assert list(ModelPackage.load(FOLDER / package).labels[language]) == names(language)
