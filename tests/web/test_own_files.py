"""The page's own scripts: what it starts with, and what it fetches later."""

from __future__ import annotations

import re

from web.own_files import SCRIPTS, scripts


def test_the_page_starts_with_what_its_first_script_imports_and_with_nothing_else() -> None:
    names = {file.name for file in scripts()}
    assert {"main.js", "look.js", "later.js"} <= names
    for file in scripts():
        text = file.read_text("utf-8")
        assert set(re.findall(r'(?:^import|\bfrom)\s[^;(]*"\./([\w-]+\.js)"', text, re.M)) <= names, file.name
    opened = set(re.findall(r'data-opens="(\w+)"', (SCRIPTS.parent / "page.html").read_text("utf-8")))
    assert opened
    assert not {f"{part}.js" for part in opened} & names
