"""Makes model packages of model files, for `classifier import` and for a server that is started on a model file.

`core.import_model` finds the model at a path (a model file, a SavedModel, a folder or a zip with one of them and its
labels), reads what its file says, takes the rest from the options, and writes a package that it has tried out. Each
kind of model has one reader; LiteRT models need no TensorFlow.
"""
