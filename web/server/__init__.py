"""What a server needs and Streamlit lacks: security headers, late imports, background tasks, limits on time."""
