"""Finds out which values a model takes: how a pixel of 0 to 255 becomes the number that it was trained on."""
