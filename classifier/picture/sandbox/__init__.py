"""Decoding in child processes: `Workers` is a `Decoder` that no file can crash, hang or fill with its memory."""

from classifier.picture.sandbox.bounds import Bounds
from classifier.picture.sandbox.pool import Workers

__all__ = ["Bounds", "Workers"]
