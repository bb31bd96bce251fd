"""EfficientNet-Lite as a Keras 3 model, the assignment of PyTorch's tensors to its layers, and their folding.

Lite is EfficientNet-B0 (Tan & Le 2019, table 1) without squeeze-and-excitation, with ReLU6 for swish, and with the
stem, the head and the depth of the first and last stage left unscaled (Google's `efficientnet_lite_builder.py`). The
input is float32 NHWC, already scaled as `(pixel - 127) / 128`. Padding is TensorFlow's SAME, with which the weights
were trained. There is no dropout: the model is for inference.
"""

import math
from typing import Any

import keras
import numpy as np

BN_EPSILON = 1e-3
STEM_FILTERS = 32
HEAD_FILTERS = 1280
CLASSES = 1000

# EfficientNet-B0's seven stages: kernel, repeats, stride of the first block, expansion, output filters.
STAGES = (
    (3, 1, 1, 1, 16),
    (3, 2, 2, 6, 24),
    (5, 2, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (5, 3, 1, 6, 112),
    (5, 4, 2, 6, 192),
    (3, 1, 1, 6, 320),
)

# The end of a Keras layer's name -> the end of the same layer's name in the state dict.
_TORCH_PARTS = {
    "expand_conv": "_expand_conv",
    "expand_bn": "_bn0",
    "depthwise_conv": "_depthwise_conv",
    "depthwise_bn": "_bn1",
    "project_conv": "_project_conv",
    "project_bn": "_bn2",
}
_TORCH_ENDS = {
    "stem_conv": "_conv_stem",
    "stem_bn": "_bn0",
    "head_conv": "_conv_head",
    "head_bn": "_bn1",
    "classifier": "_fc",
}

# (Keras layer, variable) -> PyTorch parameter and the order of its axes in Keras.
_TORCH_PARAMETERS: dict[tuple[str, str], tuple[str, tuple[int, ...]]] = {
    ("Conv2D", "kernel"): ("weight", (2, 3, 1, 0)),
    ("DepthwiseConv2D", "kernel"): ("weight", (2, 3, 0, 1)),
    ("BatchNormalization", "gamma"): ("weight", (0,)),
    ("BatchNormalization", "beta"): ("bias", (0,)),
    ("BatchNormalization", "moving_mean"): ("running_mean", (0,)),
    ("BatchNormalization", "moving_variance"): ("running_var", (0,)),
    ("Dense", "kernel"): ("weight", (1, 0)),
    ("Dense", "bias"): ("bias", (0,)),
}


def round_filters(filters: int, width: float) -> int:
    """Scale a number of filters to a multiple of 8 that is at most 10 % too small.

    Source: `round_filters` in Google's `efficientnet_model.py`.
    """
    scaled = filters * width
    rounded = max(8, int(scaled + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * scaled else rounded


def build(name: str, size: tuple[int, int], width: float, depth: float, folded: bool = False) -> keras.Model:
    """Build the network with fresh weights.

    Args:
        name: Name of the model.
        size: Input height and width in pixels.
        width: Factor on the filters of every stage: 1.0 for Lite0, 1.1 for Lite2.
        depth: Factor on the repeats of the five middle stages: 1.0 for Lite0, 1.2 for Lite2.
        folded: Give every convolution a bias and leave the batch norms out, for the weights that `fold` makes.

    Returns:
        A model from `image` (N, height, width, 3) to `logits` (N, 1000), before the softmax, and `features`
        (N, height / 32 rounded up, width / 32 rounded up, 1280), the last feature map. The logits are the
        mean of `features` over its positions, times the kernel of the layer `classifier`, plus its bias.
    """
    image = keras.Input((*size, 3), name="image", dtype="float32")
    features = backbone(image, width, depth, folded)
    pooled = keras.layers.GlobalAveragePooling2D(name="pool")(features)
    logits = keras.layers.Dense(CLASSES, name="classifier")(pooled)
    return keras.Model(image, {"logits": logits, "features": features}, name=name.replace("-", "_"))


def backbone(image: Any, width: float, depth: float, folded: bool = False) -> Any:
    """Everything before the mean over the positions, for a model with another head.

    Args:
        image: A tensor (N, height, width, 3), scaled as `(pixel - 127) / 128`; the height and width may be unknown.
        width: As for `build`.
        depth: As for `build`.
        folded: As for `build`.

    Returns:
        The last feature map, a tensor (N, height / 32 rounded up, width / 32 rounded up, 1280).
    """
    x = _conv(image, "stem", folded, STEM_FILTERS, kernel=3, stride=2)
    index = 0
    for stage, (kernel, repeats, stride, expansion, filters) in enumerate(STAGES):
        if stage not in (0, len(STAGES) - 1):
            repeats = math.ceil(depth * repeats)
        for repeat in range(repeats):
            first_stride = stride if repeat == 0 else 1
            x = _block(x, f"block{index}", folded, kernel, first_stride, expansion, round_filters(filters, width))
            index += 1
    return _conv(x, "head", folded, HEAD_FILTERS)


def _after(x: Any, name: str, folded: bool, relu6: bool = True) -> Any:
    """What follows a convolution: the batch norm, unless it is folded, and the activation."""
    if not folded:
        x = keras.layers.BatchNormalization(epsilon=BN_EPSILON, name=f"{name}_bn")(x)
    return keras.layers.Activation("relu6", name=f"{name}_relu6")(x) if relu6 else x


def _conv(x: Any, name: str, folded: bool, filters: int, kernel: int = 1, stride: int = 1, relu6: bool = True) -> Any:
    x = keras.layers.Conv2D(filters, kernel, stride, "same", use_bias=folded, name=f"{name}_conv")(x)
    return _after(x, name, folded, relu6)


def _block(x: Any, name: str, folded: bool, kernel: int, stride: int, expansion: int, filters: int) -> Any:
    """An inverted bottleneck: widen, filter each channel, narrow, and add the input where the shapes allow."""
    inputs = x
    if expansion != 1:
        x = _conv(x, f"{name}_expand", folded, inputs.shape[-1] * expansion)
    x = keras.layers.DepthwiseConv2D(kernel, stride, "same", use_bias=folded, name=f"{name}_depthwise_conv")(x)
    x = _after(x, f"{name}_depthwise", folded)
    x = _conv(x, f"{name}_project", folded, filters, relu6=False)
    if stride == 1 and inputs.shape[-1] == filters:
        x = keras.layers.Add(name=f"{name}_add")([x, inputs])
    return x


def assign(model: keras.Model, state: dict[str, np.ndarray]) -> None:
    """Set every weight of the model from a PyTorch state dict that has exactly these weights.

    Args:
        model: A model from `build`.
        state: Parameter name to array, as in the `efficientnet_lite_pytorch` package: convolutions as
            (out, in, height, width), the dense layer as (out, in).

    Raises:
        ValueError: When a tensor is missing, left over or of the wrong shape.
    """
    # A count of training steps, of no use to the network.
    left = {key: value for key, value in state.items() if not key.endswith(".num_batches_tracked")}
    for layer in model.layers:
        for variable in layer.weights:
            parameter, axes = _TORCH_PARAMETERS[type(layer).__name__, variable.name]
            key = f"{_torch_name(layer.name)}.{parameter}"
            if key not in left:
                raise ValueError(f"the state dict has no {key}, or it was asked for twice")
            value = left.pop(key).transpose(axes)
            if value.shape != tuple(variable.shape):
                raise ValueError(f"{key} has shape {value.shape} in Keras order, {variable.path} {variable.shape}")
            variable.assign(value)
    if left:
        raise ValueError(f"the state dict has tensors the model does not know: {', '.join(sorted(left))}")


def _torch_name(layer: str) -> str:
    """`block3_expand_bn` -> `_blocks.3._bn0`, `stem_conv` -> `_conv_stem`."""
    if layer in _TORCH_ENDS:
        return _TORCH_ENDS[layer]
    block, part = layer.split("_", 1)
    return f"_blocks.{block.removeprefix('block')}.{_TORCH_PARTS[part]}"


def fold(trained: keras.Model, folded: keras.Model) -> None:
    """Fold the batch norms into the convolutions, and round every weight to float16.

    The converter to LiteRT does both; done here once, the two forms of a model have the same weights to the last bit
    and give the same answers, and the `.keras` file compresses to half. The rounding moves a logit by up to about 0.05.

    Args:
        trained: A model from `build` with the trained weights.
        folded: The same from `build(..., folded=True)`; its weights are set, as float32 numbers that float16 can hold.
    """
    for layer in folded.layers:
        if not layer.weights:
            continue
        kernel, *bias = (np.float64(value) for value in trained.get_layer(layer.name).get_weights())
        if not bias:
            norm = trained.get_layer(f"{layer.name.removesuffix('_conv')}_bn")
            gamma, beta, mean, variance = (np.float64(value) for value in norm.get_weights())
            scale = gamma / np.sqrt(variance + norm.epsilon)
            # A depthwise kernel is (height, width, channels, 1), any other has its output channels last.
            kernel *= scale[:, None] if isinstance(layer, keras.layers.DepthwiseConv2D) else scale
            bias = [beta - mean * scale]
        layer.set_weights([value.astype(np.float16).astype(np.float32) for value in (kernel, *bias)])
