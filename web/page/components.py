"""The parts of the page, each drawn by one function."""

from __future__ import annotations

import base64
from html import escape
from pathlib import Path
from typing import Any

import streamlit as st

from classifier import Classification, ClassifierError, PredictionSet
from classifier.backends import names as backends
from classifier.formatting import millions, odds, percent, whole_number
from classifier.languages import languages
from classifier.views import VIEWS, View
from web.models import models
from web.page import downloads, gallery, picture
from web.page.bars import bars_html
from web.page.intro import intro
from web.page.state import Look, Picked, camera_switched, pick_file, state
from web.page.text import device_text, html_language, language, t

_NOTES = {  # texts by the code of a note
    "cut_off": "note_cut_off",
    "cut_off_detail": "note_cut_off_detail",
    "raw_preview": "note_raw_preview",
}

_VIEWS: dict[View, tuple[str, str]] = {
    "crop": ("view_crop", "saw_crop"),
    "whole": ("view_whole", "saw_whole"),
    "both": ("view_both", "saw_both"),
}
"""The keys of a view's name, and of what is said of an answer."""

_MUCH = 0.5
"""The share of a picture from which on the page does not say that the model saw only so much of it."""

_NAMED = 5
"""The most classes of a set that are named."""

_ICON = base64.b64encode((Path(__file__).parent / "static/icon.svg").read_bytes()).decode()


def brand() -> None:
    """Icon and name; and the visit's, by which page.js sees that it has begun anew."""
    icon = f'<img alt="" src="data:image/svg+xml;base64,{_ICON}">'
    chosen = " has-picture" if state().picked() else ""  # style.css depends on it
    name = f'<span data-visit="{state().visit}">{t("name")}</span>'
    st.html(f'<div class="brand{chosen}" lang="{html_language()}">{icon}{name}</div>')


def hero(model: str) -> None:
    """Says what the page does, and what the chosen model knows."""
    said = intro(languages()[language()], models().packages.get(model))
    st.html(f"<h1>{t('headline')}</h1><p>{escape(said)}</p>")


def inputs() -> None:
    """Uploader and camera; the camera asks for permission only once it is turned on."""
    allowed = models().limits
    formats, megabytes = list(allowed.formats), millions(allowed.max_bytes)
    limits = t("limits", formats=formats, megabytes=megabytes, pixels=allowed.max_pixels)
    # Streamlit's own texts in the uploader are in English only: by CSS, these are shown in their place.
    words = {name: t(name) for name in ("drop", "pick", "browse", "unsent")}
    words["paste"] = t("or_paste", keys="Ctrl+V / ⌘V")
    words["refused"] = t("refused", megabytes=megabytes)
    variables = "".join(f"--{name}:{_css_string(text)};" for name, text in words.items())
    st.html(f"<style>.st-key-inputs{{{variables}}}</style>")
    with st.container(key="inputs"):
        uploaded = st.file_uploader(
            t("upload"),
            key="upload",  # without types, which would refuse names: what a file is, its content says
            label_visibility="collapsed",
            on_change=pick_file,
            args=("upload",),
        )
        st.html(f'<p class="quiet">{escape(limits)}</p>')
        if st.toggle(t("camera"), key="camera_on", on_change=camera_switched):
            st.camera_input(
                t("camera_label"),
                key="camera",
                on_change=pick_file,
                args=("camera",),
                label_visibility="collapsed",
            )
        if uploaded is not None and not state().chosen:
            # Sent again to a visit that has just begun, for which Streamlit calls no `on_change`.
            pick_file("upload")
            st.rerun()


def preview(looked_at: Picked) -> None:
    """The picture itself and, for a sample, its author; nothing if it cannot be read: the result will say so."""
    if looked_at.origin == "camera":
        return  # the camera shows it already
    if looked_at.sample:
        with st.container(key="preview"):
            st.html(gallery.picture_html(looked_at.sample, t("alt_sample", name=looked_at.sample.title)))
            st.html(f'<p class="quiet">{gallery.credit_html(looked_at.sample)}</p>')
        return
    try:
        image = picture.thumbnail(looked_at)
    except ClassifierError:
        return
    with st.container(key="preview"):
        st.image(image, alt=t("alt_upload", name=looked_at.name), width="stretch")


def chosen_model() -> str:
    """The model that the visitor chose, before `settings` draws the choice."""
    asked = st.session_state.get("model") or st.query_params.get("model", "")
    return models().known(asked) or models().default


def chosen_view() -> View:
    """What the model sees of a picture, as the visitor chose, before `settings` draws the choice."""
    asked = st.session_state.get("view") or st.query_params.get("view")
    return next((view for view in VIEWS if view == asked), models().settings.view)


def model_title(name: str) -> str:
    """What the page calls a model: its title, and its name, too, where others have the same title."""
    packages = models().packages
    title = packages[name].manifest.title if name in packages else name
    alike = sum(package.manifest.title == title for package in packages.values())
    return title if alike <= 1 else f"{title} ({name})"


def settings(*, expanded: bool) -> tuple[Look, int, float]:
    """Model and what it sees, number of classes and smallest score (0 to 1) that the visitor chose."""
    names = list(models().packages)
    if st.session_state.get("model", names[0]) not in names:  # it was removed
        del st.session_state["model"]
    # Two keys: with one, the expander would keep the state that it had when there was no result yet.
    key = "settings-open" if expanded else "settings"
    with st.expander(t("settings"), icon=":material/tune:", expanded=expanded, key=key):
        model = st.selectbox(
            t("model"),
            names,
            index=names.index(chosen_model()),
            format_func=model_title,
            key="model",
            on_change=to_address,
            args=("model",),
        )
        view: View = st.segmented_control(
            t("view"),
            VIEWS,
            format_func=lambda one: t(_VIEWS[one][0]),
            default=chosen_view(),
            required=True,
            key="view",
            on_change=to_address,
            args=("view",),
        )
        output = models().package(model).manifest.output
        most = min(picture.MOST, output.classes)
        columns = st.columns(2, gap="medium")
        with columns[0]:
            top_k = _slider("top_k", "k", 1, most, min(output.top_k, most))
        with columns[1]:
            minimum = _slider("minimum", "min", 0, 95, 0, "%d%%")
    return (model, view), top_k, minimum / 100


def to_address(key: str) -> None:
    """Writes a choice into the page's address, so that a link carries it.

    Streamlit's own binding of widgets to the address would write a model's title instead of its name, and forgets the
    value of a widget that moves on the page.
    """
    st.query_params[key] = str(st.session_state[key])


def result(whole: Classification, fresh: bool, looked_at: Picked, top_k: int, minimum: float) -> None:
    """Bars, time and device, downloads, details."""
    part = picture.wanted(whole, top_k, minimum)
    st.html(f"<h2>{t('best' if whole.sure else 'guesses')}</h2>")
    if whole.doubt:
        st.warning(t(whole.doubt), icon=":material/help:")
    if part.predictions:
        st.html(bars_html(part.predictions, sure=whole.sure, fresh=fresh))
    else:
        best = percent(whole.predictions[0].score)
        st.info(t("none_left", minimum=percent(minimum, 0), best=best))
    if whole.set:
        st.html(f'<p class="quiet" lang="{html_language()}">{escape(_promise(whole.set, whole.model))}</p>')
    with st.container(key="facts", horizontal=True, vertical_alignment="center"):
        st.html(f'<p class="quiet">{_took(whole)}</p>')
        _downloads(part, looked_at)
    if _seen(whole) < _MUCH:
        st.html(f'<p class="quiet">{escape(t("hidden", share=percent(_seen(whole), 0)))}</p>')
    _details(whole)


def error(text: str) -> None:
    """Shows what did not work, and what to do."""
    st.error(text, icon=":material/error:")


def footer(model: str) -> None:
    """How much the chosen model knows, what happens to pictures, who took the samples."""
    package = models().packages.get(model)
    with st.container(key="footer"):
        knows = f"<p>{t('knows', classes=package.manifest.output.classes)}</p>" if package else ""
        st.html(f'{knows}<p>{t("privacy")}</p><p><a href="api/docs" target="_blank">{t("api")}</a></p>')
        with st.expander(t("credits"), key="credits"):
            st.html(gallery.credits_html())


def _slider(text: str, key: str, low: int, high: int, usual: int, form: str | None = None) -> int:
    asked = st.query_params.get(key, "")
    given = whole_number(asked, high)
    value = usual if given is None or given < low else given
    return st.slider(t(text), low, high, value, format=form, key=key, on_change=to_address, args=(key,))


def _took(whole: Classification) -> str:
    words = t(
        "took",
        milliseconds=f"{whole.timings.total:.0f}",
        device=device_text(whole.device),
        backend=backends.title(whole.backend),
    )
    return f"{escape(words)} · {escape(model_title(whole.model))}"


def _downloads(part: Classification, looked_at: Picked) -> None:
    stem = Path(looked_at.name).stem or "picture"
    files: dict[str, tuple[bytes, str]] = {
        "json": (downloads.to_json(part), "application/json"),
        "csv": (downloads.to_csv(part), "text/csv"),
    }
    with st.container(key="downloads", horizontal=True, gap="small", width="content"):
        for kind, (data, mime) in files.items():
            st.download_button(
                t(f"download_{kind}"),
                data,
                file_name=f"{stem}.{kind}",
                mime=mime,
                key=f"download_{kind}",
                icon=":material/download:",
                on_click="ignore",
            )


def _promise(found: PredictionSet, model: str) -> str:
    """Which classes to reckon with, and how often one of them is right."""
    labels = models().packages[model].labels_for(language())
    times, of = odds(found.coverage)
    count = len(found.predictions)
    key = "set_one" if count == 1 else "set" if count <= _NAMED else "set_many"
    named = [labels[item.index] for item in found.predictions[:_NAMED]]
    return t(key, times=times, of=of, count=count, labels=named)


def _details(whole: Classification) -> None:
    manifest = models().package(whole.model).manifest
    rows: list[tuple[str, Any]] = [
        (
            t("size"),
            t("size_value", width=whole.width, height=whole.height, format=whole.format),
        ),
        (t("view"), t(_VIEWS[whole.view][1], share=percent(_seen(whole), 0))),
    ]
    rows += [(t("note"), t(_NOTES[one.code], **one.details)) for one in whole.notes]
    for stage in ("queue", "decode", "preprocess", "inference", "total"):
        value = f"{getattr(whole.timings, stage):.1f}"
        rows.append((t(f"stage_{stage}"), t("milliseconds", value=value)))
    rows.append((t("model"), manifest.title))
    if manifest.published:
        published, dataset = percent(manifest.published.top1), manifest.published.dataset
        rows.append((t("model_accuracy"), t("detailed", value=published, detail=dataset)))
    if manifest.license:
        rows.append((t("model_licence"), manifest.license))
    cells = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in rows)
    with st.expander(t("details"), icon=":material/info:", key="details"):
        st.html(f'<dl class="details" lang="{html_language()}">{cells}</dl>')


def _seen(whole: Classification) -> float:
    """The share of the picture that the model saw, 0 to 1."""
    left, top, right, bottom = whole.box
    return (right - left) * (bottom - top) / (whole.width * whole.height)


def _css_string(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("<", "\\3c ") + '"'
