"""The documentation's tables are those of the code and of the benchmarks, in both languages."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import tomlkit
from pydantic_core import PydanticUndefined

from benchmarks import table
from benchmarks.load import cost
from classifier.errors import InputError, UnknownModeError
from classifier.languages import languages
from classifier.package import InputSpec, OutputSpec
from classifier.settings import Settings
from tests.support.every_error import WITH_SENTENCE
from tests.support.pages import (
    DOCS,
    IN_CHINESE,
    README,
    ROOT,
    beside,
    cells,
    links,
    measured,
    name,
    sizes,
    target,
    text,
)


def both(document: Path) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("document", [document, IN_CHINESE[document]], ids=name)


def in_english(cell: str) -> str:
    """A cell whose few words stand in both languages, with those of the English page."""
    for chinese, english in (("未设置", "*unset*"), ("必填", "*required*"), (" 个请求", " requests"), ("、", ", ")):
        cell = cell.replace(chinese, english)
    return cell


def settings_table() -> list[str]:
    """The rows that the page must hold, in the code's own words: name and default."""
    rows = []
    for field_name, field in Settings.model_fields.items():
        default = field.default
        assert default is not PydanticUndefined
        if default in (None, ()):
            shown = "*unset*"
        elif isinstance(default, tuple):
            shown = f"`{','.join(default)}`"
        elif isinstance(default, Path):
            shown = f"`{default.relative_to(ROOT)}`"
        else:
            shown = f"`{default}`"
        rows.append(f"| `CLASSIFIER_{field_name.upper()}` | {shown} | ")
    return rows


@both(DOCS / "settings.md")
def test_every_setting_is_listed_with_its_default(document: Path) -> None:
    listed = re.findall(r"^\| `CLASSIFIER_[A-Z_]+` \| .*? \| ", text(document), re.M)
    assert [in_english(row) for row in listed] == settings_table()


def test_the_settings_are_described_in_the_codes_own_words() -> None:
    for field in Settings.model_fields.values():
        assert f"| {field.description} |" in text(DOCS / "settings.md")


def manifest_table() -> list[list[str]]:
    """The rows of `model.toml`'s keys, in the code's own words: key, default, meaning."""
    rows = []
    for section, spec in (("input", InputSpec), ("output", OutputSpec)):
        for key, field in spec.model_fields.items():
            value = field.default
            unset = "*required*" if value is PydanticUndefined else "*unset*"
            shown = unset if value in (None, PydanticUndefined) else f"`{tomlkit.item(value).as_string()}`"
            rows.append([f"`{section}.{key}`", shown, str(field.description)])
    return rows


@both(DOCS / "models.md")
def test_every_key_of_a_package_is_listed_with_its_default(document: Path) -> None:
    listed = text(document).partition("<!-- keys")[2].partition("<!-- /keys -->")[0]
    expected = manifest_table()
    assert [[key, in_english(default)] for key, default, _ in cells(listed)] == [row[:2] for row in expected]
    if document in IN_CHINESE:
        assert cells(listed) == expected


@pytest.mark.parametrize("kind", ["speed", "peers"])
@both(DOCS / "speed.md")
def test_the_table_of_speeds_is_that_of_the_file_it_names(document: Path, kind: str) -> None:
    file, shown = measured(document, kind)
    # The last column, what was promised, is for the record alone.
    results = [row[:4] for row in cells(text(file))]
    if document in IN_CHINESE:
        assert shown == results
    assert [times(row) for row in shown] == [times(row) for row in results]
    assert file in [target(document, link)[0] for link in links(document)]


def times(row: list[str]) -> tuple[str, str, str]:
    """What is the same in each language: ours, that of the other way, and their ratio."""
    _, ours, against, ratio = row
    return in_english(ours), in_english(re.split(": |：", against)[-1]), ratio


@pytest.mark.parametrize("kind", ["speed", "peers"])
@both(README)
def test_the_readme_shows_a_few_of_those_speeds(document: Path, kind: str) -> None:
    file, few = measured(document, kind)
    whole, every = measured(beside(document, DOCS / "speed.md"), kind)
    assert file == whole
    assert 2 <= len(few) <= 5
    assert [row for row in every if row in few] == few


@both(DOCS / "containers.md")
def test_the_table_of_images_is_that_of_the_file_it_names(document: Path) -> None:
    file, shown = measured(document, "images")
    assert file.parent == ROOT / "benchmarks/results/images"
    assert shown == [[row[0], *row[2:]] for row in cells(text(file))]  # sizes are those of today's images


@both(DOCS / "page.md")
def test_the_table_of_the_pages_parts_is_that_of_the_file_it_names(document: Path) -> None:
    file, shown = measured(document, "page_parts")
    results = cells(text(file))
    if document in IN_CHINESE:
        assert shown == results
    assert [row[1:] for row in shown] == [row[1:] for row in results]
    assert file in [target(document, link)[0] for link in links(document)]


@pytest.mark.parametrize("kind", ["train", "train-time"])
@both(DOCS / "train.md")
def test_the_tables_of_training_are_those_of_the_files_they_name(document: Path, kind: str) -> None:
    file, shown = measured(document, kind)
    results = cells(text(file))
    if document in IN_CHINESE:
        assert shown == results
    numbers = [[re.findall(r"[\d.]+", cell) for cell in row] for row in shown]
    assert numbers == [[re.findall(r"[\d.]+", cell) for cell in row] for row in results]
    assert file in [target(document, link)[0] for link in links(document)]


@pytest.mark.parametrize("kind", ["load", "shed", "visitors", "pods", "pods-shed", "ray-load"])
def test_the_rows_under_load_are_some_of_the_file_they_name(kind: str) -> None:
    page = DOCS / "scaling.md"
    file, shown = measured(page, kind)
    assert len(shown) >= 3
    assert [row for row in cells(text(file)) if row in shown] == shown
    assert file in [target(page, link)[0] for link in links(page)]


def test_what_a_demand_takes_is_what_the_command_says() -> None:
    shown = re.findall(r"^<!-- cost: (\S+) -->\n(.*?)^<!-- /cost -->$", text(DOCS / "scaling.md"), re.M | re.S)
    for size, (file, lines) in zip(cost.PICTURE, shown, strict=True):
        assert lines.splitlines() == cost.table(cost.measured(ROOT / file), 10_000, 1_000_000, size, cost.Habits())


def test_a_first_visit_costs_what_was_measured() -> None:
    _, rows = measured(DOCS / "speed.md", "peers")
    (kilobytes,) = [row[1].removesuffix(" kB") for row in rows if row[0] == "first visit: kB"]
    assert round(int(kilobytes) / 1000, 2) == cost.FIRST_VISIT


def test_measuring_again_leaves_the_results_that_are_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "RESULTS", tmp_path)
    table.save("make bench", ["first"])
    table.save("make bench", ["second"])
    assert sorted(file.read_text("utf-8").split()[-1] for file in tmp_path.iterdir()) == ["first", "second"]


@both(README)
def test_the_readme_says_how_large_the_smallest_image_is(document: Path) -> None:
    for page in (DOCS / "containers.md", DOCS / "zh/containers.md"):
        assert sizes(page) == sizes(DOCS / "containers.md")
    assert f"{sizes(DOCS / 'containers.md')['edge']} MB" in text(document)


@both(DOCS / "promises.md")
def test_the_commands_that_prove_promises_name_tests_that_exist(document: Path) -> None:
    named = re.findall(r"tests/[\w/.]+\.py", text(document))
    assert len(named) > 15
    assert all((ROOT / one).is_file() for one in named)
    modules = re.findall(r"python -m (tests[\w.]+)", text(document))
    assert modules
    assert all((ROOT / f"{one.replace('.', '/')}.py").is_file() for one in modules)


@both(README)
def test_the_readme_shows_a_few_of_those_promises(document: Path) -> None:
    promises = cells(text(beside(document, DOCS / "promises.md")))
    few = [row for row in cells(text(document)) if row[-1].startswith("`make test")]
    assert 3 <= len(few) <= 5
    assert [row for row in promises if row in few] == few


@both(DOCS / "api.md")
def test_the_table_of_codes_is_that_of_the_error_classes(document: Path) -> None:
    language = languages()["zh" if document.parent.name == "zh" else "en"]
    listed = text(document).partition("<!-- codes")[2].partition("<!-- /codes -->")[0]
    expected = []
    for kind in WITH_SENTENCE:
        # Those that no request meets: of names on a command line, and of what a program opened with Pillow.
        if not issubclass(kind, InputError | UnknownModeError):
            sentence = language.tables["errors"].get(kind.code, kind.sentence)
            spaced = sentence.replace(":万}", "} ")  # where the number brings its unit
            named = re.sub(r"\{(\w+)(?:!r|:[^}]*)?\}", r"*\1*", spaced)
            expected.append([f"`{kind.code}`", f"`{kind.status}`", named])
    assert sorted(cells(listed)) == sorted(expected)
