"""A closed tab leaves nothing behind."""

from __future__ import annotations

import re
import time
import tomllib
import urllib.request
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.support.photos import photo
from tests.support.server import ROOT, running
from tests.support.steps import best, opened, upload
from web.streamlit_internals.sessions import SECONDS


def uploaded_bytes(address: str) -> float:
    """What the server says it holds of visitors' uploads."""
    with urllib.request.urlopen(f"{address}/metrics", timeout=10) as response:
        lines = response.read().decode()
    found = re.search(r"^classifier_upload_bytes (\S+)$", lines, re.M)
    assert found
    return float(found[1])


def test_what_a_closed_tab_holds_is_freed_within_a_minute() -> None:
    server = tomllib.loads((ROOT / ".streamlit/config.toml").read_text("utf-8"))["server"]
    assert server["disconnectedSessionTTL"] + SECONDS < 60


@pytest.mark.slow
def test_an_upload_is_freed_after_its_tab_was_closed(browser: Browser, tmp_path: Path) -> None:
    environment = {"STREAMLIT_SERVER_DISCONNECTED_SESSION_TTL": "1"}
    with running(tmp_path / "log.txt", environment) as address:
        context = browser.new_context(locale="en-US")
        page = opened(context.new_page(), address)
        upload(page, photo("volleyball.webp"))
        assert best(page)
        end = time.monotonic() + 10
        while not uploaded_bytes(address):
            assert time.monotonic() < end, "the upload is not counted"
            time.sleep(0.2)
        context.close()
        end = time.monotonic() + SECONDS + 1 + 10
        while uploaded_bytes(address):
            assert time.monotonic() < end, "the upload is still held"
            time.sleep(0.2)
