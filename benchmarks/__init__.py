"""Measures speed, as ratios to the plain way of doing the same: `make bench`."""
