"""The backends that run a model: an array in, scores out. All follow one small protocol; one is chosen per package.

`names` lists all backends, `protocol` defines what each must offer, `choice` chooses and loads one. This module imports
nothing: settings and command line read the names, and must not wait for NumPy.
"""
