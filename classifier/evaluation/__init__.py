"""How good a model is, on pictures whose classes are known: accuracy, calibration, and which mistakes it makes."""
