"""What runs a model: an array in, scores out. Several backends behind one small protocol, and the choice between them.

`names` has the table of them all, `protocol` what each must offer, `choice` chooses and loads one. Nothing is imported
here: settings and command line read the names, and must not wait for NumPy.
"""
