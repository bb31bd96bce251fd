"""Reads Keras files and SavedModels with TensorFlow, and converts them; `reader` is what the import calls."""
