"""An open page follows models that change: no answer of an old one is shown again, and it offers those there are."""

from __future__ import annotations

import json
import shutil
import urllib.request
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.support.changing import swap, write
from tests.support.server import running
from tests.support.steps import best, opened, refusal, sample, settings
from tests.support.waiting import until


def offered(address: str) -> dict[str, str]:
    """The models of a server and their versions."""
    with urllib.request.urlopen(f"{address}/api/v1/models", timeout=30) as answer:
        return {one["name"]: one["version"] for one in json.load(answer)["models"]}


def test_an_open_page_follows_models_that_are_changed_added_and_removed(blank: Page, tmp_path: Path) -> None:
    folder = tmp_path / "models"
    write(folder / "first", 1)
    wanted = {"CLASSIFIER_MODELS": str(folder), "CLASSIFIER_MODEL": "first", "CLASSIFIER_RELOAD": "0.2"}
    with running(tmp_path / "log.txt", wanted) as address:
        visit = opened(blank, address)
        said, choice = visit.locator("#took"), visit.locator("#model option")
        sample(visit, "koala")
        best(visit)
        expect(said).to_contain_text("Edition 1")

        before = offered(address)["first"]
        swap(folder / "first", 2)
        write(folder / "second", 3)
        until(lambda: "second" in offered(address) and offered(address)["first"] != before, 30)
        sample(visit, "panda")
        expect(said).to_contain_text("Edition 2")
        sample(visit, "koala")
        expect(said).to_contain_text("Edition 2")
        settings(visit)
        expect(choice).to_have_text(["Edition 2", "Edition 3"])
        visit.locator("#model").select_option("second")
        expect(said).to_contain_text("Edition 3")

        shutil.rmtree(folder / "second")
        until(lambda: "second" not in offered(address), 30)
        sample(visit, "panda")
        expect(refusal(visit)).to_contain_text("second")
        expect(choice).to_have_text(["Edition 2"])
        visit.get_by_role("button", name="Koala").click()
        expect(said).to_contain_text("Edition 2")
