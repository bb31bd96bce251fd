"""What a browser reads before it installs the page: addresses that hold under every path, icons that are there."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import numpy as np
import pytest
from PIL import Image
from starlette.applications import Starlette
from starlette.testclient import TestClient

from classifier.languages import languages
from web.own_files import STATIC
from web.page import installing
from web.page.installing import ICONS, head


@pytest.fixture
def client() -> TestClient:
    return TestClient(Starlette(routes=installing.ROUTES))


def test_the_manifest_is_in_the_language_that_is_asked_for(client: TestClient) -> None:
    for code, language in languages().items():
        found = client.get(f"/manifest.webmanifest?lang={code}")
        assert found.headers["content-type"] == "application/manifest+json"
        assert found.json()["name"] == language.text("page", "name")
        assert found.json()["lang"] == language.html
        assert f"./manifest.webmanifest?lang={code}" in head(language)
    assert client.get("/manifest.webmanifest", headers={"Accept-Language": "zh"}).json()["lang"] == "zh-CN"


def test_every_address_in_it_stays_below_the_page(client: TestClient) -> None:
    found = client.get("/manifest.webmanifest").json()
    named = [
        found["start_url"],
        found["scope"],
        found["share_target"]["action"],
        *(one["src"] for one in found["icons"]),
    ]
    for address in named:
        assert urlsplit(urljoin("https://host/demo/manifest.webmanifest", address)).path.startswith("/demo/"), address


def test_the_icons_have_the_sizes_that_it_names() -> None:
    for name, (side, purpose) in ICONS.items():
        with Image.open(STATIC / name) as icon:
            assert icon.size == (side, side)
            pixels = np.asarray(icon.convert("RGBA"), np.int16)
        if (
            purpose == "maskable"
        ):  # all of the drawing is in the circle that every platform shows, and all around it is blue
            away = np.hypot(*(np.indices((side, side)) - (side - 1) / 2))
            outside = pixels[away > 0.4 * side]
            assert (np.abs(outside - pixels[0, 0]) <= 2).all()
            assert (pixels[..., 3] == 255).all()


@pytest.fixture
def _switched_off(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("CLASSIFIER_PAGE_WITHOUT", "live, install")
    importlib.reload(installing)
    yield
    monkeypatch.undo()
    importlib.reload(installing)


@pytest.mark.usefixtures("_switched_off")
def test_switched_off_there_is_neither_manifest_nor_worker() -> None:
    client = TestClient(Starlette(routes=installing.ROUTES))
    for path in ("manifest.webmanifest", "service-worker.js", "share"):
        for method in ("GET", "POST"):
            assert client.request(method, f"/{path}").json()["code"] == "not_found"
    assert installing.head(languages()["en"]) == ""


def test_the_worker_and_the_page_mean_the_same_place() -> None:
    worker, page = (
        (Path(installing.__file__).parent / name).read_text("utf-8") for name in ("worker.js", "scripts/install.js")
    )
    for text in ("`shared to ${", '"./shared"', '"X-Name"'):
        assert text in worker
        assert text in page
