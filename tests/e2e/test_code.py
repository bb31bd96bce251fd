"""The programs that the page writes for visitors run as they are copied, and say what the page says."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.photos import photo
from tests.support.server import ROOT, started
from tests.support.steps import best, opened, upload

BISON = photo("bison.webp")
ASKED = "model=cifar10&view=whole&k=3"
KEY = "c0ffee" * 6
LANGUAGES = ("curl", "python", "javascript")
NODE = shutil.which("node") or shutil.which("node", path=str(ROOT / ".venv/lint-container/bin"))


def copied(page: Page, language: str) -> str:
    """A program, from the clipboard."""
    page.locator(f"[data-code={language}]").click()
    page.locator("#code-copy").click()
    expect(page.locator("#code-said")).to_have_text("Copied")
    text: str = page.evaluate("navigator.clipboard.readText()")
    assert text == page.locator("#code-text").text_content()
    return text


def programs(browser: Browser, address: str) -> tuple[dict[str, str], list[str]]:
    """The programs by language, and the labels that the page shows of the picture."""
    context = browser.new_context(locale="en-US", permissions=["clipboard-read", "clipboard-write"])
    page = opened(context.new_page(), f"{address}/?{ASKED}")
    upload(page, BISON)
    best(page)
    page.locator("#code-open").click()
    found = {language: copied(page, language) for language in LANGUAGES}
    labels = page.locator("#bars .label").all_text_contents()
    context.close()
    return found, labels


@pytest.fixture(scope="module")
def copies(browser: Browser, server: str) -> tuple[dict[str, str], list[str]]:
    return programs(browser, server)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where somebody has their picture."""
    shutil.copy(BISON, tmp_path / "picture.jpg")
    return tmp_path


def ran(program: str, language: str, folder: Path) -> list[str]:
    """The labels that a program prints."""
    commands: dict[str, Callable[[], list[str]]] = {
        "curl": lambda: ["bash", "-c", program],
        "python": lambda: [sys.executable, "-I", "-c", program],
        "javascript": lambda: [str(NODE), "classify.mjs"],
    }
    if language == "javascript":
        if NODE is None:
            pytest.skip("there is no Node here")
        (folder / "classify.mjs").write_text(program, "utf-8")
    done = subprocess.run(commands[language](), cwd=folder, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    if language == "curl":
        return [one["label"] for one in json.loads(done.stdout)["results"][0]["predictions"]]
    return [line.partition("%")[2].strip() for line in done.stdout.splitlines()]


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_program_says_what_the_page_says(
    copies: tuple[dict[str, str], list[str]], language: str, folder: Path
) -> None:
    texts, labels = copies
    assert len(labels) == 3
    assert ran(texts[language], language, folder) == labels


def test_the_javascript_also_runs_in_a_page(blank: Page, copies: tuple[dict[str, str], list[str]], server: str) -> None:
    texts, labels = copies
    blank.goto(f"{server}/healthz")
    blank.evaluate("document.body.innerHTML = '<input type=file>'")
    blank.locator("input").set_input_files(BISON)
    said: list[str] = []
    blank.on("console", lambda message: said.append(message.text))
    blank.evaluate(f"(async () => {{ {texts['javascript']} }})()")
    assert [line.partition("%")[2].strip() for line in said] == labels


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server under a path, whose API wants a key."""
    folder = tmp_path_factory.mktemp("guarded")
    (folder / "keys").write_text(f"visitor {KEY}\n")
    settings = {"CLASSIFIER_BASE_PATH": "demo", "CLASSIFIER_API_KEYS_FILE": str(folder / "keys")}
    with started(folder / "log.txt", settings, launcher=True) as (_, address):
        yield address


def test_under_a_path_and_with_a_key_they_run_as_well(browser: Browser, guarded: str, folder: Path) -> None:
    texts, labels = programs(browser, guarded)
    for language, text in texts.items():
        assert f"{guarded}/api/v1/classify?" in text
        assert text.count("YOUR_KEY") == 1
        if language != "javascript" or NODE:
            assert ran(text.replace("YOUR_KEY", KEY), language, folder) == labels
    refused = subprocess.run([sys.executable, "-I", "-c", texts["python"]], cwd=folder, capture_output=True, text=True)
    assert '"unauthorized"' in refused.stderr


def test_a_model_without_labels_in_the_pages_language_is_asked_for_in_its_own(visit: Page, server: str) -> None:
    opened(visit, f"{server}/?lang=es")
    visit.locator("#code-open").click()
    expect(visit.locator("#code-text")).to_contain_text("lang=en")
    visit.locator("[data-lang=zh]").click()
    expect(visit.locator("#code-text")).to_contain_text("lang=zh")


@pytest.mark.parametrize("command", ["works", "fails"])
def test_where_the_clipboard_is_forbidden_an_older_way_or_the_visitor_copies(
    browser: Browser, server: str, command: str
) -> None:
    context = browser.new_context(locale="en-US")
    context.add_init_script("Object.defineProperty(navigator, 'clipboard', { value: undefined })")
    page = opened(context.new_page(), server)
    if command == "fails":
        page.evaluate("document.execCommand = () => false")
    page.locator("#code-open").click()
    page.locator("#code-copy").click()
    words = "Copied" if command == "works" else "The text is marked"
    expect(page.locator("#code-said")).to_contain_text(words)
    assert page.evaluate("getSelection().toString().trim()") == page.locator("#code-text").inner_text().strip()
    context.close()
