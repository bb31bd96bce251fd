"""Streamlit's part of the page: a component with all that is seen. Streamlit runs this file for each visit.

What is seen is in `page.html` and `scripts/`. What an owner adds to `main` stands below it.
"""

from __future__ import annotations

import logging
from pathlib import Path

import streamlit as st

from classifier.languages import choose
from web.models import models
from web.page.answer import sentences
from web.page.component import page
from web.page.offer import offer

log = logging.getLogger(__name__)

_ICON = Path(__file__).parent / "static/icon.png"


def main() -> None:
    """One run."""
    asked = st.query_params.get("lang"), st.context.locale, st.context.headers.get("Accept-Language")
    st.set_page_config(page_title=choose(*asked).text("page", "name"), page_icon=str(_ICON), layout="wide")
    try:
        models().start()
        content = offer()
    except Exception as error:  # the visitor gets a sentence, the log gets the traceback
        log.exception("the page failed")
        content = {"problem": sentences(error)}
    page(content)


main()
