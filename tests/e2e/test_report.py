"""The HTML report of `classifier evaluate` in a real browser."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, expect

from classifier.evaluation import html
from classifier.evaluation.measure import Failure
from classifier.evaluation.others import OtherAnswer, Others
from classifier.evaluation.result import Run
from classifier.picture.limits import Limits
from classifier.picture.prepare import InProcess
from tests.support.evaluations import evaluation, package


@pytest.mark.parametrize(
    ("classes", "lang", "scheme", "width"),
    [(2, "en", "dark", 1280), (10, "zh", "light", 390), (1000, "en", "light", 1280)],
)
def test_the_report_renders_under_its_own_policy(
    browser: Browser, tmp_path: Path, classes: int, lang: str, scheme: str, width: int
) -> None:
    found = evaluation(package(classes), 1200, Failure("broken.jpg", FileNotFoundError()))
    strange = [OtherAnswer(one.file, 0, 0.9, 0.6, True) for one in found.answers[:20]]
    run = Run("2026-01-01T00:00:00+00:00", f"classifier evaluate {'folder' * 40}", ("model.tflite", "0" * 64))
    found = replace(found, others=Others("others", strange, found.answers), run=run)
    file, reader = tmp_path / "report.html", (InProcess(Limits()), 20_000_000)
    small = html.small_thumbnails(found, *reader)
    file.write_text(html.render(found, html.thumbnails(found, *reader), lang, small), "utf-8")
    context = browser.new_context(
        viewport={"width": width, "height": 900},
        color_scheme=scheme,  # type: ignore[arg-type]
        offline=True,
    )
    page = context.new_page()
    said: list[str] = []
    requests: set[str] = set()
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: requests.add(request.url.partition(":")[0]))
    page.goto(file.as_uri())

    assert said == []  # the policy held nothing back
    assert requests <= {"file", "data"}
    assert page.evaluate("[...document.images].every((image) => image.complete && image.naturalWidth > 0)")
    assert page.locator(".sheet img").count() == 24
    assert page.locator(".others img").count() == 15
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert background == ("rgb(15, 21, 28)" if scheme == "dark" else "rgb(255, 255, 255)")
    # The bars stand on the axis, and no taller than it.
    frame, bars = page.locator(".plot").first, page.locator(".halves figure .bar")
    box = frame.bounding_box()
    assert box
    assert bars.count() >= 5
    for bar in bars.all()[:-1]:
        one = bar.bounding_box()
        assert one
        assert box["y"] <= one["y"]
        assert one["y"] + one["height"] <= box["y"] + box["height"]
    problems = Axe().run(page).response["violations"]
    assert [(one["id"], one["nodes"][0]["html"][:200]) for one in problems] == []
    context.close()


def test_a_click_on_a_wrong_cell_of_the_matrix_shows_its_pictures(browser: Browser, tmp_path: Path) -> None:
    found = evaluation(package(10), 300)
    reader = InProcess(Limits()), 20_000_000
    file = tmp_path / "report.html"
    file.write_text(html.render(found, [], None, html.small_thumbnails(found, *reader)), "utf-8")
    page = browser.new_page(viewport={"width": 1280, "height": 600})
    page.goto(file.as_uri())
    truth, said, count = found.confused[0]
    page.locator(f"a[*|href='#cell-{truth}-{said}']").click()
    shown = page.locator(f"#cell-{truth}-{said}")
    expect(shown).to_be_in_viewport()
    assert shown.locator("li").count() == min(count, 24)
    assert shown.locator("img").count() > 0
    page.close()
