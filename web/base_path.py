"""The path under which everything is served: none, or one such as `/demo` that a proxy passes on as it is.

It is Streamlit's own option, so that its routes and ours lie under the same one.
"""

from __future__ import annotations

import streamlit as st

_PATH = str(st.get_option("server.baseUrlPath")).strip("/")

BASE = f"/{_PATH}" if _PATH else ""
"""What stands before every path of ours: `/demo`, or nothing."""
