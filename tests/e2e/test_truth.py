"""At every moment the page shows what belongs together: a picture, and what is known of it and of no other."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, Route, expect

from tests.support.photos import photo
from tests.support.steps import best, held, opened, refusal, sample, settings, upload

BISON, PANDA = photo("bison.webp"), photo("panda.webp")
TEXT: dict[str, object] = {"name": "x.txt", "mimeType": "text/plain", "buffer": b"text"}

# At each change of the page: which picture is shown, and what the bars beside it say. A pair of an answer with a
# picture that it is not of would be in the list.
WATCH = """window.seen = new Set(); new MutationObserver(() => {
    const bars = document.querySelector("#bars .label[lang]")?.textContent ?? "";
    const credit = document.querySelector("#credit").textContent;
    window.seen.add(JSON.stringify([document.querySelector("#shown").alt, bars, Boolean(credit)]));
}).observe(document.getElementById("page"), { subtree: true, childList: true, attributes: true });"""


def test_a_new_picture_stands_with_empty_bars_until_its_own_come(visit: Page) -> None:
    sample(visit, "koala")
    assert best(visit) == "koala"
    with held(visit):
        sample(visit, "coffee")
        expect(visit.get_by_role("img", name="Sample picture: Cup of coffee")).to_be_visible()
        expect(visit.locator("#bars")).to_have_attribute("aria-busy", "true")
        expect(visit.get_by_role("meter")).to_have_count(0)
        expect(visit.locator(".bar.empty")).to_have_count(5)
        for gone in ("#facts", "#details", "#doubt", "#error"):
            expect(visit.locator(gone)).to_be_hidden()
        expect(visit.get_by_role("heading", name="Looking")).to_be_visible()
        expect(visit.locator("[data-sample=coffee]")).to_have_attribute("aria-current", "true")
        expect(visit.locator("[aria-current]")).to_have_count(1)
    assert best(visit) == "espresso"


def test_no_picture_ever_stands_beside_another_ones_answer(visit: Page) -> None:
    visit.evaluate(WATCH)
    right = {"koala": "koala", "red_panda": "red panda", "dog": "German Shepherd Dog", "baseball": "baseball"}
    for _ in range(2):
        for name, label in right.items():
            sample(visit, name)
            assert best(visit) == label
        upload(visit, BISON)
        assert best(visit) == "bison"
    titles = {
        "Koala": "koala",
        "Red panda": "red panda",
        "German shepherd": "German Shepherd Dog",
        "Baseball": "baseball",
    }
    wanted = {f"Sample picture: {title}": label for title, label in titles.items()}
    wanted["Your picture, bison.webp"] = "bison"
    seen = visit.evaluate("[...window.seen].map(JSON.parse)")
    assert len(seen) >= 10
    for shown, label, credited in seen:
        assert label in ("", wanted.get(shown)), (shown, label)
        assert credited is shown.startswith("Sample"), shown


def test_of_two_pictures_without_a_gap_the_last_one_wins_whichever_is_answered_first(visit: Page) -> None:
    for _ in range(4):
        upload(visit, PANDA)
        upload(visit, BISON)
        assert best(visit) == "bison"
        sample(visit, "koala")
        sample(visit, "coffee")
        assert best(visit) == "espresso"
    expect(visit.get_by_role("img", name="Sample picture: Cup of coffee")).to_be_visible()


def test_the_request_for_a_picture_that_nobody_waits_for_is_called_off(visit: Page) -> None:
    with held(visit) as routes:
        sample(visit, "koala")
        visit.wait_for_timeout(100)
        with visit.expect_event("requestfailed", lambda request: "koala" in request.url):
            sample(visit, "coffee")
        routes[0].abort()
        del routes[0]
    assert best(visit) == "espresso"


def test_a_refusal_goes_when_the_next_picture_comes_and_two_never_stand_at_once(visit: Page) -> None:
    upload(visit, TEXT)
    expect(refusal(visit)).to_be_visible()
    with held(visit):
        upload(visit, {**TEXT, "buffer": BISON.read_bytes()[:500]})
        expect(refusal(visit)).to_have_count(0)
    expect(refusal(visit)).to_have_count(1)
    expect(visit.locator("[role=alert]:visible")).to_have_count(1)
    sample(visit, "koala")
    assert best(visit) == "koala"
    expect(visit.locator("[role=alert]:visible")).to_have_count(0)


def test_another_model_begins_with_empty_bars_too(visit: Page) -> None:
    sample(visit, "koala")
    best(visit)
    settings(visit)
    with held(visit):
        visit.get_by_role("combobox", name="Model").select_option("efficientnet-lite0")
        expect(visit.locator("#bars")).to_have_attribute("aria-busy", "true")
        expect(visit.locator("#took")).to_be_hidden()
    best(visit)
    expect(visit.get_by_text("with LiteRT · EfficientNet-Lite0")).to_be_visible()


def test_a_busy_server_is_asked_again_when_it_says(visit: Page) -> None:
    answers = [(503, "5", "busy"), (429, "1", "share"), (503, "1", "not_ready")]
    pattern = "**/page/classify**"

    def refuse(route: Route) -> None:
        if not answers:
            route.continue_()
            return
        status, seconds, code = answers.pop(0)
        route.fulfill(status=status, headers={"Retry-After": "1"}, json={"code": code, "texts": {"en": seconds}})

    visit.route(pattern, refuse)
    sample(visit, "koala")
    expect(visit.get_by_text("The server has much to do").first).to_be_visible()
    expect(visit.locator("#bars")).to_have_attribute("aria-busy", "true")
    expect(visit.locator("#waiting").get_by_text("The model is loading")).to_be_visible()
    assert best(visit) == "koala"
    expect(visit.locator("#waiting")).to_be_hidden()


def test_what_may_work_later_can_be_tried_again(visit: Page) -> None:
    pattern = "**/page/classify**"
    visit.route(pattern, lambda route: route.fulfill(status=500, json={"code": "internal", "texts": {"en": "Oh."}}))
    sample(visit, "koala")
    expect(refusal(visit).get_by_text("Oh.")).to_be_visible()
    visit.unroute(pattern)
    visit.get_by_role("button", name="Try again").press("Enter")
    assert best(visit) == "koala"
    assert visit.evaluate("document.activeElement.id") == "choose"


def test_answers_and_messages_are_announced_in_one_place(visit: Page) -> None:
    status = visit.get_by_role("status")
    expect(status).to_have_count(1)
    status.evaluate("element => { window.kept = element; }")
    sample(visit, "red_panda")
    expect(status).to_have_text(re.compile(r"^Red panda, \d+\.\d%$"))
    upload(visit, photo("cat.webp"))
    expect(status).to_have_text(re.compile(r"^Not sure\. Closest guess: .+, \d+\.\d%$"))
    visit.get_by_role("button", name="中文").click()
    expect(status).to_have_text(re.compile(r"^不确定。最接近的猜测：.+，\d+\.\d%$"))
    assert visit.evaluate("window.kept === document.getElementById('status')")


@pytest.mark.parametrize("way", ["reload", "link"])
def test_the_address_restores_what_it_names(visit: Page, server: str, way: str) -> None:
    address = f"{server}/?sample=koala&model=efficientnet-lite0&view=whole&lang=zh&k=3&min=1"
    opened(visit, address)
    if way == "reload":
        visit.reload()
    assert best(visit) in {"考拉", "树袋熊"}
    expect(visit.get_by_role("heading", level=1)).to_have_text("图片里是什么？")
    expect(visit.get_by_text("EfficientNet-Lite0").first).to_be_visible()
    expect(visit.locator("#k")).to_have_value("3")
    expect(visit.locator("#min")).to_have_value("1")
    expect(visit.locator("input[value=whole]")).to_be_checked()
    expect(visit).to_have_url(address)


def test_back_and_forward_lead_to_the_pictures_before(visit: Page) -> None:
    before = visit.evaluate("history.length")
    sample(visit, "koala")
    assert best(visit) == "koala"
    upload(visit, BISON)
    assert best(visit) == "bison"
    expect(visit).not_to_have_url(re.compile("sample="))
    settings(visit)
    for _ in range(4):
        visit.get_by_role("slider", name="Classes shown").press("ArrowLeft")
        visit.get_by_role("slider", name="Minimum score").press("ArrowRight")
    expect(visit).to_have_url(re.compile(r"[?&]k=1&min=4$"))
    assert visit.evaluate("history.length") == before + 2
    sample(visit, "coffee")
    assert best(visit) == "espresso"
    visit.go_back()
    assert best(visit) == "bison"
    expect(visit.get_by_role("img", name="Your picture, bison.webp")).to_be_visible()
    visit.go_back()
    assert best(visit) == "koala"
    visit.go_back()
    expect(visit.locator("#page")).to_have_attribute("data-state", "empty")
    expect(visit.locator("#answer")).to_be_hidden()
    visit.go_forward()
    assert best(visit) == "koala"


@pytest.mark.parametrize(
    "query",
    [
        "k=1000",
        "k=x",
        "k=0",
        "min=96",
        "model=../x",
        "lang=xx",
        "view=x",
        "sample=x",
        "sample=__proto__",
        "model=toString",
    ],
)
def test_nonsense_in_the_address_is_passed_over(visit: Page, server: str, query: str) -> None:
    opened(visit, f"{server}/?{query}")
    sample(visit, "koala")
    assert best(visit) == "koala"
    expect(visit.locator(".bar")).to_have_count(5)
