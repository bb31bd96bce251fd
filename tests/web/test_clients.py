"""A client is an address; of IPv6, a network."""

from __future__ import annotations

import pytest

from web.clients import client_of, name_client, named


@pytest.mark.parametrize(
    ("address", "client"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("testclient", ""),
        ("unix:", ""),
        ("9" * 5000, ""),
        (None, ""),
    ],
)
def test_addresses(address: str | None, client: str) -> None:
    assert named(address) == client


def test_of_a_request() -> None:
    assert client_of({"type": "http", "client": ("192.0.2.7", 1234)}) == "192.0.2.7"
    assert client_of({"type": "http", "client": None}) == ""
    assert client_of({"type": "http"}) == ""


def test_a_client_that_was_given_a_name_has_it() -> None:
    scope = {"type": "http", "client": ("192.0.2.7", 1234)}
    name_client(scope, "key:mine")
    assert client_of(scope) == "key:mine"
