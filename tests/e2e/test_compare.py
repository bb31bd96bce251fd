"""Two models, or two views, on one picture: side by side, in words, and never two turns at once."""

from __future__ import annotations

import re
from typing import Any

from playwright.sync_api import Page, expect

from tests.support.steps import best, held, opened, sample

OTHER = "**/page/classify*model=efficientnet-lite0*"


def rows(page: Page) -> list[list[str]]:
    """The table's lines, cell by cell."""
    expect(page.locator("#compare-table")).to_be_visible()
    found: list[list[str]] = page.locator("#compare-table tr").evaluate_all(
        "(all) => all.map((row) => [...row.cells].map((cell) => cell.textContent))"
    )
    return found


def test_two_models_stand_side_by_side_and_the_address_names_both(visit: Page) -> None:
    sample(visit, "koala")
    best(visit)
    visit.locator("#compare-open").click()
    head, *lines = rows(visit)
    assert head == ["Class", "EfficientNet-Lite2 · Middle", "EfficientNet-Lite0 · Middle"]
    assert lines[0][0] == "koala"
    shares = [float(share.strip("<%")) for line in lines[:5] for share in line[1:]]
    assert max(shares[:2]) > 50
    assert [line[0] for line in lines[-3:]] == ["Time", "Inference", "Total"]
    assert all(re.fullmatch(r"[\d.]+ ms", time) for line in lines[-2:] for time in line[1:])
    # Classes of the first in its order, then what only the second has among its best.
    assert [line[0] for line in lines[:5]] == visit.locator("#bars .label").all_text_contents()
    expect(visit.locator("#compare-said")).to_have_text("Both say: koala.")
    expect(visit.locator("#status")).to_have_text("Both say: koala.")
    expect(visit).to_have_url(re.compile(r"[?&]with=efficientnet-lite0&withview=crop$"))
    visit.locator("#compare-second").select_option(label="EfficientNet-Lite2 · Whole picture")
    expect(visit).to_have_url(re.compile(r"[?&]with=efficientnet-lite2&withview=whole$"))
    assert rows(visit)[0][2] == "EfficientNet-Lite2 · Whole picture"
    visit.reload()
    assert rows(visit)[0][1:] == ["EfficientNet-Lite2 · Middle", "EfficientNet-Lite2 · Whole picture"]
    visit.keyboard.press("Escape")
    visit.locator("#compare-open").press("Enter")
    expect(visit.locator("#compare")).to_be_hidden()
    expect(visit.locator("#compare-open")).to_be_focused()
    expect(visit).not_to_have_url(re.compile("with"))


def test_a_visitor_never_holds_two_turns(visit: Page, server: str) -> None:
    going: list[str] = []
    most: list[int] = []

    def begin(request: Any) -> None:
        if "page/classify" in request.url:
            going.append(request.url)
            most.append(len(going))

    def end(request: Any) -> None:
        if request.url in going:
            going.remove(request.url)

    visit.on("request", begin)
    visit.on("requestfinished", end)
    visit.on("requestfailed", end)
    opened(visit, f"{server}/?sample=koala&with=efficientnet-lite0")
    assert rows(visit)
    visit.locator("#compare-first").select_option(label="EfficientNet-Lite2 · Whole picture")
    expect(visit.locator("#compare-table thead")).to_contain_text("EfficientNet-Lite2 · Whole picture")
    # A request that is called off ends at once, but the browser may tell of the next one before it tells of that.
    expect(visit.locator("#compare-table")).to_be_visible()
    sample(visit, "red_panda")
    best(visit)
    assert "red panda" in str(rows(visit))
    assert max(most) == 1
    assert len(most) >= 5


def test_models_of_different_classes_are_listed_apart(visit: Page, server: str) -> None:
    opened(visit, f"{server}/?sample=baseball&with=cifar10&k=3")
    lines = rows(visit)
    groups = [line[0] for line in lines if len(line) == 1]
    assert groups == ["Named by EfficientNet-Lite2 alone", "Named by CIFAR-10 alone", "Time"]
    first = lines[2:5]
    assert first[0][0] == "baseball"
    assert [line[2] for line in first] == ["–"] * 3
    assert [line[1] for line in lines[6:9]] == ["–"] * 3
    expect(visit.locator("#compare-said")).to_have_text(re.compile("^They have different classes"))


def test_what_is_compared_goes_with_its_picture_and_a_refusal_can_be_tried_again(visit: Page, server: str) -> None:
    opened(visit, f"{server}/?sample=koala&with=efficientnet-lite0")
    assert rows(visit)
    with held(visit):
        sample(visit, "dog")
        expect(visit.locator("#compare-table")).to_be_hidden()
        expect(visit.locator("#compare-said")).to_be_hidden()
        expect(visit.locator("#compare-waiting")).to_be_visible()
    assert rows(visit)[1][0] == "German Shepherd Dog"
    visit.route(OTHER, lambda route: route.fulfill(status=500, json={"code": "internal", "texts": {"en": "Oh."}}))
    sample(visit, "coffee")
    expect(visit.locator("#compare-error").get_by_text("Oh.")).to_be_visible()
    assert best(visit) == "espresso"
    visit.unroute(OTHER)
    visit.locator("#compare-retry").click()
    assert rows(visit)[1][0] == "espresso"
    expect(visit.locator("#compare-second")).to_be_focused()


PAIRS = """async ([first, second, count, alike]) => {
    const [main] = [...document.scripts].filter((one) => one.src.endsWith("main.js"));
    const { aligned } = await import(main.src.replace("main.js", "pairs.js"));
    const of = (list) => list.map(([label, index, percent]) => ({ label, index, percent }));
    const { both, apart, under } = aligned(of(first), of(second), count, alike);
    const shown = (pairs) => pairs.map((pair) => pair.map((one) => one?.index ?? null));
    return [shown(both), apart.map(shown), under];
}"""


def test_classes_are_paired_by_label_and_by_index_where_a_label_is_twice(visit: Page) -> None:
    crane = [["crane", 134, "60.0%"], ["crane", 517, "30.0%"], ["ship", 3, "<0.1%"]]
    other = [["crane", 517, "70.0%"], ["boat", 9, "20.0%"], ["ship", 8, "0.4%"]]
    assert visit.evaluate(PAIRS, [crane, other, 2, True]) == [
        [[134, None], [517, 517], [None, 9]],
        [[], []],
        ["<0.1%", "<0.4%"],
    ]
    assert visit.evaluate(PAIRS, [crane, other, 3, False]) == [
        [[517, 517], [3, 8]],
        [[[134, None]], [[None, 9]]],
        ["–", "–"],
    ]
