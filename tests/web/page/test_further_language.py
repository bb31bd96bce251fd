"""A further language is one more file of texts: the page, its frame and the report speak it, and the page offers it."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.testclient import TestClient

from classifier import languages
from classifier.evaluation import html
from classifier.evaluation.measure import Failure
from tests.support.evaluations import evaluation, package
from tests.support.page import answer, classify
from tests.support.photos import photo
from web.page import document
from web.streamlit_internals.index_page import index

PANDA = photo("panda.webp").read_bytes()
HEAD = '[language]\ncode = "tlh"\nname = "tlhIngan"\nhtml = "tlh-Latn"\nprefixes = ["tlh"]\n'


@pytest.fixture(autouse=True)
def _a_third_language(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """English's keys with Klingon's brackets around each text, so that a word from elsewhere is seen."""
    folder = tmp_path / "texts"
    shutil.copytree(languages.FOLDER, folder)
    lines = [HEAD]
    for name, table in languages.languages()["zh"].tables.items():
        lines.append(f"[{name}]")
        for key, text in table.items():
            english = languages.languages()["en"].tables[name].get(key, text)
            lines.append(f'{key} = """<{english}>"""')
    (folder / "tlh.toml").write_text("\n".join(lines), "utf-8")
    monkeypatch.setattr(languages, "FOLDER", folder)
    document._texts.cache_clear()


def test_the_page_speaks_it() -> None:
    html = document.html(languages.languages()["tlh"], "")
    assert '<h1 data-t="headline">&lt;What is in your picture?&gt;</h1>' in html
    assert "<span>&lt;Koala&gt;</span>" in html
    found = answer(PANDA)
    assert found["words"]["tlh"]["labels"][0] == "giant panda"  # the model has no labels in it
    assert found["words"]["tlh"]["lang"] == "en"
    assert found["words"]["tlh"]["took"].startswith("<")
    said = classify(PANDA[:999]).json()["texts"]["tlh"]
    assert "WEBP" in said
    assert said.startswith("<")


def test_the_switch_offers_every_language() -> None:
    html = document.html(languages.languages()["tlh"], "")
    switch = re.findall(r'data-lang="(\w+)" lang="([\w-]+)" aria-pressed="(\w+)">(.*?)<', html)
    assert switch == [
        (one.code, one.html, str(one.code == "tlh").lower(), one.name) for one in languages.languages().values()
    ]
    assert ("tlh", "tlh-Latn", "true", "tlhIngan") in switch


@pytest.mark.parametrize(
    ("address", "header", "html_code"),
    [
        ("/", "fr, tlh;q=0.5, zh;q=0.4", "tlh-Latn"),
        ("/?lang=tlh", "zh-CN", "tlh-Latn"),
        ("/?lang=xx", "zh-CN", "zh-CN"),
        ("/?lang=en", "zh-CN", "en"),
        ("/", "fr", "en"),
        ("/", "", "en"),
    ],
)
def test_the_frame_is_in_it(address: str, header: str, html_code: str) -> None:
    client = TestClient(Starlette(routes=[Route("/", index(document.html))]))
    text = client.get(address, headers={"Accept-Language": header}).text
    assert f'<html lang="{html_code}">' in text
    title = {"en": "Image Classifier", "zh-CN": "图像分类器", "tlh-Latn": "&lt;Image Classifier&gt;"}[html_code]
    assert f"<title>{title}</title>" in text
    assert f'<meta property="og:title" content="{title}">' in text
    for language in ("en", "zh-CN"):
        assert f'<p lang="{language}">' in text.rpartition("<noscript>")[2].partition("</noscript>")[0]
    assert text.count('<a href="./api/docs">') >= 2


def test_the_report_is_in_it() -> None:
    found = evaluation(package(2, en=("cat", "dog"), tlh=("vIghro'", "targh")), 40, Failure("x", FileNotFoundError()))
    text = html.render(found, [], "tlh")
    assert '<html lang="tlh-Latn">' in text
    assert "&lt;Top-1 accuracy&gt;" in text
    assert "targh" in text
    assert '<span class="file">x</span> &lt;没有这个文件' in text  # by code: the brackets are its own
