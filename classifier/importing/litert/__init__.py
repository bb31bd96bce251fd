"""Reads `.tflite` files; `reader` is what the import calls."""
