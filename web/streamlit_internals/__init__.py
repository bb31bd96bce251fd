"""Everything that depends on Streamlit's internals. Check this folder at each upgrade of Streamlit.

docs/architecture.md lists each private part that is used, what breaks without it, and the test that would notice.
"""
