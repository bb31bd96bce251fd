"""How many connections and visits this process can hold, by its file descriptors and its memory.

What is refused at these bounds gets an answer. Without them, `accept` fails when no descriptor is left; asyncio then
logs that without a pause and answers nobody.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cache

from classifier.machine.cpus import cpu_count
from classifier.machine.descriptors import open_descriptors, raise_limit
from classifier.machine.memory import PAGE, available_memory

CONNECTION = 20_000
"""Bytes that an idle connection takes: 7 kB measured, besides what the system takes for it."""

VISIT = 300_000
"""Bytes that a visit takes: 170 kB measured once its page is drawn, and a thumbnail with its results."""

GRPC_PORT = "CLASSIFIER_GRPC_PORT"
"""The setting; read here, since connections come before `classifier.settings` and pydantic are imported."""

_GRPC_CONNECTION = 250_000  # bytes of a connection on which gRPC is spoken, and of what may wait on it unread
_GRPC_DESCRIPTORS = 3  # of each such connection: the caller's, and two for gRPC's own server
_MOST_GRPC = 1000

_VISITS, _CONNECTIONS = 16, 32  # of the memory that is free at the start they get one part in so many
_UNKNOWN = 2 << 30  # bytes: what is taken to be free where the system does not tell
_FEWEST = 8  # connections and visits, whatever the limits are


@dataclass(frozen=True, slots=True)
class Capacity:
    """The most that may be open at a time.

    Attributes:
        connections: connections in all, visits included.
        visits: visits to the page, each of which has a WebSocket.
        refused: connections that have been refused, and whose callers are still reading why.
        batch: connections that are accepted in one round of the event loop.
    """

    connections: int
    visits: int
    refused: int
    batch: int

    @classmethod
    def within(cls, descriptors: int, memory: int | None, kept: int) -> Capacity:
        """The capacity of a process.

        Args:
            descriptors: how many may be open.
            memory: bytes that are free; None if unknown.
            kept: descriptors for everything else: files, and pipes to the processes that decode.
        """
        batch = max(4, min(32, descriptors // 64))
        refused = 2 * batch
        # A connection is counted two rounds after it was accepted, and its descriptor is free two rounds after that.
        room = descriptors - min(kept, descriptors // 4) - refused - 4 * batch
        free = _UNKNOWN if memory is None else memory
        connections = max(_FEWEST, min(room, max(PAGE // 4, free // _CONNECTIONS) // CONNECTION))
        # A visit leaves room for the connections on which its files and pictures are fetched.
        visits = max(_FEWEST // 2, min(connections * 3 // 4, max(PAGE // 2, free // _VISITS) // VISIT))
        return cls(connections, visits, refused, batch)


@cache
def capacity() -> Capacity:
    """This process's capacity; decided at the first call, which also raises the limit of descriptors."""
    kept = 2 * open_descriptors() + 32 + 8 * cpu_count()
    descriptors = raise_limit()
    if os.environ.get(GRPC_PORT):
        descriptors -= _GRPC_DESCRIPTORS * grpc_capacity().connections
    return Capacity.within(descriptors, available_memory(), kept)


@cache
def grpc_capacity() -> Capacity:
    """The same for connections on which gRPC is spoken; without visits."""
    descriptors = raise_limit()
    room = min(descriptors // 16, (available_memory() or _UNKNOWN) // _CONNECTIONS // _GRPC_CONNECTION, _MOST_GRPC)
    return Capacity(max(_FEWEST, room), 0, 0, max(4, min(32, descriptors // 64)))
