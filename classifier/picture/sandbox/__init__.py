"""Decoding in child processes: with `Workers`, no file can crash or hang the server or fill its memory."""

from classifier.picture.sandbox.bounds import Bounds
from classifier.picture.sandbox.pool import Workers

__all__ = ["Bounds", "Workers"]
