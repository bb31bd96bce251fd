"""The page's words in the language of the visit."""

from __future__ import annotations

import streamlit as st

from classifier.languages import choose, languages


def language() -> str:
    """The code of the visitor's language: chosen on the page, else from the address (`?lang=`), else the browser's."""
    chosen: str | None = st.session_state.get("lang")
    if chosen in languages():
        return chosen
    return choose(st.query_params.get("lang"), st.context.locale, st.context.headers.get("Accept-Language")).code


def html_language() -> str:
    """The visitor's language as HTML's `lang` attributes name it."""
    return languages()[language()].html


def t(key: str, **values: object) -> str:
    """The text of a key in the visitor's language, with the values filled in."""
    return languages()[language()].text("page", key, **values)


def error_text(error: Exception) -> str:
    """What a visitor reads about an error."""
    return languages()[language()].error(error)


def device_text(device: str) -> str:
    """A device such as `CPU (2 threads)`, in the visitor's language."""
    return languages()[language()].device(device)
