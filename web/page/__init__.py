"""The page. A package with this file, as Streamlit's watcher reloads no module of one without."""
