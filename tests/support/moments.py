"""Moments of a visit that tests look at: each function brings a page there that was just opened, in any language."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Page, expect

from classifier.languages import languages
from tests.support.photos import photo
from tests.support.steps import best, until, upload

CLASSIFY = "**/page/classify*"
"""Where the page sends what is to be classified."""

STILL = "document.getAnimations().every((one) => one.playState !== 'running')"
"""Whether nothing moves or fades: what is half there has no colours to judge yet."""

DRAWN = "new Promise((then) => requestAnimationFrame(() => requestAnimationFrame(then)))"
"""Two frames later, all that follows from what has just happened is there."""

TEXT: dict[str, object] = {"name": "notes.jpg", "mimeType": "image/jpeg", "buffer": b"plain text"}
"""A file that is no picture."""


def recoloured(page: Page, scheme: str, forced: str = "none") -> None:
    """Puts a page into a colour scheme, "light" or "dark", in colours that are forced ("active") or not."""
    page.emulate_media(color_scheme=scheme, forced_colors=forced)  # type: ignore[arg-type]
    until(page, f"matchMedia('(prefers-color-scheme: {scheme})').matches")
    page.evaluate(DRAWN)  # before, text can still have the colours of the other scheme
    until(page, STILL)


def speaking(page: Page, code: str) -> Page:
    """Has a page speak another language, by a click that takes nothing from what has the focus or is open."""
    page.locator(f"#languages [data-lang={code}]").evaluate("(button) => button.click()")
    expect(page.locator("#page")).to_have_attribute("lang", languages()[code].html)
    page.evaluate(DRAWN)
    return page


_DRAG = """() => {
    const dataTransfer = new DataTransfer();
    dataTransfer.items.add(new File(["x"], "x.jpg", { type: "image/jpeg" }));
    for (const kind of ["dragenter", "dragover"])
        document.body.dispatchEvent(new DragEvent(kind, { dataTransfer, bubbles: true, cancelable: true }));
}"""


def empty(page: Page) -> None:
    """Nothing has been chosen yet."""
    expect(page.locator("#page")).to_have_attribute("data-state", "empty")


def dropping(page: Page) -> None:
    """A file is held over the page."""
    page.evaluate(_DRAG)
    expect(page.locator("#drop-hint")).to_be_visible()


def busy(page: Page) -> None:
    """A picture is on its way, for which there is no answer yet."""
    page.route(CLASSIFY, lambda _: None)
    upload(page, photo("koala.webp"))
    expect(page.locator("#page")).to_have_attribute("data-state", "busy")
    expect(page.locator("#bars")).to_have_attribute("aria-busy", "true")


def result(page: Page) -> None:
    """A sample has its answer."""
    page.locator("#samples [data-sample=red_panda]").click()
    best(page)


def unsure(page: Page) -> None:
    """The model is not sure."""
    upload(page, photo("cat.webp"))
    best(page)
    expect(page.locator("#doubt")).to_be_visible()


def unanswered(page: Page) -> None:
    """The picture did not arrive; trying again may help."""
    page.route(CLASSIFY, lambda route: route.abort())
    upload(page, photo("koala.webp"))
    expect(page.locator("#retry")).to_be_visible(timeout=60_000)


def refused(page: Page) -> None:
    """The file is no picture."""
    upload(page, TEXT)
    expect(page.locator("#error")).to_be_visible()


def settings(page: Page) -> None:
    """The settings are open beside an answer."""
    result(page)
    page.locator("#settings-open").click()
    expect(page.locator("#settings")).to_be_visible()


def menu(page: Page) -> None:
    """The menu of downloads is open."""
    result(page)
    page.locator("#download").click()
    expect(page.locator("#downloads")).to_be_visible()


def details(page: Page) -> None:
    """All that unfolds is unfolded."""
    result(page)
    page.locator("#more").click()
    for one in ("#details", "#credits"):
        page.locator(f"{one} > summary").click()
        expect(page.locator(one)).to_have_attribute("open", "")


def crop(page: Page) -> None:
    """A part of the picture is being marked."""
    result(page)
    page.locator("#crop-open").click()
    expect(page.locator("#crop-box")).to_be_focused()


def compare(page: Page) -> None:
    """Another model's answer stands beside the page's."""
    result(page)
    page.locator("#compare-open").click()
    expect(page.locator("#compare-table")).to_be_visible()


def why(page: Page) -> None:
    """A heat map lies over the picture."""
    result(page)
    page.locator("#why-open").click()
    expect(page.locator("#why-tools")).to_be_visible()


def camera(page: Page) -> None:
    """The camera shows something. Its context needs the permission."""
    page.locator("#camera-open").click()
    expect(page.locator("#camera video")).to_be_visible()
    expect(page.locator("#shoot")).to_be_enabled()


def of_photo(name: str) -> dict[str, object]:
    """A photo as it is handed to a field together with files that lie nowhere."""
    return {"name": name, "mimeType": "image/webp", "buffer": photo(name).read_bytes()}


def many(page: Page) -> None:
    """A table of several pictures, one of which is none, with the whole result of one."""
    page.locator("[data-opens=many]:visible").click()
    page.locator("#many-files").set_input_files([of_photo("koala.webp"), of_photo("cat.webp"), TEXT])  # type: ignore[arg-type]
    expect(page.locator("#many-lines .line:is([data-kind=sure], [data-kind=not_sure])")).to_have_count(2)
    expect(page.locator("#many-lines .line[data-kind=failed]")).to_have_count(1)
    page.locator("#many-lines .line").first.click()
    expect(page.locator("#many-lines .bar")).to_have_count(5)
    page.mouse.move(0, 0)


def live(page: Page) -> None:
    """What the camera sees is classified. Its context needs the permission."""
    page.locator("[data-opens=live]:visible").click()
    expect(page.locator("#live-bars .bar").first).to_be_visible()


def code(page: Page) -> None:
    """The programs that ask the same are open beside an answer."""
    result(page)
    page.locator("#code-open").click()
    page.locator("#code [data-code=python]").click()
    expect(page.locator("#code-text")).to_contain_text("urlopen")


def share(page: Page) -> None:
    """What can be shared of a picture of the visitor's own is open."""
    upload(page, photo("bison.webp"))
    best(page)
    page.locator("#share-open").click()
    expect(page.locator("#share-copy")).to_be_visible()


def recent(page: Page) -> None:
    """The recent results are open, one of them with all that was said."""
    page.locator("#recent-open").click()
    page.locator("#recent-keep").uncheck()  # an earlier moment's are not this one's
    page.locator("#recent-keep").check()
    upload(page, photo("bison.webp"))
    best(page)
    page.locator(".recent-one").first.click()
    expect(page.locator(".recent-rows")).to_be_visible()


MOMENTS: dict[str, Callable[[Page], None]] = {
    one.__name__: one
    for one in (
        *(empty, dropping, busy, result, unsure, unanswered, refused, settings, menu, details),
        *(crop, compare, why, camera, many, live, code, share, recent),
    )
}
"""All of them, by name."""
