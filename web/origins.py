"""The other sites that may use this server: call its API, or show its page in a frame. None unless settings name some.

They are read here and not by `classifier.settings`, since the page's frame is served before pydantic is imported. The
settings check them, and a wrong one ends the start.
"""

from __future__ import annotations

import os

from classifier.origins import normalized, split


def _named(variable: str, subdomains: bool = False) -> tuple[str, ...]:
    try:
        return normalized(split(os.environ.get(variable, "")), subdomains)
    except ValueError:
        return ()  # nobody, until the start has ended


CALLERS = _named("CLASSIFIER_CORS_ORIGINS")
"""The sites whose pages may call the API."""

FRAMES = _named("CLASSIFIER_FRAME_ANCESTORS", subdomains=True)
"""The sites that may show the page in a frame."""

HUGGING_FACE = ("https://huggingface.co", "https://*.hf.space")
"""The sites of a Hugging Face Space, which shows it in a frame; any server may be one."""


def framing() -> tuple[str, ...]:
    """The sites whose owner wants the page in a frame there: those that are named, and a Space's own on a Space."""
    return tuple(dict.fromkeys((*(HUGGING_FACE if os.environ.get("SPACE_ID") else ()), *FRAMES)))
