"""Somebody's own model on the page: Teachable Machine's zip, given to the server as it is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page

from classifier import Classifier
from classifier.importing.core import import_model
from tests.support.imported import teachable_zip
from tests.support.photos import photo
from tests.support.server import running
from tests.support.steps import best, opened, upload

LABELS = ("Kettle", "Teapot", "Cup")


@pytest.fixture(scope="module")
def export(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return teachable_zip(tmp_path_factory.mktemp("own"), LABELS)


@pytest.fixture(scope="module")
def server(export: Path) -> Iterator[str]:
    with running(export.parent / "log.txt", {"CLASSIFIER_MODEL": str(export)}) as address:
        yield address


def test_the_page_shows_its_labels(blank: Page, server: str, export: Path, tmp_path: Path) -> None:
    import_model(export, tmp_path / "package")
    expected = Classifier.load(tmp_path / "package").classify(photo("cat.webp")).predictions[0].label
    visit = opened(blank, server)
    upload(visit, photo("cat.webp"))
    assert best(visit) == expected
    assert visit.locator(".bar .label").all_text_contents()[0] in LABELS
