"""Files that cannot be imported: each is told by what is in it, alone, in a folder and in a zip, with what to do."""

from __future__ import annotations

import gzip
import io
import json
import pickle
import struct
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest

from classifier.errors import ModelFileError
from classifier.importing import sources
from classifier.importing.foreign.kinds import KINDS
from classifier.importing.foreign.look import Look
from tests.support.imported import LABELS, bring, write_labels
from tests.support.tiny_tflite import Tiny

LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1\nsize 9\n"
EMPTY_WEIGHTS = b"\xff\x00" * 32
_HEADER = json.dumps({"w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}).encode()
SAFETENSORS = struct.pack("<Q", len(_HEADER)) + _HEADER + bytes(8)
LAYERS_MODEL = json.dumps({"format": "layers-model", "modelTopology": {"model_config": {}}, "weightsManifest": []})


def zipped(entries: dict[str, str | bytes]) -> bytes:
    """A zip's content."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
    return content.getvalue()


def torch_file(kind: bytes = b"ctorch._utils\n_rebuild_tensor_v2", **more: str) -> bytes:
    """What `torch.save` writes: a zip of a pickle and the tensors."""
    start = {"archive/data.pkl": b"\x80\x02" + kind, "archive/version": b"3\n", "archive/data/0": bytes(64)}
    return zipped({**start, **{f"archive/{name.replace('__', '.')}": text for name, text in more.items()}})


def arrays() -> bytes:
    """What `numpy.savez` writes."""
    content = io.BytesIO()
    np.savez(content, a=np.ones(3))
    return content.getvalue()


def tarred() -> bytes:
    """A tar archive."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("model.h5"))
    return content.getvalue()


MODELS: list[tuple[str, bytes, str]] = [
    ("model.pt", torch_file(), r"PyTorch.*torch\.onnx\.export"),
    ("noending", torch_file(), r"PyTorch.*torch\.onnx\.export"),
    ("last.ckpt", torch_file(), r"PyTorch.*torch\.onnx\.export"),
    ("old.pth", b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.", r"PyTorch.*torch\.onnx\.export"),
    ("script.pt", torch_file(constants__pkl="x"), r"TorchScript.*torch\.jit\.load\(\"script\.pt\"\)"),
    ("best.pt", torch_file(b"cultralytics.nn.tasks\n"), r"Ultralytics.*yolo export model=best\.pt format=onnx"),
    ("export.pkl", torch_file(b"cfastai.learner\nLearner\n"), r"fastai.*load_learner\(\"export\.pkl\"\)"),
    ("model.safetensors", SAFETENSORS, r"safetensors.*optimum-cli export onnx"),
    ("model.json", LAYERS_MODEL.encode(), r"TensorFlow\.js.*tensorflowjs_converter.*--output_format=keras model\.json"),
    ("graph.json", b'{"format": "graph-model", "modelTopology": {}}', r"TensorFlow\.js graph.*tfjs_graph_converter"),
    ("group1-shard1of2.bin", EMPTY_WEIGHTS, r"TensorFlow\.js.*model\.json"),
    ("metadata.json", b'{"tfjsVersion":"1.3.1","tmVersion":"2.4.4"}', r"Teachable Machine's.*Tensorflow Lite"),
    ("cats.mlmodel", b"\x08\x04\x12\x20" + bytes(40), r"Core ML.*Export the model"),
    ("saved_model.pb", b"\x08\x01\x12\xff\x01", r"SavedModel.*folder.*variables/"),
    ("tfhub_module.pb", b"\x08\x03", r"TensorFlow Hub.*KerasLayer"),
    ("frozen.pb", b"\n\x1c\n\x05image\x12\x0bPlaceholder*\x06\n\x00", r"frozen.*from_frozen_graph\(\"frozen\.pb\""),
    ("no_ending", b"\n\x1c\n\x05image\x12\x0bPlaceholder*\x06\n\x00", r"frozen TensorFlow graph"),
    ("model.ckpt-10.data-00000-of-00001", EMPTY_WEIGHTS, r"checkpoint.*model\.save\(\"model\.keras\"\)"),
    ("model.ckpt.index", EMPTY_WEIGHTS, "checkpoint"),
    ("checkpoint", b'model_checkpoint_path: "model.ckpt"\n', "checkpoint"),
    ("plan.json", b'{"class_name": "Sequential", "config": []}', r"plan of a Keras model.*model_from_json"),
    ("model.onnx.data", EMPTY_WEIGHTS, r"weights of an ONNX model.*\.onnx file"),
    ("model.ort", b"\x28\x00\x00\x00ORTM\x00\x00", r"ONNX Runtime's own form.*\.onnx file"),
    ("net.caffemodel", EMPTY_WEIGHTS, "Caffe.*ONNX"),
    ("yolo.weights", EMPTY_WEIGHTS, "Darknet"),
    ("yolo.cfg", b"# comment\n[net]\nbatch=1\n", "Darknet"),
    ("model.xml", b'<?xml version="1.0"?>\n<net name="Model0" version="11">\n', r"OpenVINO.*made from"),
    ("model.engine", b"ftrt\xff\x00", r"TensorRT.*made from"),
    ("model.pdmodel", EMPTY_WEIGHTS, "PaddlePaddle.*paddle2onnx"),
    ("net.mat", b"MATLAB 5.0 MAT-file" + bytes(110), r"MATLAB.*exportONNXNetwork"),
    ("llama.gguf", b"GGUF\x03\x00", "llama.cpp.*text, not pictures"),
    ("svm.pkl", b"\x80\x04\x95csklearn.svm._classes\nSVC\n", "scikit-learn.*features"),
    ("any.pkl", pickle.dumps({"a": 1}), "Python pickle"),
    ("weights.npz", arrays(), r"NumPy.*set_weights"),
    (
        "model.cc",
        b"const unsigned char g_model[] = {\n 0x1c, 0x00, 0x00, 0x00, 0x54, 0x46, 0x4c, 0x33,",
        "in C.*tflite",
    ),
    ("model.tar.gz", gzip.compress(b"x"), "Unpack it.*tar -xf"),
    ("model.tar", tarred(), "Unpack it.*tar -xf"),
    ("model.7z", b"7z\xbc\xaf\x27\x1c\x00\x04", "Unpack it.*7z x"),
    ("model.bin", LFS, "Git LFS.*git lfs pull"),
]
OTHERS: list[tuple[str, bytes, str]] = [
    ("model.h5", LFS, r"\.h5 model, by its content it is not: it is a Git LFS pointer.*git lfs pull"),
    ("model.onnx", LFS, "Git LFS.*git lfs pull"),
    ("model.tflite", b"\n<!DOCTYPE html>\n<html>", "a web page"),
    ("model.onnx", b"Entry not found", 'a text.*"Entry not found"'),
    ("model.pt", b"404: Not Found\n", 'a text.*"404: Not Found"'),
    ("model.keras", b"", "an empty file"),
    ("model.safetensors", b"", "an empty file"),
    ("photo.jpg", b"\xff\xd8\xff\xe0\x00\x10JFIF", r"a picture.*classifier classify photo\.jpg"),
    ("train.py", b"import keras\n", "a program"),
]


@pytest.mark.parametrize(("name", "data", "told"), MODELS + OTHERS)
def test_a_file_is_told_by_what_is_in_it(tmp_path: Path, name: str, data: bytes, told: str) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(ModelFileError, match=rf"(?s){name}: .*{told}") as refused:
        bring(tmp_path / name)
    assert str(refused.value).endswith((".", ")"))
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("packed", [False, True])
def test_so_it_is_in_a_folder_and_in_a_zip(tmp_path: Path, packed: bool) -> None:
    beside = {"labels.txt": b"cat\ndog\n", "README.md": b"# A model", "photo.jpg": b"\xff\xd8\xff\xe0"}
    for number, (name, data, told) in enumerate(MODELS):
        place = tmp_path / str(number)
        if packed:
            source = place.with_suffix(".zip")
            source.write_bytes(
                zipped({f"my model/{file}": content for file, content in {**beside, name: data}.items()})
            )
            where = f"my model/{name} in {source}"
        else:
            source = place
            place.mkdir()
            for file, content in {**beside, name: data}.items():
                (place / file).write_bytes(content)
            where = f"{place}/{name}"
        if name in ("saved_model.pb", "tfhub_module.pb"):
            continue  # with its folder it is a SavedModel
        scratch = tmp_path / f"scratch{number}"
        scratch.mkdir()
        with pytest.raises(ModelFileError, match=f"(?s){told}") as refused:
            sources.find(source, scratch)
        assert str(refused.value).startswith(f"{where}: ")
        assert str(scratch) not in str(refused.value)


def test_a_pointer_in_a_zip_is_named_as_what_it_is_there(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(zipped({"deep/model.h5": LFS, "deep/labels.txt": "a\nb\n"}))
    with pytest.raises(ModelFileError, match=r"^deep/model\.h5 in \S+/a\.zip: .*git lfs pull"):
        bring(tmp_path / "a.zip")


def test_what_cannot_be_read_beside_a_model_is_of_no_concern(tmp_path: Path) -> None:
    folder = tmp_path / "models"
    folder.mkdir()
    for name, data in {"model.tflite": Tiny().build(), "model.h5": LFS, "model.pt": torch_file()}.items():
        (folder / name).write_bytes(data)
    write_labels(folder)
    imported, _ = bring(folder)
    assert imported.package.labels == {"en": LABELS}


@pytest.mark.parametrize("packed", [False, True])
def test_a_model_with_another_ending_is_found(tmp_path: Path, packed: bool) -> None:
    files = {"my model.lite": Tiny().build(), "labels.txt": "\n".join(LABELS).encode(), "notes.md": b"# x"}
    source = tmp_path / "a.zip"
    if packed:
        source.write_bytes(zipped(dict(files)))
    else:
        source = tmp_path / "folder"
        source.mkdir()
        for name, data in files.items():
            (source / name).write_bytes(data)
    _, said = bring(source)
    assert "my model.lite" in said["found"]


def test_a_saved_model_without_its_weights(tmp_path: Path) -> None:
    for folder, files, told in [
        ("none", {"saved_model.pb": b"\x08\x01\x12\x20 VarHandleOp"}, r"its weights are not there.*variables/"),
        (
            "part",
            {
                "saved_model.pb": b"\x08\x01\x12\x20 VarHandleOp",
                "variables/variables.index": b"index",
                "variables/variables.data-00001-of-00002": b"data",
            },
            r"its variables/variables\.data-00000-of-00002 is not there.*all of variables/",
        ),
        (
            "index",
            {"saved_model.pb": b"\x08\x01\x12\x20 VarHandleOp", "variables/variables.index": b"index"},
            r"its variables/variables\.data-00000-of-00001 is not there",
        ),
        ("pointer", {"saved_model.pb": LFS}, r"its saved_model\.pb is not there.*git lfs pull"),
        (
            "pointers",
            {"saved_model.pb": b"\x08\x01\x12\x20 VarHandleOp", "variables/variables.data-00000-of-00001": LFS},
            r"its variables\.data-00000-of-00001 is not there.*git lfs pull",
        ),
        ("hub", {"saved_model.pb": b"\x08\x01\x12\x20", "tfhub_module.pb": b"\x08\x03"}, r"TensorFlow Hub.*KerasLayer"),
    ]:
        for name, data in files.items():
            (tmp_path / folder / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / folder / name).write_bytes(data)
        with pytest.raises(ModelFileError, match=told):
            bring(tmp_path / folder)


def test_no_model_of_ours_is_taken_for_another(tmp_path: Path) -> None:
    (tmp_path / "m").write_bytes(Tiny().build())
    look = Look.at(tmp_path / "m")
    assert not [kind.what for kind in KINDS if kind.test(look)]


def test_each_kind_says_what_it_is_and_what_to_do() -> None:
    for kind in KINDS:
        assert kind.what[0].islower() or kind.what.split()[0] in ("OpenVINO's", "HDF5")
        assert not kind.what.endswith(".")
        assert kind.remedy.endswith((".", ").")), kind.remedy
