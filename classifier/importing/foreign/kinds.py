"""What people give that cannot be imported: told apart by content and name, each with the way to something that can.

One row for each kind; the first that fits is said. Only the beginning of a file is read, and nothing of it is run.
"""

from __future__ import annotations

from collections.abc import Iterable

from classifier.backends.model_files import HDF5
from classifier.importing.foreign.look import (
    Foreign,
    Look,
    begins,
    binary,
    both,
    either,
    holds,
    is_graph,
    is_safetensors,
    member,
    named,
    pickled,
)
from classifier.importing.foreign.stray import OTHERS, POINTERS

_EXPORT = 'torch.onnx.export(model.eval(), torch.zeros(1, 3, 224, 224), "model.onnx")'
_ONNX_OF_TORCH = (
    f"Where the model is built, load it and run {_EXPORT}, with the size it was trained on; import model.onnx"
)
_COMPILED = (
    ("OpenVINO's form of a model", either(both(begins(b"<?xml", b"<net"), holds(b"<net ", b"<Net ")))),
    ("a TensorRT engine, for one kind of GPU", either(begins(b"ftrt"), binary(r"\.(engine|trt|plan)$"))),
    ("a model of ExecuTorch", either(lambda look: look.head[4:8] in (b"ET11", b"ET12"), binary(r"\.pte$"))),
    ("a model of ncnn", either(begins(b"7767517"), named(r"\.ncnn\.(param|bin)$"))),
    ("a model of MNN", binary(r"\.mnn$")),
    ("a model for Rockchip's NPU", either(begins(b"RKNN"), binary(r"\.rknn$"))),
    ("a model compiled for an accelerator", binary(r"\.(hef|dlc|blob|kmodel|cvimodel)$")),
)

KINDS: tuple[Foreign, ...] = (
    *POINTERS,
    Foreign(
        holds(b'"tmVersion"', b"@teachablemachine/image", start=b"{"),
        "part of Teachable Machine's export for Tensorflow.js",
        "In Teachable Machine, choose Export Model, Tensorflow Lite, Floating point, and import that zip.",
    ),
    Foreign(
        holds(b'"graph-model"', start=b"{"),
        "a TensorFlow.js graph model",
        "Make a SavedModel of its folder: pip install tfjs-graph-converter, then tfjs_graph_converter FOLDER "
        "saved_model --output_format tf_saved_model; import saved_model.",
    ),
    Foreign(
        holds(b'"modelTopology"', b'"weightsManifest"', b'"layers-model"', start=b"{"),
        "a TensorFlow.js model",
        "With its .bin files beside it, run pip install tensorflowjs, then tensorflowjs_converter "
        "--input_format=tfjs_layers_model --output_format=keras FILE model.h5; import model.h5. Of Teachable Machine, "
        "export it again as Tensorflow Lite.",
    ),
    Foreign(
        binary(r"^group\d+-shard\d+of\d+(\.bin)?$", r"^weights\.bin$"),
        "the weights of a TensorFlow.js model",
        "With its model.json, run pip install tensorflowjs, then tensorflowjs_converter "
        "--input_format=tfjs_layers_model --output_format=keras model.json model.h5; import model.h5.",
    ),
    Foreign(
        pickled(b"ultralytics"),
        "a PyTorch model of Ultralytics",
        "Run yolo export model=FILE format=onnx, and import the .onnx file that it writes.",
    ),
    Foreign(
        pickled(b"fastai"),
        "a PyTorch model of fastai",
        'Run torch.onnx.export(load_learner("FILE").model.eval(), torch.zeros(1, 3, 224, 224), "model.onnx"), with the '
        "size it was trained on; import model.onnx.",
    ),
    Foreign(
        both(member("data.pkl"), member("constants.pkl")),
        "a PyTorch model as TorchScript",
        'Run torch.onnx.export(torch.jit.load("FILE").eval(), torch.zeros(1, 3, 224, 224), "model.onnx", '
        "dynamo=False), with the size it was trained on; import model.onnx.",
    ),
    Foreign(
        both(begins(b"PK"), either(named(r"\.pt2$"), member("serialized_exported_program.json", "models/model.json"))),
        "a PyTorch model of torch.export",
        'Run torch.onnx.export(torch.export.load("FILE"), (), "model.onnx", dynamo=True), and import model.onnx.',
    ),
    Foreign(
        either(
            member("data.pkl", "MAR-INF/MANIFEST.json"),
            begins(b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."),
            both(begins(b"\x80"), holds(b"torch")),
            binary(r"\.(pt|pth|torch)(\.tar)?$", r"^pytorch_model.*\.bin$"),
        ),
        "a PyTorch file: weights, or a model that needs the Python code it was made with",
        f"{_ONNX_OF_TORCH}.",
    ),
    Foreign(
        either(is_safetensors, binary(r"\.safetensors$")),
        "a safetensors file: weights alone, without the model",
        "Of Hugging Face's Transformers, run pip install optimum-onnx, then optimum-cli export onnx --model FOLDER "
        f"out, with the folder that holds it, and import out. Else, {_ONNX_OF_TORCH[0].lower()}{_ONNX_OF_TORCH[1:]}.",
    ),
    Foreign(
        either(binary(r"\.mlmodel$", r"\.mlpackage$"), holds(b"com.apple.CoreML")),
        "a Core ML model, which Apple's devices run",
        "Nothing converts it back. Export the model that it was made from: as ONNX from PyTorch (torch.onnx.export), "
        "as a SavedModel or .tflite from TensorFlow.",
    ),
    Foreign(
        named(r"^tfhub_module\.pb$"),
        "a module of TensorFlow Hub, of TensorFlow 1",
        'Run tf_keras.Sequential([tensorflow_hub.KerasLayer("FOLDER", input_shape=(224, 224, 3))]).save("saved_model", '
        'save_format="tf"), with the folder that holds it; import saved_model.',
    ),
    Foreign(
        either(named(r"^saved_model\.pb(txt)?$"), begins(b"\x08\x01\x12")),
        "the graph of a SavedModel, without its weights",
        "Give the folder that holds it, with variables/ beside it.",
    ),
    Foreign(
        either(is_graph, both(named(r"\.pb$"), begins(b"\n"))),
        "a frozen TensorFlow graph",
        'Run open("model.tflite", "wb").write(tf.compat.v1.lite.TFLiteConverter.from_frozen_graph("FILE", ["INPUT"], '
        '["OUTPUT"], {"INPUT": [1, 224, 224, 3]}).convert()), with the names of its input and output, and its size; '
        "import model.tflite.",
    ),
    Foreign(
        both(named(r"\.pbtxt$"), holds(b"node {", b"node{")),
        "a TensorFlow graph as text, without its weights",
        "Export the model as a SavedModel where it was made.",
    ),
    Foreign(
        named(
            r"\.data-\d{5}-of-\d{5}$",
            r"\.ckpt(-\d+)?(\.index|\.meta)?$",
            r"^ckpt-\d+\.index$",
            r"^variables\.index$",
            r"^checkpoint$",
        ),
        "part of a TensorFlow checkpoint: weights, without the model",
        "Where the model is built, load them and save it whole, in Keras: model.load_weights(...), then "
        'model.save("model.keras"); in TensorFlow 1: tf.compat.v1.saved_model.simple_save(session, "folder", inputs, '
        "outputs).",
    ),
    Foreign(
        both(named(r"^tf_model\.h5$"), begins(HDF5)),
        "a file of weights alone of Hugging Face's Transformers, without the model",
        'Run TFAutoModelForImageClassification.from_pretrained("FOLDER").save_pretrained("out", saved_model=True), '
        "with the folder that holds it; import out/saved_model/1.",
    ),
    Foreign(
        binary(r"\.msgpack$"),
        "a file of weights alone of a Flax model, without the model",
        "Where the model is built, make a function of pictures of it, and save that with "
        "jax.experimental.jax2tf.convert and tf.saved_model.save.",
    ),
    Foreign(
        begins(HDF5),
        "an HDF5 file that holds only weights, not the model",
        'Where the model is built, run model.load_weights("FILE"), then model.save("model.keras"); import model.keras.',
    ),
    Foreign(
        both(holds(b'"class_name"', start=b"{"), holds(b'"config"')),
        "the plan of a Keras model, without its weights",
        'Run model = keras.models.model_from_json(open("FILE").read()), model.load_weights(...) with its weights, then '
        'model.save("model.keras"); import model.keras.',
    ),
    Foreign(
        binary(r"\.onnx[._]data$", r"\.onnx\.bin$"),
        "the weights of an ONNX model, kept apart from it",
        "Give the .onnx file that belongs to it, with this file beside it.",
    ),
    Foreign(
        either(binary(r"\.caffemodel$"), both(named(r"\.prototxt$"), holds(b"layer"))),
        "part of a Caffe model",
        "Convert the .prototxt and the .caffemodel to ONNX, for example with caffe2onnx, and import the .onnx file.",
    ),
    Foreign(
        either(both(named(r"\.cfg$"), holds(b"[net]")), binary(r"\.weights$")),
        "part of a Darknet model",
        "Darknet writes nothing else. Build the network in PyTorch from its .cfg and .weights, and export it with "
        "torch.onnx.export.",
    ),
    *(
        Foreign(
            test,
            what,
            "Nothing converts it back. Give the model that it was made from: .onnx, .tflite or a SavedModel.",
        )
        for what, test in _COMPILED
    ),
    Foreign(
        either(lambda look: look.head[4:8] == b"ORTM", binary(r"\.ort$")),
        "a model in ONNX Runtime's own form, which its versions for phones run",
        "Import the .onnx file that it was made from.",
    ),
    Foreign(
        named(r"\.(pdmodel|pdparams|pdiparams|pdopt)$"),
        "part of a PaddlePaddle model",
        "Run pip install paddle2onnx, then paddle2onnx --model_dir FOLDER --model_filename NAME.pdmodel "
        "--params_filename NAME.pdiparams --save_file model.onnx; import model.onnx.",
    ),
    Foreign(
        either(both(named(r"-symbol\.json$"), holds(b'"nodes"')), both(named(r"\.params$"), begins(b"\x12\x01"))),
        "part of an MXNet model",
        "Run mxnet.onnx.export_model(symbol, params, in_shapes=[(1, 3, 224, 224)], in_types=numpy.float32, "
        'onnx_file_path="model.onnx"); import model.onnx.',
    ),
    Foreign(
        begins(b"MATLAB "),
        "a MATLAB file",
        'In MATLAB, run exportONNXNetwork(net, "model.onnx"), and import model.onnx.',
    ),
    Foreign(
        begins(b"GGUF", b"ggml", b"tjgg", b"lmgg"),
        "a language model for llama.cpp",
        "It takes text, not pictures. Give a classifier of pictures.",
    ),
    Foreign(
        either(both(begins(b"\x80"), holds(b"sklearn", b"xgboost", b"lightgbm")), binary(r"\.joblib$")),
        "a scikit-learn model or the like, as a pickle",
        "It takes a row of features, not a picture, so it cannot be imported.",
    ),
    Foreign(
        either(begins(b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05"), binary(r"\.(pkl|pickle|sav)$")),
        "a Python pickle, which only the program that wrote it can read",
        'Load it there, and save the model: of Keras with model.save("model.keras"), of PyTorch with '
        "torch.onnx.export.",
    ),
    Foreign(
        either(begins(b"\x93NUMPY"), lambda look: bool(look.members) and all(n.endswith(".npy") for n in look.members)),
        "a NumPy file of arrays, without a model",
        "If they are weights, load them where the model is built, in Keras with model.set_weights(...), then "
        'model.save("model.keras"); import model.keras.',
    ),
    Foreign(
        holds(b"0x54, 0x46, 0x4c, 0x33", b"0x54,0x46,0x4c,0x33", b"0x54, 0x46, 0x4C, 0x33"),
        "a .tflite model as source code in C",
        "Give the .tflite file that it was made from; in Teachable Machine, export it as Tensorflow Lite, "
        "Floating point.",
    ),
    *OTHERS,
)
"""All kinds, the surest signs first."""


def kind(look: Look) -> Foreign | None:
    """The first kind that fits a file; None if none does."""
    return next((one for one in KINDS if one.test(look)), None)


def first(looks: Iterable[tuple[str, Look]]) -> tuple[str, str] | None:
    """The name of the file, of several, that was most likely meant for a model, and the sentence about it."""
    found = [(KINDS.index(fits), name, look) for name, look in looks if (fits := kind(look)) and fits.model]
    if not found:
        return None
    row, name, look = min(found, key=lambda one: one[:2])
    return name, KINDS[row].sentence(look)
