"""Entry point: `streamlit run streamlit_app.py` starts page, API, health and metrics on one port.

Streamlit finds the literal `st.App(...)` by reading this file, so it must stay a plain assignment here.
"""

from pathlib import Path

import streamlit as st

from web.app import lifespan, middleware, routes

app = st.App(
    Path(__file__).resolve().parent / "web" / "page" / "main.py",
    routes=routes,
    middleware=middleware,
    lifespan=lifespan,
)
