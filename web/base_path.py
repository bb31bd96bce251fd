"""The path under which everything is served: none, or one such as `/demo` that a proxy passes on unchanged.

It is read from Streamlit's own option, so that Streamlit's routes and ours are under the same path.
"""

from __future__ import annotations

import streamlit as st

_PATH = str(st.get_option("server.baseUrlPath")).strip("/")

BASE = f"/{_PATH}" if _PATH else ""
"""The beginning of all our paths, such as `/demo`; empty by default."""
