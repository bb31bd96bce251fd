"""The page's script run without a browser, and what a visitor does and sees there."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path

from streamlit.testing.v1 import AppTest

from tests.support.photos import photo
from web.page import gallery

MAIN = Path(gallery.__file__).parent / "main.py"
CAT = photo("chelsea.png").read_bytes()
CATS = {"tabby cat", "tiger cat", "Egyptian Mau"}


def page(locale: str = "en-US", **query: str) -> AppTest:
    """A first visit, by a browser in this language, to an address with this query."""
    test = AppTest.from_file(str(MAIN), default_timeout=60)
    test.context = {"locale": locale}
    for name, value in query.items():
        test.query_params[name] = value
    return test.run()


def upload(test: AppTest, data: bytes, name: str = "picture.png") -> AppTest:
    """Picks a file in the file dialog."""
    return test.file_uploader(key="upload").set_value((name, data, "image/png")).run()


def bars(test: AppTest) -> list[tuple[str, str]]:
    """(label, percent) of each bar."""
    html = "".join(element.proto.body for element in test.html)
    found = re.findall(r'class="label">(.*?)</span> <span class="percent">(.*?)</span>', html)
    return [(unescape(label), unescape(value)) for label, value in found]


def words(test: AppTest) -> str:
    """All HTML of ours on the page."""
    return " ".join(element.proto.body for element in test.html)
