"""How the server divides its memory, and what that leaves for a picture."""

from __future__ import annotations

import logging

from classifier.formatting import millions
from classifier.machine.memory import PAGE, MemoryPlan, available_memory
from classifier.picture.limits import Limits, pixels_within
from classifier.picture.sandbox import Workers
from classifier.settings import Settings

log = logging.getLogger(__name__)


def divided(settings: Settings, decoder: Workers, another_model: int = 0) -> MemoryPlan:
    """The plan for the memory that is free now.

    Args:
        settings: what the operator allows.
        decoder: the decoders, and what each would take.
        another_model: bytes of the largest model beside those that are loaded.
    """
    return MemoryPlan.share(
        available_memory(),
        max_bytes=settings.max_bytes,
        decoders=decoder.count,
        decoder=decoder.bounds.memory,
        uploads=settings.uploads,
        another_model=another_model,
        page=PAGE,
    )


def limits_within(plan: MemoryPlan, settings: Settings) -> Limits:
    """The limits for a picture: the operator's, or less if memory is short."""
    limits = settings.limits
    return Limits(plan.max_bytes, min(limits.max_pixels, pixels_within(plan.decoder)), limits.formats)


def say_if_short(plan: MemoryPlan, settings: Settings) -> None:
    """Logs the limits for a picture if they are lower than the operator's."""
    limits = limits_within(plan, settings)
    if limits.max_pixels < settings.max_pixels:
        log.info(
            "memory is short: pictures of up to %s MB and %s million pixels are taken; JPEGs may have more pixels",
            millions(limits.max_bytes),
            millions(limits.max_pixels),
        )
