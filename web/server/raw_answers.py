"""Answers that are written to a connection as they are, where no request has been read."""

from __future__ import annotations

import json
from dataclasses import asdict

from classifier.errors import ClassifierError
from web.problems import MEDIA_TYPE, from_error


def closing(error: ClassifierError) -> bytes:
    """An answer that tells an error, and that the connection ends with it."""
    problem = from_error(error)
    body = json.dumps(asdict(problem)).encode()
    head = [
        f"HTTP/1.1 {problem.status} {problem.title}",
        f"Content-Type: {MEDIA_TYPE}",
        f"Content-Length: {len(body)}",
        "X-Content-Type-Options: nosniff",
        *([f"Retry-After: {error.retry_after}"] if error.retry_after else []),
        "Connection: close",
    ]
    return "\r\n".join([*head, "", ""]).encode() + body
