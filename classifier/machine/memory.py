"""How much memory this process may still take, and how it is divided among the page, uploads, decoders and models."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from classifier.machine.cgroup import ROOT, lines, memory_room, number

_UPLOADS = 400_000_000  # bytes; enough for a hundred visitors
_QUARTER = 4  # uploads get a quarter of the free memory
# Bytes; if there is less for each, fewer decoders that can take large pictures are better than more that cannot.
_WORTH_A_DECODER = 100_000_000
_LEAST_DECODER = 32 << 20
_LEAST_UPLOAD = 8_000_000  # a photo of a phone

PAGE = 30_000_000
"""Bytes that a server takes when its first visitors come: the API, the page's modules, what is kept for each visit."""


@dataclass(frozen=True, slots=True)
class MemoryPlan:
    """How the free memory is divided, decided once; the shares together are not more than there is.

    Attributes:
        uploads: bytes for all pictures that arrive, are worked on, or are held for visitors.
        max_bytes: bytes of the largest upload; two of them fit into `uploads`, or one if that is little.
        decoders: how many processes decode pictures.
        decoder: bytes that each of them may take for a picture.
        models: bytes for models beside the default one; None if no bound is known.
        page: bytes that are left for the page and the API themselves.
    """

    uploads: int
    max_bytes: int
    decoders: int
    decoder: int
    models: int | None
    page: int = 0

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
        page: int = 0,
    ) -> MemoryPlan:
        """Divides memory among the page, uploads, decoders and models.

        Of what the page leaves, uploads get a quarter and decoders three quarters; what the decoders do not need is for
        further models. If the largest of these fits into half of the uploads' quarter, its memory is taken from there,
        so that two models that are used in turn both stay loaded.

        Args:
            free: bytes that can be taken; if None (unknown), all get what they ask for.
            max_bytes: the largest upload wanted.
            decoders: the most decoders that are of use.
            decoder: the most bytes that are of use to one decoder.
            uploads: bytes that the operator has set for all uploads; up to a quarter, 400 MB at most, if None.
            another_model: bytes of the largest model beside the default one.
            page: bytes that the page and the API take, `PAGE` on a server.
        """
        if free is None:
            return cls(uploads or _UPLOADS, max_bytes, decoders, decoder, None, page)
        free = max(0, free - page)
        quarter = free // _QUARTER
        models = another_model if another_model <= quarter // 2 else 0
        least = min(max_bytes, _LEAST_UPLOAD)
        all_uploads = uploads or max(least, min(_UPLOADS, quarter - models))
        room = max(0, free - all_uploads - models)
        count = max(1, min(decoders, room // _WORTH_A_DECODER))
        each = max(_LEAST_DECODER, min(decoder, room // count))
        return cls(
            uploads=all_uploads,
            max_bytes=max_bytes if uploads else min(max_bytes, max(least, all_uploads // 2)),
            decoders=count,
            decoder=each,
            models=models + max(0, room - count * each),
            page=page,
        )


def available_memory(root: Path = ROOT) -> int | None:
    """Bytes that can still be taken before the cgroup's or the machine's memory runs out; None if unknown.

    Args:
        root: where `/proc` and `/sys` are.
    """
    room = list(memory_room(root))
    for line in lines(root / "proc/meminfo"):
        name, _, value = line.partition(":")
        if name == "MemAvailable" and (free := number(value.removesuffix("kB"))) is not None:
            room.append(free * 1024)
    return min(room, default=None)
