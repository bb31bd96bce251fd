"""Foreign models become model packages: what `classifier import` does, and the server with a bare file.

A source (a model file, a SavedModel, a folder or a zip with one of them and its labels) is opened, what it says of
itself is read, the rest is asked for or told, and a checked package is written: `core.import_model`. Nothing of this
is loaded before it is used, and LiteRT models need no TensorFlow.
"""
