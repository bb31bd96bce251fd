"""Types of settings: what an operator may write for one, and what is made of it.

What is wrong is a `ValueError` whose text says what is expected; `read_settings` adds whose value it is.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator
from pydantic_settings import NoDecode

from classifier.backends.names import choices
from classifier.backends.remote.token import read_token
from classifier.formatting import listed
from classifier.network import check_hosts, check_networks, checked_path
from classifier.origins import normalized, split
from classifier.picture.formats import FORMATS

PARTS = ("why", "compare", "many", "live", "crop", "code", "share", "recent", "install")
"""What the page offers beside one picture's answer, each of which an operator can switch off."""


def _there_is_such_a_backend(value: str) -> str:
    if value not in choices():
        raise ValueError(f"Input should be {listed(map(repr, choices()))}")
    return value


def _split(value: object) -> object:
    return split(value) if isinstance(value, str) else value


def _upper(value: object) -> object:
    return value.upper() if isinstance(value, str) else value


def _networks(value: tuple[str, ...]) -> tuple[str, ...]:
    check_networks(value)
    return value


def _hosts(value: tuple[str, ...]) -> tuple[str, ...]:
    check_hosts(value)
    return value


def _sites(value: tuple[str, ...]) -> tuple[str, ...]:
    return normalized(value)  # browsers compare the origin of a page that calls as a whole


def _frames(value: tuple[str, ...]) -> tuple[str, ...]:
    return normalized(value, subdomains=True)  # only frames know names with a star


def _known(value: tuple[str, ...]) -> tuple[str, ...]:
    if unknown := set(value) - set(FORMATS):
        raise ValueError(f"{', '.join(sorted(unknown))} cannot be read; choose from {', '.join(FORMATS)}")
    return value


def _parts(value: tuple[str, ...]) -> tuple[str, ...]:
    if unknown := set(value) - set(PARTS):
        raise ValueError(f"the page has no part {', '.join(sorted(unknown))}; choose from {', '.join(PARTS)}")
    return value


def _readable(value: Path | None) -> Path | None:
    if value is not None:
        try:
            read_token(value)
        except OSError as error:
            raise ValueError(f"it cannot be read: {error.strerror or error}") from None
    return value


BackendChoice = Annotated[str, AfterValidator(_there_is_such_a_backend)]
"""A backend's name, or `auto`."""

Names = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]
"""Several values, separated by commas in a variable."""

Formats = Annotated[Names, BeforeValidator(_upper), AfterValidator(_known)]
"""Some of the formats that can be read, in upper or lower case."""

Networks = Annotated[Names, AfterValidator(_networks)]
"""Addresses, or networks."""

Hosts = Annotated[Names, AfterValidator(_hosts)]
"""Names of hosts, of which the first label may be a star."""

Sites = Annotated[Names, AfterValidator(_sites)]
"""Origins of pages, or a star."""

Frames = Annotated[Names, AfterValidator(_frames)]
"""The same, also with a star as the first label."""

PageParts = Annotated[Names, AfterValidator(_parts)]
"""Some of `PARTS`."""

BasePath = Annotated[str | None, AfterValidator(checked_path)]
"""A path such as `/demo`."""

TokenFile = Annotated[Path | None, AfterValidator(_readable)]
"""A file that holds a token."""
