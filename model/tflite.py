"""The LiteRT form of a model: convert it, list its constants, and read the weights of its last layer.

The converter stores every weight as float16 and puts a DEQUANTIZE operation behind it, which XNNPACK folds away when
the file is loaded: half the size on disk at float32 arithmetic. The batch is fixed at 1, so that every shape is known
to the runtime and the whole graph goes to XNNPACK in one piece.
"""

import tempfile
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter

from classifier.importing.tensorflow.convert import finish

SIGNATURE = "serving_default"
_DTYPES: dict[int, np.dtype[Any]] = {
    schema.TensorType.FLOAT16: np.dtype("<f2"),
    schema.TensorType.FLOAT32: np.dtype("<f4"),
    schema.TensorType.INT32: np.dtype("<i4"),
}


def convert(model: keras.Model, outputs: Sequence[str] = ("logits", "features")) -> bytes:
    """Convert a Keras model to a `.tflite` file with float16 weights and batch 1.

    Args:
        model: A model from `efficientnet_lite.build`.
        outputs: Which of its outputs the file has. They keep their names in the signature `serving_default`, whose one
            input is `image` (1, height, width, 3).

    Returns:
        The bytes of the file.
    """
    import tensorflow as tf

    image = tf.TensorSpec((1, *model.inputs[0].shape[1:]), tf.float32, name="image")
    archive = keras.export.ExportArchive()
    archive.track(model)

    def serve(image: tf.Tensor) -> dict[str, tf.Tensor]:
        results = model(image, training=False)
        return {name: results[name] for name in outputs}

    archive.add_endpoint("serve", serve, input_signature=[image])
    # Only the way through a SavedModel keeps the names of the inputs and outputs.
    with tempfile.TemporaryDirectory() as folder:
        archive.write_out(folder, verbose=False)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=[SIGNATURE])
        return finish(converter, float16=True)


def constants(data: bytes) -> dict[str, np.ndarray]:
    """Read the constants of a `.tflite` file without running it.

    Args:
        data: The bytes of the file.

    Returns:
        Tensor name to array. Tensors that are computed at run time are not in it.

    Raises:
        ValueError: When two constants have one name, or the file has more than one graph.
    """
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(data, 0))
    if len(model.subgraphs) != 1:
        raise ValueError(f"expected one graph, found {len(model.subgraphs)}")
    found: dict[str, np.ndarray] = {}
    for tensor in model.subgraphs[0].tensors:
        buffer = model.buffers[tensor.buffer].data
        if buffer is None:
            continue
        name = tensor.name.decode()
        if name in found:
            raise ValueError(f"two constants are called {name}")
        found[name] = np.frombuffer(bytes(buffer), _DTYPES[tensor.type]).reshape(tensor.shape)
    return found


def classifier_weights(
    interpreter: Interpreter, features: int = 1280, classes: int = 1000
) -> tuple[np.ndarray, np.ndarray]:
    """Read the weights of the last layer out of a loaded model, for an exact class activation map.

    The map of class `c` is `features @ kernel[:, c] + bias[c]`; its mean over the positions is the logit of `c`,
    because the layer acts on the plain mean of the features (Zhou et al. 2016, Learning Deep Features for
    Discriminative Localization).

    Args:
        interpreter: After `allocate_tensors`; before it, reading a constant can crash the process.
        features: Channels of the feature map.
        classes: Number of classes.

    Returns:
        The kernel (features, classes) and the bias (classes,), float32. The file holds the kernel transposed, and both
        as float16, next to float32 tensors of the same shape that exist only while the graph runs.

    Raises:
        LookupError: When the graph does not have exactly one float16 tensor of each of the two shapes.
    """
    arrays = []
    for shape in ((classes, features), (classes,)):
        details = interpreter.get_tensor_details()
        found = [t["index"] for t in details if t["dtype"] == np.float16 and tuple(t["shape"]) == shape]
        if len(found) != 1:
            raise LookupError(f"expected one float16 tensor of shape {shape}, found {len(found)}")
        arrays.append(interpreter.get_tensor(found[0]).astype(np.float32))
    return arrays[0].T, arrays[1]
