"""What a model may see of a picture, by name."""

from __future__ import annotations

from typing import Literal, get_args

View = Literal["crop", "whole", "both"]
"""The centre crop that `model.toml` asks for; the whole picture, on grey where its shape is not the input's; or one
after the other, with the mean of the scores."""

VIEWS: tuple[View, ...] = get_args(View)
"""All of them, the usual one first."""

Box = tuple[float, float, float, float]
"""A part of a picture: left, top, right and bottom in pixels."""
