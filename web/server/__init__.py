"""What every server needs and Streamlit does not bring: slow connections, shutdown, headers, parts imported late."""
