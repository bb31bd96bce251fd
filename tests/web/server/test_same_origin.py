"""Whether a request comes from a page of this server: what browsers say of it, over HTTPS and HTTP, behind proxies."""

from __future__ import annotations

import pytest
from starlette.datastructures import Headers

from web.server.same_origin import is_own


@pytest.mark.parametrize(
    ("own", "headers"),
    [
        (True, {"sec-fetch-site": "same-origin"}),
        (True, {"sec-fetch-site": "same-origin", "origin": "https://demo.example", "host": "inner:8501"}),
        (False, {"sec-fetch-site": "same-site", "origin": "https://demo.example", "host": "demo.example"}),
        (False, {"sec-fetch-site": "cross-site"}),
        (False, {"sec-fetch-site": "none", "host": "demo.example"}),
        (True, {"origin": "http://box:8501", "host": "box:8501"}),
        (True, {"origin": "http://BOX", "host": "box"}),
        (True, {"origin": "https://demo.example", "host": "demo.example:443"}),
        (True, {"origin": "http://[::1]:8501", "host": "[::1]:8501"}),
        (False, {"origin": "http://box:8502", "host": "box:8501"}),
        (False, {"origin": "http://evil.example", "host": "box:8501"}),
        (False, {"origin": "null", "host": "box:8501"}),
        (False, {"origin": "file://box", "host": "box"}),
        (False, {"host": "box"}),
        (False, {"origin": "http://"}),
        (False, {}),
    ],
)
def test_who_is_the_page(own: bool, headers: dict[str, str]) -> None:
    assert is_own(Headers(headers)) is own
