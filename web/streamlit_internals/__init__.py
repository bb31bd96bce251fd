"""All that leans on how Streamlit works inside. Read this folder again at each upgrade of Streamlit.

docs/architecture.md lists each private part that is used, what breaks without it, and the test that tells.
"""
