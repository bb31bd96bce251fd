"""Makes Keras 2 models loadable by Keras 3: changes their configuration, and leaves their weights as they are.

Keras 3 reads most of what Keras 2 wrote. But it does not find classes that were moved, and refuses the option `groups`
of a `DepthwiseConv2D`. Every MobileNet has that layer, and so has every model of Teachable Machine ("Unrecognized
keyword arguments passed to DepthwiseConv2D: {'groups': 1}",
https://github.com/googlecreativelab/teachablemachine-community/issues/403).
"""

from __future__ import annotations

import re
from typing import Any

# The modules of Keras 3 that have the classes that were moved.
_MODULES = {
    "Functional": "keras.src.models.functional",
    "Model": "keras.src.models.functional",
    "Sequential": "keras",
}
# Layers that in Keras 2 inherited the option `groups`, without effect; separable ones also inherited kernel options.
_UNGROUPED = re.compile(r"(Depthwise|Separable)Conv[12]D|Conv[123]DTranspose")
_NO_KERNEL = ("kernel_initializer", "kernel_regularizer", "kernel_constraint")


def mend(config: Any) -> Any:
    """A Keras 2 configuration in the form that Keras 3 expects.

    Args:
        config: a model's configuration, parsed from JSON.

    Returns:
        A new value, equal to the old one if nothing had to be changed.
    """
    if isinstance(config, list):
        return [mend(item) for item in config]
    if not isinstance(config, dict):
        return config
    mended = {key: mend(value) for key, value in config.items()}
    name, inner = mended.get("class_name"), mended.get("config")
    if not isinstance(name, str) or not isinstance(inner, dict):
        return mended
    if _UNGROUPED.fullmatch(name) and inner.get("groups") == 1:
        del inner["groups"]
    if name.startswith("SeparableConv"):
        for key in _NO_KERNEL:
            inner.pop(key, None)
    if name == "BatchNormalization" and isinstance(axis := inner.get("axis"), list) and len(axis) == 1:
        inner["axis"] = axis[0]
    for key in ("input_layers", "output_layers"):
        # A list of one tensor: Keras 2 unpacked it, Keras 3 passes the list on to the next layer.
        if isinstance(ends := inner.get(key), list) and len(ends) == 1 and isinstance(ends[0], list):
            inner[key] = ends[0]
    module = mended.get("module")
    if isinstance(module, str) and module.split(".")[0] in ("tf_keras", "keras"):
        place = module.replace("tf_keras", "keras", 1)
        mended["module"] = _MODULES.get(name, place) if ".engine" in place else place
    if name == "Model" and "layers" in inner:
        mended["class_name"] = "Functional"
    return mended
