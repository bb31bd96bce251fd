"""What a visitor does on the page, in a real browser against the real server."""

from __future__ import annotations

import base64
import csv
import io
import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, Request, expect

from tests.support.photos import photo
from tests.support.steps import best, opened, refusal, sample, settings, upload

BISON = photo("bison.webp")
CATS = {"tabby cat", "tiger cat", "Egyptian Mau"}
BROKEN = photo("rocket.jpg").read_bytes()[:2000]

TRANSFER = """([name, type, content]) => {
    const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
    const transfer = new DataTransfer();
    transfer.items.add(new File([bytes], name, { type }));
    return transfer;
}"""


def transfer(page: Page, file: Path) -> Any:
    """What the browser hands to the page when a file is dropped or pasted."""
    content = base64.b64encode(file.read_bytes()).decode()
    return page.evaluate_handle(TRANSFER, [file.name, f"image/{file.suffix[1:]}", content])


def drop(target: Locator, page: Page, file: Path) -> None:
    data = transfer(page, file)
    for event in ("dragenter", "dragover", "drop"):
        target.dispatch_event(event, {"dataTransfer": data, "bubbles": True, "cancelable": True})


def paste(page: Page, file: Path, selector: str) -> None:
    data = transfer(page, file)
    page.evaluate(
        """([data, selector]) => document.querySelector(selector).dispatchEvent(
            new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }))""",
        [data, selector],
    )


def test_a_picked_photo_gets_its_label_and_is_shown(visit: Page) -> None:
    upload(visit, photo("chelsea.png"))
    assert best(visit) in CATS
    expect(visit.locator(".bar")).to_have_count(5)
    picture = visit.get_by_role("img", name="Your picture, chelsea.png")
    expect(picture).to_be_visible()
    expect(visit.get_by_text(re.compile(r"\d+ ms on .+ with LiteRT · EfficientNet-Lite2"))).to_be_visible()


@pytest.mark.parametrize("name", ["DSC01.HIF", "P1.MPO", "a.jpe", "b.dib", "c.apng", "d.avifs", "IMG_4", "e.txt"])
def test_what_a_file_is_its_content_says_and_not_its_name(visit: Page, name: str) -> None:
    upload(visit, {"name": name, "mimeType": "", "buffer": BISON.read_bytes()})
    assert best(visit) == "bison"


def test_a_photo_without_an_ending_may_be_dropped(visit: Page, tmp_path: Path) -> None:
    (tmp_path / "IMG_4").write_bytes(BISON.read_bytes())
    drop(visit.locator("#box"), visit, tmp_path / "IMG_4")
    assert best(visit) == "bison"


def test_on_a_phone_the_choice_is_one_of_photos(browser: Browser, server: str) -> None:
    context = browser.new_context(locale="en-US", has_touch=True, is_mobile=True)
    page = opened(context.new_page(), server)
    field = page.locator("#file")
    expect(field).to_have_attribute("accept", "image/*")
    upload(page, {"name": "IMG_4", "mimeType": "", "buffer": BISON.read_bytes()})
    assert best(page) == "bison"
    context.close()


def test_the_button_opens_the_file_dialog(visit: Page) -> None:
    for name in ("Choose a file", "Choose another"):
        with visit.expect_file_chooser() as dialog:
            visit.get_by_role("button", name=name).press("Enter")
        dialog.value.set_files(BISON)
        assert best(visit) == "bison"
        expect(visit.get_by_role("button", name="Choose another")).to_be_focused()


def test_a_photo_dropped_anywhere_is_classified_and_the_page_shows_that_it_takes_it(visit: Page) -> None:
    data = transfer(visit, BISON)
    event = {"dataTransfer": data, "bubbles": True, "cancelable": True}
    visit.locator("h1").dispatch_event("dragover", event)
    expect(visit.get_by_text("Drop it to see what it shows")).to_be_visible()
    visit.locator("h1").dispatch_event("dragleave", event)
    expect(visit.get_by_text("Drop it to see what it shows")).to_be_hidden()
    drop(visit.locator("footer"), visit, BISON)
    assert best(visit) == "bison"
    expect(visit.get_by_text("Drop it to see what it shows")).to_be_hidden()


@pytest.mark.parametrize("focus", ["body", "#choose"])
def test_a_pasted_photo_is_classified_wherever_the_focus_is(visit: Page, focus: str) -> None:
    paste(visit, BISON, focus)
    assert best(visit) == "bison"


def test_a_click_on_a_sample_classifies_it_and_credits_it(visit: Page) -> None:
    visit.get_by_role("button", name="Red panda").click()
    assert best(visit) == "red panda"
    expect(visit.get_by_role("img", name="Sample picture: Red panda")).to_be_visible()
    expect(visit.get_by_text("Photo: Mathias Appel, CC0-1.0").first).to_be_visible()
    visit.get_by_role("button", name="Cup of coffee").click()
    expect(visit.get_by_role("meter", name="espresso")).to_be_visible()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (BROKEN, "This JPEG file is damaged or incomplete"),
        (b"plain text", "not a picture in a supported format"),
        (b"", "file is empty"),
        (b"\xff\xd8\xff" + bytes(22_000_000), "larger than 20 MB"),
    ],
    ids=["broken", "text", "empty", "large"],
)
def test_a_bad_file_gets_a_message_and_the_page_goes_on(
    visit: Page, tmp_path: Path, content: bytes, message: str
) -> None:
    file = tmp_path / "broken.jpg"
    file.write_bytes(content)
    upload(visit, file)
    expect(refusal(visit).filter(has_text=message)).to_be_visible()
    expect(visit.locator("#retry")).to_be_hidden()
    upload(visit, BISON)
    assert best(visit) == "bison"
    expect(visit.get_by_text(message)).to_have_count(0)


def test_what_the_browser_cannot_show_the_server_makes_a_picture_of(visit: Page, tmp_path: Path) -> None:
    with Image.open(BISON) as picture:
        picture.save(tmp_path / "bison.tiff")
    upload(visit, tmp_path / "bison.tiff")
    assert best(visit) == "bison"
    shown = visit.get_by_role("img", name="Your picture, bison.tiff")
    expect(shown).to_be_visible()
    expect(shown).not_to_have_js_property("naturalWidth", 0)


def test_sliders_and_model_change_the_bars_and_the_address(visit: Page) -> None:
    sample(visit, "coffee")
    expect(visit.locator(".bar")).to_have_count(5)
    best(visit)
    settings(visit)
    visit.get_by_role("slider", name="Classes shown").press("ArrowRight")
    expect(visit.locator(".bar")).to_have_count(6)
    expect(visit).to_have_url(re.compile(r"[?&]k=6"))
    visit.get_by_role("slider", name="Minimum score").press("ArrowRight")
    expect(visit.locator(".bar")).not_to_have_count(6)
    visit.get_by_role("combobox", name="Model").select_option("efficientnet-lite0")
    expect(visit.get_by_text("with LiteRT · EfficientNet-Lite0")).to_be_visible()
    expect(visit).to_have_url(re.compile(r"[?&]model=efficientnet-lite0"))


def test_more_classes_are_shown_and_hidden_again(visit: Page) -> None:
    sample(visit, "coffee")
    best(visit)
    visit.get_by_role("button", name="More classes").click()
    expect(visit.locator(".bar")).to_have_count(10)
    visit.get_by_role("button", name="Fewer classes").click()
    expect(visit.locator(".bar")).to_have_count(5)


def test_a_minimum_that_nothing_reaches_is_said(visit: Page, server: str) -> None:
    opened(visit, f"{server}/?sample=chelsea&min=95")
    expect(visit.get_by_text("No class reaches 95%")).to_be_visible()
    expect(visit.locator(".bar")).to_have_count(0)


def test_not_sure_is_said(visit: Page) -> None:
    upload(visit, photo("cat.webp"))
    best(visit)
    expect(visit.locator("#doubt strong")).to_have_text("Not sure.")
    expect(visit.locator(".bars.unsure")).to_be_visible()
    expect(visit.locator(".bar.best")).to_have_count(0)
    expect(visit.get_by_role("heading", name="Closest guesses")).to_be_visible()


def test_what_the_model_did_not_see_is_shaded(visit: Page, tmp_path: Path) -> None:
    wide = Image.new("RGB", (1200, 300), "white")
    wide.save(tmp_path / "wide.png")
    upload(visit, tmp_path / "wide.png")
    best(visit)
    expect(visit.get_by_text("The model saw only the middle, 20% of the picture.")).to_be_visible()
    frame, seen = visit.locator("#frame").bounding_box(), visit.locator("#seen").bounding_box()
    assert frame
    assert seen
    assert seen["width"] / frame["width"] == pytest.approx(0.22, abs=0.02)
    assert seen["x"] + seen["width"] / 2 == pytest.approx(frame["x"] + frame["width"] / 2, abs=1)
    settings(visit)
    visit.get_by_role("radio", name="Whole picture").check()
    best(visit)
    expect(visit.locator("#seen")).to_be_hidden()


def test_downloads_hold_what_is_shown(visit: Page) -> None:
    upload(visit, BISON)
    shown = [best(visit), *visit.locator(".bar .label").all_text_contents()[1:]]
    visit.get_by_role("button", name="Download").click()
    with visit.expect_download() as download:
        visit.get_by_role("button", name="JSON").click()
    assert download.value.suggested_filename == "bison.json"
    values = json.loads(Path(download.value.path()).read_text("utf-8"))
    assert [item["label"] for item in values["predictions"]] == shown
    assert {"sure", "width", "height", "format", "model", "timings"} <= set(values)
    with visit.expect_download() as download:
        visit.get_by_role("button", name="CSV").click()
    assert download.value.suggested_filename == "bison.csv"
    rows = list(csv.DictReader(io.StringIO(Path(download.value.path()).read_text("utf-8-sig"))))
    assert [row["label"] for row in rows] == shown
    assert [row["score"] for row in rows] == [f"{item['score']:.6f}" for item in values["predictions"]]
    assert {row["sure"] for row in rows} == {"true"}


def test_a_chinese_browser_gets_chinese_and_can_switch(browser: Browser, server: str) -> None:
    context = browser.new_context(locale="zh-CN")
    page = opened(context.new_page(), server)
    expect(page.get_by_role("heading", level=1)).to_have_text("图片里是什么？")
    upload(page, BISON)
    assert best(page) == "野牛"
    page.get_by_role("button", name="English").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("What is in your picture?")
    expect(page.get_by_role("meter", name="bison")).to_be_visible()
    expect(page.locator("html")).to_have_attribute("lang", "en")
    expect(page).to_have_title("Image Classifier")
    page.reload()
    expect(page.get_by_role("heading", level=1)).to_have_text("What is in your picture?")
    context.close()


def test_nothing_is_asked_of_any_other_host(browser: Browser, server: str) -> None:
    asked: list[str] = []

    def note(request: Request) -> None:
        if not request.url.startswith(("data:", "blob:")):
            asked.append(urlsplit(request.url).netloc)

    context = browser.new_context(locale="en-US")
    page = context.new_page()
    page.on("request", note)
    page.on("websocket", lambda socket: asked.append(urlsplit(socket.url).netloc))
    opened(page, server)
    upload(page, BISON)
    best(page)
    page.get_by_text("Photo credits").click()
    context.close()
    assert set(asked) == {urlsplit(server).netloc}


def test_all_scripts_are_fetched_at_once(browser: Browser, server: str) -> None:
    """Each one that Streamlit's page would find out later costs a visitor another round trip, and the next ones."""
    context = browser.new_context(locale="en-US")
    page = context.new_page()
    asked: set[str] = set()
    page.on("request", lambda request: asked.add(urlsplit(request.url).path.rpartition("/")[2]))
    opened(page, server)
    upload(page, BISON)
    best(page)
    frame = page.request.get(server).text()
    context.close()
    asked.discard("component.js")  # brings the page into Streamlit's, when all is there
    assert {name for name in asked if name.endswith(".js")} <= set(re.findall(r"[\w.-]+\.js", frame))
