"""How much memory this process may still take, and who gets which share of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from classifier.machine.cgroup import ROOT, lines, memory_room

_UPLOADS = 400_000_000  # bytes; as many as serve a hundred visitors
_QUARTER = 4  # one part in so many is for pictures on their way
_WORTH_A_DECODER = 100_000_000  # bytes; with less, one large picture after another beats two small ones at once
_LEAST_DECODER = 32 << 20
_LEAST_UPLOAD = 1_000_000


@dataclass(frozen=True, slots=True)
class MemoryPlan:
    """The shares of the memory that is free, made once; together they are no more than there is.

    Attributes:
        uploads: bytes of all pictures arriving, worked on, or held for visitors.
        max_bytes: bytes of the largest upload; two of them fit into `uploads`.
        decoders: how many processes decode pictures.
        decoder: bytes that each of them may take for a picture.
        models: bytes for models beside the default one; None where no bound is known.
    """

    uploads: int
    max_bytes: int
    decoders: int
    decoder: int
    models: int | None

    @classmethod
    def share(
        cls,
        free: int | None,
        *,
        max_bytes: int,
        decoders: int,
        decoder: int,
        uploads: int | None = None,
        another_model: int = 0,
    ) -> MemoryPlan:
        """Shares memory among those who want some.

        A quarter is for uploads, three quarters are for decoders; what these leave is for further models. A model that
        needs no more than half of the uploads' quarter gets that, so that two models in turn are not loaded each time.

        Args:
            free: bytes that can be taken; None if unknown, then everyone gets what they want.
            max_bytes: the largest upload wanted.
            decoders: as many as there is use for.
            decoder: the most bytes that one has use for.
            uploads: what the operator wants for all uploads; up to a quarter, 400 MB at most, if None.
            another_model: bytes of the largest model beside the default one.
        """
        if free is None:
            return cls(uploads or _UPLOADS, max_bytes, decoders, decoder, None)
        quarter = free // _QUARTER
        models = another_model if another_model <= quarter // 2 else 0
        all_uploads = uploads or min(_UPLOADS, quarter - models)
        room = max(0, free - all_uploads - models)
        count = max(1, min(decoders, room // _WORTH_A_DECODER))
        each = max(_LEAST_DECODER, min(decoder, room // count))
        return cls(
            uploads=all_uploads,
            max_bytes=max_bytes if uploads else min(max_bytes, max(_LEAST_UPLOAD, all_uploads // 2)),
            decoders=count,
            decoder=each,
            models=models + max(0, room - count * each),
        )


def available_memory(root: Path = ROOT) -> int | None:
    """Bytes that can still be taken before the cgroup's or the machine's memory runs out; None if unknown.

    Args:
        root: where `/proc` and `/sys` are.
    """
    room = list(memory_room(root))
    for line in lines(root / "proc/meminfo"):
        if line.startswith("MemAvailable:"):
            room.append(int(line.split()[1]) * 1024)
    return min(room, default=None)
