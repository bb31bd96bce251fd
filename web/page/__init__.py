"""The page. It needs this file: Streamlit's watcher does not reload the modules of a package without one."""
