"""Serves the metrics on a port of their own, which need not be reachable for visitors.

It answers one connection at a time and ends each after some seconds, so that whoever reaches the port can take neither
descriptors nor threads from the page.
"""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from urllib.parse import urlsplit

log = logging.getLogger(__name__)

_SECONDS = 5.0  # for a connection, from its beginning to its end
_PATH = "/metrics"


def serve(host: str, port: int, content: Callable[[], bytes], content_type: str) -> None:
    """Answers `GET /metrics` in a thread of its own, for as long as the process lives.

    Args:
        host: address to listen on; "" for all.
        port: port to listen on.
        content: makes the answer's body.
        content_type: the answer's type.

    Raises:
        OSError: nothing can listen there.
    """
    family, kind, protocol, _, address = socket.getaddrinfo(
        host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    listening = socket.socket(family, kind, protocol)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(16)
    except OSError:
        listening.close()
        raise
    handler = _handler(content, content_type)
    threading.Thread(target=_answer, args=(listening, handler), name="metrics", daemon=True).start()


def _answer(listening: socket.socket, handler: type[BaseHTTPRequestHandler]) -> None:
    while True:
        try:
            connection, address = listening.accept()
        except OSError:  # no descriptor is left
            time.sleep(1)
            continue
        # A caller that sends a byte now and then never runs into the timeout of a single read.
        end = threading.Timer(_SECONDS, _shut, (connection,))
        end.daemon = True
        end.start()
        try:
            with connection:
                handler(connection, address, None)  # type: ignore[arg-type]  # needs no server
        except OSError:
            pass  # the caller went away
        except Exception:
            log.exception("the metrics cannot be told")
        finally:
            end.cancel()


def _shut(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


def _handler(content: Callable[[], bytes], content_type: str) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = _SECONDS

        def do_GET(self) -> None:
            found = urlsplit(self.path).path == _PATH
            body = content() if found else b"There is nothing at this path but /metrics.\n"
            self.send_response(200 if found else 404)
            self.send_header("Content-Type", content_type if found else "text/plain; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_HEAD = do_GET

        def version_string(self) -> str:
            return "metrics"

        def log_message(self, *_: object) -> None:
            pass

    return Handler
