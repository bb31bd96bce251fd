"""Why this answer: a map that belongs to its picture, model, view and class, and to nothing else."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, Route, expect

from classifier.explanation.drawing import overlaid
from classifier.result import ClassMap, Explanation
from tests.support.packages import changed
from tests.support.photos import photo
from tests.support.server import running
from tests.support.steps import best, held, opened, sample, settings

EXPLAIN = "**/page/explain**"


def explained(page: Page, name: str = "red_panda") -> None:
    """A sample has its map."""
    sample(page, name)
    best(page)
    page.locator("#why-open").click()
    expect(page.locator("#why-tools")).to_be_visible()
    expect(page.locator("#why-map")).to_be_visible()


def test_a_map_is_shown_for_the_class_whose_bar_is_chosen_and_comes_back_at_once(visit: Page) -> None:
    asked: list[str] = []
    visit.on("request", lambda request: asked.append(request.url) if "page/explain" in request.url else None)
    explained(visit)
    expect(visit.locator("#why-words")).to_contain_text("Class activation map")
    expect(visit.locator("#status")).to_contain_text("speaks for “red panda”")
    first = visit.locator("#why-map").screenshot()
    visit.get_by_role("radio", name="red panda").focus()
    visit.keyboard.press("ArrowDown")
    chosen = visit.locator("#bars .bar").nth(1)
    expect(chosen.get_by_role("radio")).to_be_focused()
    expect(chosen.get_by_role("radio")).to_be_checked()
    expect(visit.locator("#status")).to_contain_text(chosen.locator(".label").inner_text())
    assert visit.locator("#why-map").screenshot() != first
    visit.locator("#why-open").click()
    expect(visit.locator("#why-map")).to_be_hidden()
    expect(visit.locator("#bars input")).to_have_count(0)
    assert best(visit) == "red panda"
    with held(visit, EXPLAIN):
        visit.locator("#why-open").click()
        expect(visit.locator("#why-map")).to_be_visible()
        expect(visit.locator("#why-open")).to_have_attribute("aria-pressed", "true")
    assert len(asked) == 1


def test_the_png_is_the_picture_with_the_map_of_the_library_over_it(visit: Page) -> None:
    answers: list[str] = []

    def kept(route: Route) -> None:  # a browser need not keep what it has handed over line by line
        answer = route.fetch()
        answers.append(answer.text())
        route.fulfill(response=answer)

    visit.route(EXPLAIN, kept)
    explained(visit, "coffee")
    found = json.loads(answers[0].splitlines()[-1])
    visit.locator("#why-opacity").press("ArrowRight")  # 65 %
    with visit.expect_download() as download:
        visit.locator("#why-save").click()
    assert download.value.suggested_filename == "coffee (map).png"
    saved = np.asarray(Image.open(io.BytesIO(download.value.path().read_bytes())).convert("RGB"), np.float32)
    index, grid = next(iter(found["maps"].items()))
    index = visit.locator("#bars input").first.get_attribute("value") or index
    grid = found["maps"][index]
    explanation = Explanation(
        found["method"], tuple(found["box"]), (ClassMap(int(index), "", tuple(map(tuple, grid))),)
    )
    picture = Image.open(photo("coffee.png")).convert("RGB")
    wanted = np.asarray(overlaid(picture, explanation, opacity=0.65), np.float32)
    assert saved.shape == wanted.shape
    assert np.abs(saved - wanted).mean() < 2
    assert np.abs(saved - np.asarray(picture, np.float32)).mean() > 10


def test_no_map_stands_over_another_picture_or_beside_another_models_answer(visit: Page) -> None:
    explained(visit)
    with held(visit, EXPLAIN):
        settings(visit)
        visit.get_by_role("combobox", name="Model").select_option("efficientnet-lite0")
        expect(visit.locator("#why-map")).to_be_hidden()
        best(visit)
        expect(visit.locator("#why-busy")).to_be_visible()
        sample(visit, "koala")
        expect(visit.locator("#why")).to_be_hidden()
        expect(visit.locator("#why-open")).to_have_attribute("aria-pressed", "false")
    assert best(visit) == "koala"
    expect(visit.locator("#why-map")).to_be_hidden()
    expect(visit.locator("#bars input")).to_have_count(0)


def test_a_map_of_another_version_of_the_model_is_not_shown(visit: Page) -> None:
    def older(route: Route) -> None:
        answer = route.fetch()
        *_, last = answer.text().splitlines()
        route.fulfill(response=answer, body=json.dumps({**json.loads(last), "offered": "other"}) + "\n")

    visit.route(EXPLAIN, older)
    sample(visit, "koala")
    best(visit)
    visit.locator("#why-open").click()
    expect(visit.locator("#why-error").get_by_text("The model has been replaced")).to_be_visible()
    expect(visit.locator("#why-map")).to_be_hidden()
    visit.unroute(EXPLAIN)
    visit.locator("#why-retry").click()
    expect(visit.locator("#why-map")).to_be_visible()


def test_a_model_without_a_feature_output_is_asked_part_by_part(blank: Page, tmp_path: Path) -> None:
    changed(tmp_path / "plain", ('features = "features"', ""))
    with running(tmp_path / "log.txt", {"CLASSIFIER_MODEL": str(tmp_path / "plain")}) as address:
        visit = opened(blank, address)
        sample(visit, "red_panda")
        best(visit)
        visit.locator("#why-open").click()
        expect(visit.locator("#why-map")).to_be_visible(timeout=60_000)
        expect(visit.locator("#why-words")).to_contain_text("Occlusion")
        expect(visit.locator("#status")).to_contain_text("red panda")


# The models that come with it need no occlusion: what stands in for the server here is slow, and tells its progress.
SLOW = """() => {
    const real = window.fetch;
    window.fetch = (address, options) => {
        if (!String(address).includes("page/explain")) return real(address, options);
        const body = new ReadableStream({ start: (lines) => {
            window.say = (text) => lines.enqueue(new TextEncoder().encode(text));
            options.signal.addEventListener("abort", () => {
                window.calledOff = true;
                lines.error(options.signal.reason);
            });
        } });
        return Promise.resolve(new Response(body));
    };
}"""


@pytest.mark.parametrize("end", ["cancel", "error", "maps"])
def test_what_takes_long_tells_how_far_it_is_and_can_be_called_off(visit: Page, end: str) -> None:
    sample(visit, "koala")
    best(visit)
    visit.evaluate(SLOW)
    visit.locator("#why-open").click()
    expect(visit.locator("#why-busy")).to_be_visible()
    visit.evaluate("""say('{"done": 0.25}\\n{"done"')""")
    expect(visit.get_by_role("progressbar")).to_have_js_property("value", 0.25)
    visit.evaluate("""say(': 0.5}\\n')""")
    expect(visit.get_by_role("progressbar")).to_have_js_property("value", 0.5)
    if end == "cancel":
        visit.get_by_role("button", name="Cancel").click()
        expect(visit.locator("#why")).to_be_hidden()
        expect(visit.locator("#why-open")).to_be_focused()
        assert visit.evaluate("window.calledOff")
    elif end == "error":
        problem = {"error": {"code": "busy", "status": 503, "texts": {"en": "No room."}}}
        visit.evaluate("(line) => say(line)", json.dumps(problem) + "\n")
        expect(visit.locator("#why-error").get_by_text("No room.")).to_be_visible()
        expect(visit.locator("#why-retry")).to_be_visible()
    else:
        grids = "Object.fromEntries(Array.from({ length: 1000 }, (_, index) => [index, [[0, 1], [0.5, 0]]]))"
        visit.evaluate(
            f"""import([...document.scripts].find((one) => one.src.endsWith("main.js")).src.replace("main", "state"))
            .then(({{ state }}) => say(JSON.stringify({{ method: "occlusion", box: [0, 0, 768, 1024], maps: {grids},
                offered: state.answer.offered }}) + "\\n"))"""
        )
        expect(visit.locator("#why-words")).to_contain_text("Occlusion")
        expect(visit.locator("#why-map")).to_be_visible()
