"""Converts TensorFlow models to LiteRT, with a batch of 1: every shape is known, so XNNPACK runs the whole graph."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from classifier.errors import ModelFileError
from classifier.importing.litert import edit


def to_litert(function: Callable[[Any], Any], shape: tuple[int, ...], *, float16: bool) -> bytes:
    """Converts a TensorFlow function.

    Args:
        function: maps a batch of pictures to their scores, or to a dictionary of outputs, whose names the file has.
        shape: shape of one input, without the batch.
        float16: whether weights are stored as float16, which halves the file; the arithmetic stays float32.

    Returns:
        The content of a `.tflite` file.

    Raises:
        ModelFileError: LiteRT lacks an operation of the model.
    """
    import tensorflow as tf

    traced = tf.function(
        function, input_signature=[tf.TensorSpec((1, *shape), tf.float32, name="image")], autograph=False
    )
    with _quiet():
        try:
            concrete = traced.get_concrete_function()
            converter = tf.lite.TFLiteConverter.from_concrete_functions([concrete], traced)
            data, outputs = finish(converter, float16=float16), concrete.structured_outputs
            # The converter forgets their names, and keeps the order in which TensorFlow flattens a dictionary.
            return edit.with_names(data, sorted(outputs)) if isinstance(outputs, Mapping) else data
        except Exception as error:  # the converter raises errors of many classes
            raise ModelFileError(_reason(error)) from error


def finish(converter: Any, *, float16: bool) -> bytes:
    """Runs one of TensorFlow's converters; XNNPACK removes the DEQUANTIZE operations that follow float16 weights."""
    import tensorflow as tf

    if float16:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.target_spec.supported_types = [tf.float16]
    return bytes(converter.convert())


def _reason(error: Exception) -> str:
    if operations := sorted(set(re.findall(r"\btf\.([A-Z]\w+)", str(error)))):
        return f"it lacks {', '.join(operations)}"[:200]
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    told = next(
        (line for line in lines if "flex" in line.lower() or "custom ops" in line.lower()), lines[0] if lines else ""
    )
    return told[:200] or type(error).__name__


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Discards the many lines that the converter's C++ code writes to standard error."""
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
