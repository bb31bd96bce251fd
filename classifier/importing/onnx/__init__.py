"""Reads ONNX models; `reader` is what the import calls."""
