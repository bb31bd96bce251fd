"""The page as a component of Streamlit's, for `main.py` and for scripts of owners that draw more around it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from web.streamlit_internals.own_component import own_component

_FOLDER = Path(__file__).parent / "frontend"


def page(offered: dict[str, Any], *, listens: bool = False) -> dict[str, Any] | None:
    """Draws the page; returns what the visitor looks at, if the script is to hear of that.

    Args:
        offered: see `web.page.offer`; or a `problem`, sentences by language.
        listens: whether the script runs again whenever there is another result.

    Returns:
        None while there is no result; else `kind` ("sample", "file", "camera" or "crop"), `name` of the file, `sample`,
        `model`, `view`, `language`, `predictions` (each with `label`, `score` from 0 to 1, and `index`) and `sure`.
    """
    data = {"offer": offered, "listens": listens}
    draw = own_component("page", _FOLDER, "component.js")
    drawn = draw(key="page", data=data, default={"looked_at": None}, on_looked_at_change=lambda: None)
    looked_at: dict[str, Any] | None = drawn.looked_at
    return looked_at
