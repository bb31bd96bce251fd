"""Makes what Keras 2 wrote loadable by Keras 3: models' configurations, their graphs, their operations, their weights.

Keras 3 reads most of it. But it does not find classes that were moved, counts the calls of a nested model otherwise,
lacks the layers that Keras 2 made of TensorFlow's operations, and refuses options that are no longer there.
"""
