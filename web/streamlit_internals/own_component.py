"""Registers a component of this project with Streamlit.

Streamlit finds the files of a component in installed packages only, and this project runs from its folder, too. Inline
scripts, the other way, come from `blob:` addresses, which the page's policy forbids.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import streamlit as st
from streamlit.components.v2.get_bidi_component_manager import get_bidi_component_manager
from streamlit.components.v2.manifest_scanner import ComponentConfig, ComponentManifest
from streamlit.components.v2.types import ComponentRenderer

from classifier import __version__

_PROJECT = "image-classifier"


def own_component(name: str, folder: Path, script: str) -> ComponentRenderer:
    """The command that draws a component; to be asked for in each run, since Streamlit may have begun anew.

    Args:
        name: of the component.
        folder: where its files are, all of which browsers may read.
        script: the file there that exports its function.
    """
    manager, whole = get_bidi_component_manager(), f"{_PROJECT}.{name}"
    if manager.get_component_asset_root(whole) is None:
        manifest = ComponentManifest(_PROJECT, __version__, [ComponentConfig(name, folder.name)])
        manager.register_from_manifest(manifest, folder.parent)
    return _command(whole, script)


@cache
def _command(whole: str, script: str) -> ComponentRenderer:
    return st.components.v2.component(whole, js=script, isolate_styles=False)
