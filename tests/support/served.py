"""A server's models as tests make them in their own process; what decodes for them ends with the test."""

from __future__ import annotations

from typing import Any

from classifier import Settings
from web.models import Models

_made: list[Models] = []


def made(**settings: Any) -> Models:
    """The models by these settings, not started yet."""
    models = Models(Settings(**settings))
    _made.append(models)
    return models


def end_decoders() -> None:
    """Ends what decodes for all that were made."""
    while _made:
        _made.pop().decoder.close()


def look(models: Models, *, every: bool = False) -> None:
    """Looks until all has come to rest, as the server's thread does."""
    for _ in range(5):
        if not models.reloading.look(every=every):
            return
    raise AssertionError("it does not come to rest")
