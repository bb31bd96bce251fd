"""Which classes and functions of Keras a `.keras` file may name without being trusted.

A `.keras` file names the classes that Keras makes of it and the functions that they call. Keras's `safe_mode` refuses
what holds code; but for its own functions it has a list of forbidden ones (CVE-2025-8747), and its classes look after
files by themselves (CVE-2025-12058). So here is what is allowed: what only computes. What Keras cannot find at all,
such as a layer of the user's own, is not refused here, as Keras says what is wrong with it.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterator
from typing import Any

from classifier.formatting import printable

_LAYERS = """
    Activation ActivityRegularization Add AdditiveAttention AlphaDropout Attention AugMix AutoContrast Average
    AveragePooling1D AveragePooling2D AveragePooling3D AvgPool1D AvgPool2D AvgPool3D BatchNormalization Bidirectional
    AdaptiveAveragePooling1D AdaptiveAveragePooling2D AdaptiveAveragePooling3D AdaptiveMaxPooling1D
    AdaptiveMaxPooling2D AdaptiveMaxPooling3D CategoryEncoding CenterCrop Concatenate
    ContrastLimitedAdaptiveHistogramEqualization Conv1D Conv1DTranspose Conv2D Conv2DTranspose Conv3D Conv3DTranspose
    ConvLSTM1D ConvLSTM2D ConvLSTM3D Convolution1D Convolution1DTranspose Convolution2D Convolution2DTranspose
    Convolution3D Convolution3DTranspose Cropping1D Cropping2D Cropping3D CutMix Dense DepthwiseConv1D DepthwiseConv2D
    Discretization Dot Dropout ELU EinsumDense Embedding Equalization Flatten GRU GRUCell GaussianDropout GaussianNoise
    GlobalAveragePooling1D GlobalAveragePooling2D GlobalAveragePooling3D GlobalAvgPool1D GlobalAvgPool2D
    GlobalAvgPool3D GlobalMaxPool1D GlobalMaxPool2D GlobalMaxPool3D GlobalMaxPooling1D GlobalMaxPooling2D
    GlobalMaxPooling3D GroupNormalization GroupQueryAttention HashedCrossing Hashing Identity InputLayer InputSpec
    IntegerLookup LSTM LSTMCell Layer LayerNormalization LeakyReLU Masking MaxNumBoundingBoxes MaxPool1D MaxPool2D
    MaxPool3D MaxPooling1D MaxPooling2D MaxPooling3D Maximum MelSpectrogram Minimum MixUp MultiHeadAttention Multiply
    Normalization PReLU Permute Pipeline RMSNormalization RNN RandAugment RandomBrightness RandomColorDegeneration
    RandomColorJitter RandomContrast RandomCrop RandomElasticTransform RandomErasing RandomFlip RandomGaussianBlur
    RandomGrayscale RandomHeight RandomHue RandomInvert RandomPerspective RandomPosterization RandomRotation
    RandomSaturation RandomSharpness RandomShear RandomTranslation RandomWidth RandomZoom ReLU RepeatVector Rescaling
    Reshape Resizing ReversibleEmbedding STFTSpectrogram SeparableConv1D SeparableConv2D SeparableConvolution1D
    SeparableConvolution2D SimpleRNN SimpleRNNCell Softmax Solarization SpatialDropout1D SpatialDropout2D
    SpatialDropout3D SpectralNormalization StackedRNNCells StringLookup Subtract TextVectorization ThresholdedReLU
    TimeDistributed UnitNormalization UpSampling1D UpSampling2D UpSampling3D Wrapper ZeroPadding1D ZeroPadding2D
    ZeroPadding3D
"""
_MODELS = {"Functional", "Model", "Sequential"}
_NAMES = {
    "": {*_MODELS, "DTypePolicy", "FloatDTypePolicy", "Input", "Layer"},
    "applications": {"CustomScaleLayer", "LayerScale"},
    "engine": _MODELS,  # where Keras 2 had them
    "layers": set(_LAYERS.split()),
    "models": _MODELS,
    "random": {"SeedGenerator"},
}
"""What is allowed of these parts of Keras, and no more."""
_WHOLE = {
    "activations",
    "constraints",
    "dtype_policies",
    "initializers",
    "losses",
    "metrics",
    "ops",
    "optimizers",
    "quantizers",
    "regularizers",
}
"""Parts of Keras with nothing but arithmetic, apart from what makes objects of a configuration."""
_MAKING = {"deserialize", "get"}
_CODE = {
    **dict.fromkeys(
        ("__lambda__", "FlaxLayer", "JaxLayer", "Lambda", "TorchModuleWrapper"), "code that runs when it is loaded"
    ),
    "TFSMLayer": "a SavedModel that is loaded from another folder",
}
_VALUES = {"__bytes__", "__ellipsis__", "__keras_tensor__", "__numpy__", "__slice__", "__tensor__", "__typespec__"}
_ROOTS = ("keras", "keras_cv", "keras_hub", "keras_nlp")  # the packages that Keras looks into


def risk(config: Any) -> str:
    """Why it takes trust to load a Keras model.

    Args:
        config: its configuration.

    Returns:
        What it has that could do more than compute; empty if there is nothing.
    """
    for entry in _entries(config):
        name, inner = entry["class_name"], entry.get("config")
        if name in _CODE:
            kind = "a Lambda layer" if name == "__lambda__" else f"a {name} layer"
            return f"it has {kind}, which is {_CODE[name]}"
        if isinstance(inner, dict) and isinstance(inner.get("vocabulary"), str):
            return f"it has a {printable(name)} layer that reads the file {printable(inner['vocabulary'])}"
        module = entry.get("module")
        what = inner if name == "function" else name
        if name in _VALUES or not isinstance(module, str) or not isinstance(what, str):
            continue
        if not _allowed(module, what) and _exists(module, what):
            return f"it uses {printable(module)}.{printable(what)}, which could do more than compute"
    return ""


def _entries(config: Any) -> Iterator[dict[str, Any]]:
    todo = [config]
    while todo:
        item = todo.pop()
        if isinstance(item, dict):
            if isinstance(item.get("class_name"), str):
                yield item
            todo += item.values()
        elif isinstance(item, list):
            todo += item


def _allowed(module: str, name: str) -> bool:
    root, *parts = _place(module)
    if root == "builtins":  # Keras finds them in the parts that have nothing else
        return name not in _MAKING
    part = next((part for part in parts if part != "src"), "")
    names = _NAMES.get(part)
    return root == "keras" and (name in names if names is not None else part in _WHOLE and name not in _MAKING)


def _place(module: str) -> list[str]:
    """Parts of a module's name; those of Keras 2 are looked for in Keras 3."""
    return module.replace("tf_keras", "keras", 1).split(".")


def _exists(module: str, name: str) -> bool:
    """Whether Keras would find a class or a function. Imports Keras, which few files make necessary."""
    root, *parts = _place(module)
    if root not in _ROOTS:
        return root == "builtins"
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    try:
        found = importlib.import_module(root)
        for part in (*parts, name):
            found = getattr(found, part)
    except (AttributeError, ImportError):
        return False
    return True
