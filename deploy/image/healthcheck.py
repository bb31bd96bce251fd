"""The container's health: exit status 0 when the server in it is ready, that is when its model is warmed up.

It is run every few seconds, so it must start fast: it imports hardly more than the socket.
"""

import os
import socket
import sys

# In the order in which `classifier serve` looks at them.
port = next(filter(None, map(os.environ.get, ("STREAMLIT_SERVER_PORT", "CLASSIFIER_PORT", "PORT"))), "8501")
base = next(filter(None, map(os.environ.get, ("STREAMLIT_SERVER_BASE_URL_PATH", "CLASSIFIER_BASE_PATH"))), "")
path = f"/{base.strip('/')}/readyz".replace("//", "/")

try:
    with socket.create_connection(("localhost", int(port)), timeout=4) as connection:
        connection.sendall(f"GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
        status = connection.recv(64).split(b" ")[1]
except (OSError, IndexError) as error:
    sys.exit(f"no answer: {error}")
if status != b"200":
    sys.exit(f"not ready: {status.decode()}")
