"""Foreign models become model packages: what `classifier import` does.

A source (a model file, a SavedModel, a folder or a zip with one of them and its labels) is opened, what it says of
itself is read, the rest is asked for or told, and a checked package is written. Nothing of this is loaded before it is
used, and LiteRT models need no TensorFlow.
"""

from classifier.importing.core import Imported, import_model
from classifier.importing.options import SCALES, Options

__all__ = ["SCALES", "Imported", "Options", "import_model"]
