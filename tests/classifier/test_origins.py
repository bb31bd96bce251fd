"""Origins as operators write them, in the form in which browsers send them."""

from __future__ import annotations

import pytest

from classifier.origins import normalized, split


def test_origins_become_what_browsers_send() -> None:
    written = split("https://WWW.Example.org, http://localhost:3000,, https://a.example:443,http://[::1]:80, *")
    assert normalized(written) == (
        "https://www.example.org",
        "http://localhost:3000",
        "https://a.example",
        "http://[::1]",
        "*",
    )
    assert normalized(("https://a.example:443", "https://A.example")) == ("https://a.example",)


def test_a_star_stands_for_subdomains_only_where_it_may() -> None:
    assert normalized(("https://*.Example.org:8443",), subdomains=True) == ("https://*.example.org:8443",)
    with pytest.raises(ValueError, match="is not an origin"):
        normalized(("https://*.example.org",))


@pytest.mark.parametrize("subdomains", [False, True])
@pytest.mark.parametrize(
    "text",
    [
        "www.example.org",
        "null",
        "file:///tmp",
        "ftp://example.org",
        "https://",
        "https://example.org/",
        "https://example.org/path",
        "https://example.org?x",
        "https://user@example.org",
        "https://example.org:0",
        "https://example.org:65536",
        "https://example.org:",
        "https://exa mple.org",
        "https://example.org; script-src *",
        "https://example.org\r\nX: y",
        "https://example.org\n",
        "https://bücher.example",
        "https://[::1",
        "https://[1::2::3]",
        "https://*.[::1]",
        "https://*",
        "https://a.*.org",
        "https://.example.org",
        "https://example..org",
        "**",
        "'self'",
    ],
)
def test_anything_else_is_refused_with_an_example(text: str, subdomains: bool) -> None:
    with pytest.raises(ValueError, match=r"is not an origin; expected .*such as https://www\.example\.org"):
        normalized((text,), subdomains)
