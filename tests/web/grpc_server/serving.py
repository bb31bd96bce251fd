"""The server that the tests here ask, and what they ask of it."""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path
from typing import Any, NamedTuple

import grpc

from classifier.protocols import oip_grpc
from tests.support.photos import ROOT

MODEL = "efficientnet-lite0"
SETTINGS = {"CLASSIFIER_MODEL": MODEL, "CLASSIFIER_MAX_BYTES": "4000000"}
PHOTO = (ROOT / "tests/photos/bison.webp").read_bytes()


class Server(NamedTuple):
    """A server that runs.

    Attributes:
        address: of its page and API.
        port: on which it serves gRPC.
        pid: of its process.
    """

    address: str
    port: int
    pid: int


def classified(server: Server, data: bytes) -> Any:
    request = urllib.request.Request(
        f"{server.address}/api/v1/classify?top_k=1000", data, {"Content-Type": "image/webp"}
    )
    with urllib.request.urlopen(request, timeout=30) as response:
        return json.load(response)["results"][0]


def memory(server: Server) -> int:
    """MB that the server's process has."""
    status = Path(f"/proc/{server.pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) // 1000


def code(error: grpc.RpcError) -> str:
    return str(dict(error.trailing_metadata() or ()).get(oip_grpc.ERROR_CODE, ""))
