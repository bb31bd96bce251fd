"""axe-core's findings on a page.

The package axe-playwright-python brings its script along, and hands it to the browser as a debugger does, so that the
page's policy does not bind it.
"""

from __future__ import annotations

from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

_HARMLESS = ("minor", None)
# These are off by default: what is new with WCAG 2.2, and what axe still calls experimental.
_RULES = ("target-size", "label-content-name-mismatch")
_OPTIONS = {"resultTypes": ["violations"], "rules": {rule: {"enabled": True} for rule in _RULES}}


def findings(page: Page) -> list[str]:
    """What is of moderate weight or more, of every rule of axe's: WCAG 2.0 to 2.2, A and AA, and good practice."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(Axe().axe_script)
    # What passes is left in the page: it is long, and nobody reads it.
    found: list[Any] = page.evaluate("options => axe.run(document, options).then((one) => one.violations)", _OPTIONS)
    return [
        f"{one['id']} ({one['impact']}): {node['html'][:200]} {node.get('failureSummary', '')[:200]}"
        for one in found
        if one["impact"] not in _HARMLESS
        for node in one["nodes"]
    ]
