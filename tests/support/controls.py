"""What a visitor can act on and read on a page, as a browser has it: sizes, places, what lies over what, the focus."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from playwright.sync_api import Page

_SCRIPT = Path(__file__).with_suffix(".js").read_text("utf-8")


def ask(page: Page, question: str) -> Any:
    """The answer of one of the functions that `controls.js` gives."""
    return page.evaluate(f"{_SCRIPT}.{question}()")


def tab_stops(page: Page, most: int = 120) -> list[dict[str, Any]]:
    """Where the focus is after each Tab, from where it is now round to there: name, number, seen, box; see `focus`."""
    stops: list[dict[str, Any]] = []
    for _ in range(most):
        page.keyboard.press("Tab")
        now = ask(page, "focus")
        if now["number"] in [one["number"] for one in stops]:
            return stops
        stops.append(now)
    raise AssertionError(f"the focus never comes back: {[one['name'] for one in stops]}")


def tab_to(page: Page, selector: str, most: int = 120) -> None:
    """Presses Tab until an element has the focus."""
    for _ in range(most):
        if page.locator(selector).evaluate("one => one === document.activeElement"):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"no Tab leads to {selector}")


def shot(page: Page, box: dict[str, float], margin: float = 4) -> Image.Image:
    """A picture of a part of the window, in CSS pixels, with so many around it."""
    size = page.viewport_size
    assert size
    left, top = max(0, box["x"] - margin), max(0, box["y"] - margin)
    right, bottom = (
        min(size["width"], box["x"] + box["width"] + margin),
        min(size["height"], box["y"] + box["height"] + margin),
    )
    clip = {"x": left, "y": top, "width": right - left, "height": bottom - top}
    return Image.open(io.BytesIO(page.screenshot(clip=clip, animations="disabled"))).convert("RGB")  # type: ignore[arg-type]


def contrast(image: Image.Image) -> float:
    """The contrast ratio of the lightest and the darkest colour in a picture: WCAG 2.2, 1 to 21."""
    light = _luminance(image)
    return float((light.max() + 0.05) / (light.min() + 0.05))


def changed(before: Image.Image, after: Image.Image) -> float:
    """The strongest contrast ratio of one pixel before and after; 1 if nothing has changed."""
    one, other = _luminance(before) + 0.05, _luminance(after) + 0.05
    return float(np.maximum(one / other, other / one).max())


def _luminance(image: Image.Image) -> np.ndarray[Any, Any]:
    """Of each pixel, 0 to 1: https://www.w3.org/TR/WCAG22/#dfn-relative-luminance."""
    part = np.asarray(image, np.float64) / 255
    linear = np.where(part <= 0.04045, part / 12.92, ((part + 0.055) / 1.055) ** 2.4)
    return np.asarray(linear @ np.array((0.2126, 0.7152, 0.0722)))
