"""The smallest Streamlit page that has an uploader and a bar: `streamlit run benchmarks/bare_page.py`."""

import streamlit as st

if st.file_uploader("Choose a picture") is not None:
    st.progress(1.0)
