"""Streamlit's part of the page: names it, and hands over what the server offers. Streamlit runs it for each visit.

What is seen is in `page.html` and `scripts/`. After the start of another server, this is how an open page hears of it.
"""

from __future__ import annotations

import json
import logging
from html import escape
from pathlib import Path

import streamlit as st

from classifier.languages import choose
from web.models import models
from web.page.answer import sentences
from web.page.offer import offer

log = logging.getLogger(__name__)

_ICON = Path(__file__).parent / "static/icon.png"


def main() -> None:
    """One run."""
    asked = st.query_params.get("lang"), st.context.locale, st.context.headers.get("Accept-Language")
    st.set_page_config(page_title=choose(*asked).text("page", "name"), page_icon=str(_ICON), layout="wide")
    try:
        models().start()
        content: object = offer()
    except Exception as error:  # the visitor gets a sentence, the log gets the traceback
        log.exception("the page failed")
        content = {"problem": sentences(error)}
    st.html(f'<div id="offered" hidden data-offer="{escape(json.dumps(content, ensure_ascii=False))}"></div>')


main()
