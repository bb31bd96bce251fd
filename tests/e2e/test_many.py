"""Hundreds of pictures, or a folder, in one visit: a table of all of them, which is the command line's."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import BrowserContext, Locator, Page, Route, expect

from tests.support.command import run
from tests.support.controls import tab_to
from tests.support.moments import CLASSIFY, TEXT, of_photo
from tests.support.photos import ROOT, golden_photos, photo
from tests.support.server import running
from tests.support.steps import best, opened, until

LISTEN = """() => {
    const region = document.querySelector("[role=status]");
    window.heard = [];
    new MutationObserver(() => heard.push(region.textContent)).observe(region, { childList: true });
}"""
COUNT = 60
HIDDEN = {".trash/koala.webp", ".DS_Store", "Thumbs.db", "notes.txt", "clip.bin"}
BROKEN = {"cut.jpg", "=HYPERLINK.png"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Small pictures in two folders, with what lies beside pictures, and some that are none."""
    here = tmp_path_factory.mktemp("many") / "相册"
    (here / "旅行 2024").mkdir(parents=True)
    (here / ".trash").mkdir()
    photos = golden_photos()
    for number in range(COUNT):
        with Image.open(photos[number % len(photos)].path) as image:
            small = image.convert("RGB").resize((320, 240)).rotate(number // len(photos))
        small.save(here / ("旅行 2024" if number % 3 else ".") / f"照片{number}.jpg", quality=85)
    shutil.copy(ROOT / "tests/files/panda.heic", here / "panda.heic")
    shutil.copy(photo("koala.webp"), here / "IMG_0001")  # the ending of none
    for name in HIDDEN:
        (here / name).write_bytes(b"\xd0\xcf\x11\xe0 no picture" * 400)
    (here / "cut.jpg").write_bytes((here / "照片0.jpg").read_bytes()[:3000])
    (here / "=HYPERLINK.png").write_bytes(b"text")
    return here


@pytest.fixture(scope="module")
def narrow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server in which nobody may wait, and whose page has no camera that is always on."""
    environment = {"CLASSIFIER_QUEUE": "0", "CLASSIFIER_PAGE_WITHOUT": "live", "CLASSIFIER_MODEL": "efficientnet-lite0"}
    with running(tmp_path_factory.mktemp("narrow") / "log.txt", environment) as address:
        yield address


def lines(page: Page, kind: str = "") -> Locator:
    """The lines that are seen; only those of one kind if it is named."""
    return page.locator(f"#many-lines .line{f'[data-kind={kind}]' if kind else ''}:visible")


def names(page: Page) -> list[str]:
    return lines(page).locator(".file").all_inner_texts()


def ended(page: Page) -> None:
    expect(page.locator("#many-stop")).to_be_hidden(timeout=60_000)
    expect(page.locator("#many-go")).to_be_hidden()
    expect(page.locator("#many-progress")).to_have_js_property("position", 1)


def saved(page: Page, kind: str) -> str:
    if page.locator("#many-saves").is_hidden():
        page.locator("#many-save").click()
    with page.expect_download() as download:
        page.locator(f"#many-{kind}").click()
    return Path(download.value.path()).read_text("utf-8-sig")


def chosen(page: Page, files: list[Path | dict[str, object]]) -> None:
    page.locator("#ways [data-opens=many]").click()
    page.locator("#many-files").set_input_files(files)  # type: ignore[arg-type]


def test_a_folder_becomes_the_table_that_the_command_line_prints(visit: Page, folder: Path) -> None:
    visit.evaluate(LISTEN)
    visit.locator("#ways [data-opens=many]").click()
    expect(visit).to_have_url(re.compile("mode=many"))
    visit.locator("#many-folder").set_input_files(folder)
    ended(visit)
    expect(visit.locator("#many-count")).to_have_text(f"{COUNT + 4} of {COUNT + 4} · 2 failed")
    expect(visit.locator("#many-out")).to_have_text(f"Left out, since hidden or no picture: {len(HIDDEN)}.")

    printed = run("classify", "--csv", "--model", "efficientnet-lite2", folder.name, cwd=folder.parent, timeout=600)
    theirs, ours = (
        {(row["file"], row["rank"]): row for row in csv.DictReader(io.StringIO(text))}
        for text in (printed.stdout.decode(), saved(visit, "csv"))
    )
    assert ours.keys() == theirs.keys()
    for key, row in ours.items():
        score, other = row.pop("score"), theirs[key].pop("score")
        assert score == other or float(score) == pytest.approx(float(other), abs=1e-4)
        assert row == theirs[key]
    found = json.loads(saved(visit, "json"))
    assert found["model"] == "efficientnet-lite2"
    assert {one["file"] for one in found["results"]} == {file for file, _ in ours}
    assert {Path(one["file"]).name for one in found["results"] if "error" in one} == BROKEN

    said = [text for text in visit.evaluate("heard") if text]
    assert said[0] == f"{COUNT + 4 + 2} pictures are being classified."  # two are no pictures, as the server says
    assert said[-1] == f"Of {COUNT + 4} pictures, 2 could not be classified."
    assert len(said) <= 6
    # What the browser shows has its picture in small, and HEIC, which it does not, a mark; no address of them is kept.
    first = lines(visit, "sure").first.locator(".thumbnail")
    first.scroll_into_view_if_needed()
    expect(first.locator("img")).to_have_js_property("naturalWidth", 96)
    assert lines(visit).filter(has_text="panda.heic").locator(".thumbnail img").count() == 0


def test_the_table_is_sorted_filtered_and_walked_by_keys_and_kept_while_one_picture_is_looked_at(visit: Page) -> None:
    chosen(visit, [*map(of_photo, ("koala.webp", "cat.webp", "bison.webp")), TEXT])
    ended(visit)
    assert names(visit) == ["koala.webp", "cat.webp", "bison.webp", "notes.jpg"]
    head = visit.get_by_role("columnheader", name="Score")
    head.get_by_role("button").click()
    expect(head).to_have_attribute("aria-sort", "descending")
    scores = [float(text.rstrip("%")) for text in lines(visit).locator(".score").all_inner_texts()[:3]]
    assert scores == sorted(scores, reverse=True)
    assert names(visit)[-1] == "notes.jpg"
    visit.get_by_role("columnheader", name="File").get_by_role("button").click()
    assert names(visit) == ["bison.webp", "cat.webp", "koala.webp", "notes.jpg"]

    visit.locator("#many-kind").select_option("failed")
    assert names(visit) == ["notes.jpg"]
    expect(lines(visit).locator(".label")).to_contain_text("not a picture")
    visit.locator("#many-kind").select_option("")
    visit.locator("#many-text").fill("BISON")
    assert names(visit) == ["bison.webp"]
    visit.locator("#many-text").fill("zebra")
    expect(visit.locator("#many-none")).to_be_visible()
    visit.locator("#many-text").fill("")

    tab_to(visit, "#many-lines .file[tabindex='0']")
    visit.keyboard.press("End")
    visit.keyboard.press("ArrowUp")
    visit.keyboard.press("Enter")
    whole = visit.locator("#many-lines .whole")
    expect(whole.get_by_role("meter")).to_have_count(5)
    expect(whole.get_by_role("meter").first).to_have_accessible_name("koala")
    visit.keyboard.press("Escape")
    expect(whole).to_be_hidden()
    visit.keyboard.press("Enter")
    whole.get_by_role("button").click()
    assert best(visit) == "koala"
    expect(visit.get_by_role("img", name="Your picture, koala.webp")).to_be_visible()
    visit.get_by_role("button", name="Back to the table").click()
    assert names(visit) == ["bison.webp", "cat.webp", "koala.webp", "notes.jpg"]
    expect(lines(visit).nth(2).locator(".file")).to_be_focused()

    visit.locator("#languages [data-lang=zh]").click()
    expect(lines(visit).filter(has_text="koala.webp").locator(".label")).to_have_text(re.compile("考拉|树袋熊"))
    visit.locator("#settings-open").click()
    visit.locator("#model").select_option("efficientnet-lite0")
    expect(visit.locator("#many-look")).to_contain_text("Lite2")
    visit.locator("#many-again").click()
    ended(visit)
    expect(visit.locator("#many-look")).to_contain_text("Lite0")
    visit.locator("#back").click()
    expect(visit.locator("#many")).to_be_hidden()
    expect(visit.locator("[data-opens=many]:visible")).to_be_focused()


def dragged(page: Page, *paths: Path) -> None:
    """Drops files and folders onto the page, as a file manager does."""
    session = page.context.new_cdp_session(page)
    data = {"items": [], "files": [str(path) for path in paths], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        session.send("Input.dispatchDragEvent", {"type": kind, "x": 300, "y": 300, "data": data})


def test_several_pictures_or_a_folder_dropped_on_the_page_are_all_taken_and_none_twice(
    visit: Page, folder: Path
) -> None:
    sub = folder / "旅行 2024"
    dragged(visit, photo("koala.webp"))
    assert best(visit) == "koala"
    dragged(visit, photo("koala.webp"), photo("bison.webp"), sub)
    count = 2 + len(list(sub.iterdir()))
    expect(lines(visit)).to_have_count(count)
    assert f"{sub.name}/照片1.jpg" in names(visit)
    dragged(visit, photo("bison.webp"), photo("cat.webp"))
    expect(lines(visit)).to_have_count(count + 1)
    expect(visit.locator("#many-out")).to_have_text("In the table already: 1.")
    ended(visit)


def test_a_server_that_asks_to_wait_is_waited_for_and_what_is_switched_off_is_not_there(
    english: BrowserContext, narrow: str, folder: Path
) -> None:
    page = opened(english.new_page(), f"{narrow}?mode=live")
    expect(page.locator("#live")).to_be_hidden()
    expect(page.locator("#ways [data-opens=live]")).to_be_hidden()
    statuses: list[int] = []
    page.on("response", lambda answer: statuses.append(answer.status) if "page/classify" in answer.url else None)
    chosen(page, sorted(folder.glob("照片*.jpg")))  # type: ignore[arg-type]
    ended(page)
    assert 503 in statuses
    expect(lines(page, "failed")).to_have_count(0)
    expect(lines(page)).to_have_count(COUNT // 3)
    page.close()


def test_a_run_is_stopped_and_goes_on_and_what_failed_is_tried_again(visit: Page, folder: Path) -> None:
    held: list[Route] = []
    visit.route(CLASSIFY, lambda route: held.append(route))
    chosen(visit, sorted(folder.glob("照片*.jpg")))  # type: ignore[arg-type]
    cpus = visit.evaluate("JSON.parse(document.getElementById('page-offer').textContent).cpus")
    until(visit, f"document.querySelectorAll('[data-kind=busy]').length === {2 * cpus}")
    visit.locator("#many-stop").click()
    expect(visit.locator("#many-go")).to_be_focused()
    expect(lines(visit, "waiting")).to_have_count(COUNT // 3)
    visit.unroute_all()
    broken = {"texts": {"en": "Broken here."}, "code": "internal"}
    visit.route(CLASSIFY, lambda route: route.fulfill(status=500, json=broken), times=3)
    visit.locator("#many-go").click()
    ended(visit)
    expect(lines(visit, "failed").locator(".label").first).to_have_text("Broken here.")
    expect(lines(visit, "failed")).to_have_count(3)
    visit.locator("#many-retry").click()
    ended(visit)
    expect(lines(visit, "failed")).to_have_count(0)
    visit.locator("#many-clear").click()
    expect(visit.locator("#many-files-open")).to_be_focused()
    expect(lines(visit)).to_have_count(0)
