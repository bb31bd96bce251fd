"""Decoding in child processes: `Workers` is a `Decoder` that no file can crash, hang or fill with its memory."""

from classifier.workers.bounds import Bounds
from classifier.workers.pool import Workers

__all__ = ["Bounds", "Workers"]
