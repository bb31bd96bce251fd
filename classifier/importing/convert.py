"""TensorFlow models become LiteRT ones: batch 1, so that every shape is known and the graph goes to XNNPACK whole."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from classifier.errors import ModelFileError


def to_litert(function: Callable[[Any], Any], shape: tuple[int, ...], *, float16: bool) -> bytes:
    """Converts a function of TensorFlow's.

    Args:
        function: a batch of pictures to their scores.
        shape: of one input, without the batch.
        float16: whether weights are stored as such: half the size, the same arithmetic.

    Returns:
        The content of a `.tflite` file.

    Raises:
        ModelFileError: LiteRT lacks what the model does.
    """
    import tensorflow as tf

    traced = tf.function(
        function, input_signature=[tf.TensorSpec((1, *shape), tf.float32, name="image")], autograph=False
    )
    with _quiet():
        try:
            concrete = traced.get_concrete_function()
            return finish(tf.lite.TFLiteConverter.from_concrete_functions([concrete], traced), float16=float16)
        except Exception as error:  # the converter raises what its passes lead it to
            raise ModelFileError(_reason(error)) from error


def finish(converter: Any, *, float16: bool) -> bytes:
    """Runs one of TensorFlow's converters; float16 weights have a DEQUANTIZE behind them, which XNNPACK folds away."""
    import tensorflow as tf

    if float16:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.target_spec.supported_types = [tf.float16]
    return bytes(converter.convert())


def _reason(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    told = next(
        (line for line in lines if "flex" in line.lower() or "custom ops" in line.lower()), lines[0] if lines else ""
    )
    return told[:200] or type(error).__name__


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Holds back the pages that the converter's C++ writes to standard error."""
    try:
        kept = os.dup(2)
    except OSError:
        yield
        return
    with Path(os.devnull).open("wb") as nothing:
        os.dup2(nothing.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
