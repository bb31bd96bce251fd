"""The container's health: exit status 0 when the server in it is ready, that is when its model is warmed up.

It is run every few seconds, so it must start fast: it imports hardly more than the socket.
"""

import os
import socket
import sys


def first(*names: str) -> str:
    """The first that is set, in the order of `classifier serve`; engines set `tcp://...` for services so named."""
    values = (os.environ.get(name, "") for name in names)
    return next((value for value in values if value and "://" not in value), "")


usual = "7860" if os.environ.get("MODELSCOPE_ENVIRONMENT") == "studio" else "8501"
port = first("STREAMLIT_SERVER_PORT", "CLASSIFIER_PORT", "PORT") or usual
base = first("STREAMLIT_SERVER_BASE_URL_PATH", "CLASSIFIER_BASE_PATH")
path = f"/{base.strip('/')}/readyz".replace("//", "/")

try:
    with socket.create_connection(("localhost", int(port)), timeout=4) as connection:
        connection.sendall(f"GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
        status = connection.recv(64).split(b" ")[1]
except (OSError, IndexError) as error:
    sys.exit(f"no answer: {error}")
if status != b"200":
    sys.exit(f"not ready: {status.decode()}")
