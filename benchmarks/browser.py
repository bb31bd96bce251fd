"""The browser that benchmarks and tests drive."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

_BROWSERS = ("google-chrome", "google-chrome-stable", "chromium", "chromium-browser")
_MAC_CHROME = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"


def find_browser() -> str | None:
    """An installed Chrome or Chromium; without one Playwright takes its own."""
    found = next(filter(None, map(shutil.which, _BROWSERS)), None)
    return found or (_MAC_CHROME if Path(_MAC_CHROME).exists() else None)


def browser_arguments() -> dict[str, Any]:
    """Arguments to start the browser with: root cannot use Chrome's sandbox; the camera shows a moving test picture."""
    arguments = ["--use-fake-device-for-media-stream"]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        arguments.append("--no-sandbox")
    browser = find_browser()
    return {"args": arguments, **({"executable_path": browser} if browser else {})}
