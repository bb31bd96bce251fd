"""The page: where its parts are, and in which order they are made. Streamlit runs this file for each visit and click.

Everything is inside functions, so that no picture stays alive in this module after a run.
"""

from __future__ import annotations

import logging
from pathlib import Path

import streamlit as st

from classifier import Classification, ClassifierError, UnknownModelError
from classifier.languages import languages
from web.errors import ModelFailedError
from web.models import models
from web.page import components, gallery, picture
from web.page.state import Look, Picked, pick_sample, state
from web.page.text import error_text, language, t

log = logging.getLogger(__name__)

FOLDER = Path(__file__).parent


def main() -> None:
    """One run of the page."""
    st.set_page_config(page_title=t("name"), page_icon=str(FOLDER / "static/icon.png"), layout="wide")
    st.html(FOLDER / "style.css")
    try:
        _page()
    except ClassifierError as error:
        components.error(error_text(error))
    except Exception as error:  # the visitor gets a sentence, the log gets the traceback
        log.exception("the page failed")
        components.error(error_text(error))


def _page() -> None:
    looked_at, model = state().picked(), models().default
    if looked_at is not None and models().state == "ready":
        picture.begin(looked_at, (components.chosen_model(), components.chosen_view()))
    _header()
    hero = st.container(key="hero")
    left, right = st.columns([5, 7], gap="large")
    with left:
        components.inputs()
    with right:
        if looked_at is None:
            st.html(f"<h2>{t('gallery')}</h2>")
            gallery.show(pick_sample, None)
        ready = _started()
        if ready and looked_at is None and (problem := models().problem):
            components.error(error_text(problem))
    if looked_at is not None and ready:
        with left:
            components.preview(looked_at)
    with right:
        if looked_at is not None and ready:
            # The bars depend on the settings that are drawn below them.
            answer = st.container(key="answer")
        if ready:
            (model, view), top_k, minimum = components.settings(expanded=looked_at is not None)
        if looked_at is not None and ready:
            with answer:
                result = _classify(looked_at, (model, view))
                if result is not None:
                    components.result(*result, looked_at, top_k, minimum)
    with hero:
        components.hero(model)
    if looked_at is not None:
        st.html(f"<h2>{t('gallery_more')}</h2>")
        gallery.show(pick_sample, looked_at.name if looked_at.sample else None)
    components.footer(model)


def _header() -> None:
    with st.container(key="top", horizontal=True, vertical_alignment="center"):
        components.brand()
        st.segmented_control(
            t("language"),
            list(languages()),
            format_func=lambda code: languages()[code].name,
            default=language(),
            required=True,
            key="lang",
            on_change=components.to_address,
            args=("lang",),
            label_visibility="collapsed",
        )


def _started() -> bool:
    """Waits until the default model is loaded; returns whether it could be."""
    if models().state == "starting":
        with st.spinner(t("loading")):
            models().start()
    if models().state == "failed":
        components.error(error_text(ModelFailedError()))
    return models().state == "ready"


def _classify(looked_at: Picked, look: Look) -> tuple[Classification, bool] | None:
    try:
        with st.spinner(t("looking")):
            return picture.result(looked_at, look)
    except UnknownModelError:
        raise
    except ClassifierError as error:
        components.error(error_text(error))
        if error.retry_after or error.status >= 500:
            st.button(t("retry"), key="retry")
        return None


main()
