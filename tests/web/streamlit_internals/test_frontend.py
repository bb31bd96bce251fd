"""Streamlit's files: as Streamlit would send them, and all that the first bars need is named in the page's frame."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx2 as httpx
import pytest
from fontTools.ttLib import TTFont
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.testclient import TestClient
from streamlit.web.server.starlette.starlette_static_routes import create_streamlit_static_handler

from tests import fonts
from web.app import middleware
from web.own_files import FOLDERS, FOREVER, STATIC, OwnFiles, address
from web.streamlit_internals import frontend
from web.streamlit_internals.frontend import FONTS, ROOT, WHOLE, compress, scripts

SCRIPT, STYLE = (next(file for file in sorted(ROOT.rglob(f"index.*.{kind}"))) for kind in ("js", "css"))
SAMPLES = [
    next(file for file in sorted((ROOT / "static").rglob(f"*{kind}"))).relative_to(ROOT).as_posix()
    for kind in (".js", ".css", ".woff2")
]


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    async def streamlits(_: Request) -> Response:
        return PlainTextResponse("Streamlit's")

    methods = ["GET", "HEAD", "POST"]
    app = Starlette(routes=[Route("/{path:path}", streamlits, methods=methods)], middleware=middleware)
    with TestClient(app) as client:
        yield client


@pytest.mark.parametrize("path", SAMPLES)
def test_a_file_is_sent_as_streamlit_would(client: TestClient, path: str) -> None:
    ours = client.get(f"/{path}")
    theirs = TestClient(create_streamlit_static_handler(str(ROOT), None)).get(f"/{path}")

    def kind(response: httpx.Response) -> str:
        # Two names of one type: RFC 9239.
        return response.headers["content-type"].replace("application/javascript", "text/javascript")

    assert ours.status_code == 200
    assert ours.content == theirs.content
    assert kind(ours).partition(";")[0] == kind(theirs).partition(";")[0]
    assert ours.headers["cache-control"] == theirs.headers["cache-control"]


@pytest.mark.parametrize(
    ("asked", "coding"),
    [
        ("gzip, deflate, br, zstd", "gzip"),
        ("GZIP;q=0.5", "gzip"),
        ("*", "gzip"),
        ("gzip;q=0, br", None),
        ("*;q=0", None),
        ("identity", None),
        ("", None),
    ],
)
def test_scripts_are_sent_compressed_to_those_who_take_it(client: TestClient, asked: str, coding: str | None) -> None:
    compress(f'<script src="./static/js/{SCRIPT.name}"></script><link href="./static/css/{STYLE.name}">')
    for file in (SCRIPT, STYLE):
        response = client.get(f"/{file.relative_to(ROOT).as_posix()}", headers={"Accept-Encoding": asked})
        assert response.headers.get("content-encoding") == coding
        assert response.headers["vary"] == "Accept-Encoding"
        assert response.content == file.read_bytes()
        assert (int(response.headers["content-length"]) < file.stat().st_size / 2) == bool(coding)


def test_what_was_compressed_with_the_image_is_sent_first(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = tmp_path / "static/js"
    folder.mkdir(parents=True)
    (folder / "x.js").write_text("plain")
    (folder / "x.js.br").write_bytes(b"brotli")
    monkeypatch.setattr(frontend, "ROOT", tmp_path)
    with client.stream("GET", "/static/js/x.js", headers={"Accept-Encoding": "br, gzip"}) as response:
        assert (response.headers["content-encoding"], b"".join(response.iter_raw())) == ("br", b"brotli")
    assert client.get("/static/js/x.js", headers={"Accept-Encoding": "gzip"}).text == "plain"
    assert client.get("/static/js/x.js.br").text == "Streamlit's"


@pytest.mark.parametrize(
    "path",
    [
        "/static/js/nothing.js",
        "/static/js/../../index.html",
        "/static/js/..%2f..%2findex.html",
        "/static/js/",
        "/static/js",
        "/static/js/%00.js",
        "/index.html",
        "/base/static/js/x.js",
    ],
)
def test_whatever_else_is_asked_for_is_streamlits_to_answer(client: TestClient, path: str) -> None:
    assert client.get(path).text == "Streamlit's"


def test_other_methods_are_streamlits_to_answer(client: TestClient) -> None:
    assert client.post(f"/{SAMPLES[0]}").text == "Streamlit's"


def test_a_part_is_named_with_all_that_it_imports_and_nothing_twice() -> None:
    names = scripts(["FileUploader", "Slider", "NoSuchPart"], "")
    assert len(names) == len(set(names))
    assert {name.partition(".")[0] for name in names} >= {"FileUploader", "Slider", "react-dom", "zip", "moment"}
    known = " ".join(names[1:])
    assert scripts(["FileUploader"], known) == names[:1]


@pytest.mark.parametrize(("name", "small"), FONTS.items())
def test_small_fonts_come_in_place_of_two_large_ones(client: TestClient, name: str, small: str) -> None:
    (font,) = ROOT.rglob(f"{name}*.woff2")
    address = f"/{font.relative_to(ROOT).as_posix()}"
    ours = client.get(address)
    assert (ours.content, ours.headers["cache-control"]) == ((STATIC / small).read_bytes(), "no-cache")
    assert len(ours.content) < 40_000 < len(font.read_bytes())
    assert client.get(address, headers={"If-None-Match": ours.headers["etag"]}).status_code == 304
    assert client.get(f"{address}?{WHOLE}").content == font.read_bytes()


def test_the_letters_are_those_of_streamlits_font() -> None:
    """If not: `make fonts`."""
    ours, theirs = TTFont(fonts.LETTERS_FILE), fonts.streamlits("SourceSansVF-Upright")
    assert set(ours.getBestCmap()) == set(theirs.getBestCmap()) & set(fonts.LETTERS)
    assert ours["fvar"].axes[0].maxValue == theirs["fvar"].axes[0].maxValue
    (revision,) = {font["head"].fontRevision for font in (ours, theirs)}
    assert revision


def test_every_icon_that_streamlit_or_the_page_names_is_in_it() -> None:
    """If not: `make fonts`."""
    ours, theirs = fonts.icons(TTFont(fonts.FILE)), fonts.icons(fonts.streamlits())
    assert fonts.named() & set(theirs) <= set(ours)


def test_our_own_files_are_kept_under_the_address_of_their_content(client: TestClient) -> None:
    app = Starlette(routes=[Mount(f"/{path}", OwnFiles(directory=folder)) for path, folder in FOLDERS.items()])
    with TestClient(app) as own:
        for file in (STATIC / "page.js", next(FOLDERS["app-static/thumbnails"].iterdir())):
            forever = own.get(f"/{address(file)}")
            assert (forever.content, forever.headers["cache-control"]) == (file.read_bytes(), FOREVER)
            path = address(file).partition("?")[0]
            assert own.get(f"/{path}").headers["cache-control"] == "no-cache"
            assert own.get(f"/{path}?v=0000").headers["cache-control"] == "no-cache"
