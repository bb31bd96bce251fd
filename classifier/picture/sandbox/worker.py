"""What a worker does: it decodes one picture after the other, and sends back pixels."""

from __future__ import annotations

import socket
from dataclasses import asdict
from typing import Any

from classifier.errors import ClassifierError, OutOfMemoryError
from classifier.picture import prepare
from classifier.picture.geometry import Geometry
from classifier.picture.limits import Limits
from classifier.picture.sandbox import wire
from classifier.picture.sandbox.bounds import Bounds, resident

# Bytes by which a worker may grow before it is replaced: the C library keeps memory after large pictures, and a new
# worker costs less than that.
_BLOAT = 48 << 20


def work(connection: socket.socket, bounds: Bounds) -> None:
    """Answers requests until the server closes its end, or until a new process should take this one's place."""
    start = resident()
    try:
        connection.sendall(wire.READY)
        for number in range(1, bounds.pictures + 1):
            request, data = wire.receive(connection)
            with bounds.timed():
                answer, payload = _answer(request, data)
            del data
            answer["number"] = request["number"]
            answer["last"] = number == bounds.pictures or resident() - start > _BLOAT
            wire.send(connection, answer, payload)
            del payload
            if answer["last"]:
                return
    except (EOFError, OSError):
        return


def _answer(request: dict[str, Any], data: bytes) -> tuple[dict[str, Any], bytes]:
    limits = Limits(**request["limits"])
    try:
        if request["job"] == "thumbnail":
            image = prepare.thumbnail(data, request["side"], limits)
            return {"width": image.width, "height": image.height}, image.tobytes()
        prepared = prepare.prepare(data, Geometry(**request["geometry"]), limits)
    except MemoryError:
        return _error(OutOfMemoryError())
    except ClassifierError as error:
        return _error(error)
    facts = asdict(prepared)
    return facts, facts.pop("pixels").tobytes()


def _error(error: ClassifierError) -> tuple[dict[str, Any], bytes]:
    return {"error": error.code, "details": error.details}, b""
