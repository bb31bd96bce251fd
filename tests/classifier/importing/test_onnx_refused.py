"""ONNX models that cannot be served, or not as they are: each is refused with what to do."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from classifier.errors import ModelFileError, ParameterError
from classifier.importing.options import SCALES, Options
from tests.support.command import run
from tests.support.imported import bring
from tests.support.onnx_models import SIDE, check, imagenet, network, save, scores
from tests.support.unprivileged import bound_by_file_modes

IMAGENET = Options(scaling=SCALES["imagenet"])


def refused(folder: Path, model: Any, problem: str) -> None:
    file = save(folder, model)
    with pytest.raises(ModelFileError, match=problem) as error:
        bring(file, IMAGENET)
    assert "onnxruntime_src" not in str(error.value)
    assert not (folder / "package").exists()


def with_outputs(*tensors: tuple[str, int], after: Any = (("Softmax",),), extra: Any = ()) -> Any:
    """A model with other outputs: tensors of its graph by the operation that makes them, and their types."""
    model = network(after=after)
    model.graph.node.extend(extra)
    names = {node.op_type: node.output[0] for node in model.graph.node}
    del model.graph.output[:]
    model.graph.output.extend(helper.make_tensor_value_info(names[name], kind, None) for name, kind in tensors)
    return model


@pytest.mark.parametrize(
    ("opset", "ir", "problem"),
    [
        (99, 10, r"version 99 of ONNX's operations \(opset\).*knows them up to \d+.*opset_version=\d+"),
        (18, 99, r"version 99 of the ONNX format.*reads up to \d+.*Export it"),
        (0, 3, r"uses the operation Conv, which ONNX Runtime .* does not know"),
    ],
)
def test_versions(tmp_path: Path, opset: int, ir: int, problem: str) -> None:
    model = network(opset=18, ir=ir)
    model.opset_import[0].version = opset
    refused(tmp_path, model, problem)


def test_operations_of_others(tmp_path: Path) -> None:
    model = network(("Decode",))
    model.graph.node[0].domain = "ai.onnx.contrib"
    model.opset_import.append(helper.make_opsetid("ai.onnx.contrib", 1))
    refused(tmp_path, model, r"uses the operation ai\.onnx\.contrib:Decode.*Export the model without it")


@pytest.mark.parametrize("name", ["weights.data", "parts/weights.data"])
def test_weights_that_are_not_there(tmp_path: Path, name: str) -> None:
    (tmp_path / "parts").mkdir()
    onnx.save(network(), tmp_path / "model.onnx", save_as_external_data=True, location="weights.data", size_threshold=0)
    model = onnx.load(tmp_path / "model.onnx", load_external_data=False)
    (tmp_path / "weights.data").unlink()
    for tensor in model.graph.initializer:
        next(entry for entry in tensor.external_data if entry.key == "location").value = name
    refused(tmp_path, model, r"its weights are in another file, weights\.data, which is not there\. Put it into")


def test_weights_that_may_not_be_read(tmp_path: Path) -> None:
    """onnx itself writes them for their owner alone, and an image runs as another user."""
    file = tmp_path / "model.onnx"
    onnx.save(network(), file, save_as_external_data=True, location="weights.data", size_threshold=0)
    (tmp_path / "weights.data").chmod(0)
    ended = run("import", file, tmp_path / "package", preexec_fn=bound_by_file_modes)
    said = ended.stderr.decode()
    assert ended.returncode == 2
    assert said.startswith(f"classifier: {tmp_path / 'weights.data'} cannot be read: the user ")
    assert "chmod -R a+rX" in said


@pytest.mark.parametrize("where", ["above", "absolute", "link"])
def test_weights_from_elsewhere(tmp_path: Path, where: str) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    onnx.save(network(), folder / "model.onnx", save_as_external_data=True, location="secret", size_threshold=0)
    (folder / "secret").rename(tmp_path / "secret")
    model = onnx.load(folder / "model.onnx", load_external_data=False)
    name = {"above": "../secret", "absolute": str(tmp_path / "secret"), "link": "secret"}[where]
    for tensor in model.graph.initializer:
        next(entry for entry in tensor.external_data if entry.key == "location").value = name
    if where == "link":
        (folder / "secret").symlink_to(tmp_path / "secret")
    refused(folder, model, "outside its folder, which is not read. Put that file beside it")


def test_a_batch_of_several(tmp_path: Path) -> None:
    refused(tmp_path, network(shape=[4, 3, SIDE, SIDE]), r"always takes 4 pictures at a time\. Export it with a batch")


@pytest.mark.parametrize("outputs", [["Softmax", "Gemm"], ["Flatten", "Softmax"], ["Gemm", "Relu", "Softmax"]])
def test_outputs_on_the_way_to_the_scores_are_left_out(tmp_path: Path, outputs: list[str]) -> None:
    """Features, logits and the like, which many models give besides."""
    model = with_outputs(*((name, TensorProto.FLOAT) for name in outputs))
    file = save(tmp_path, model)
    imported, _ = check(file, scores(file, imagenet, output=outputs.index("Softmax")), IMAGENET)
    assert not imported.package.manifest.output.logits


def test_the_best_class_besides_the_scores_is_left_out(tmp_path: Path) -> None:
    best = helper.make_node("ArgMax", ["softmax_5"], ["argmax"], axis=1)
    model = with_outputs(("ArgMax", TensorProto.INT64), ("Softmax", TensorProto.FLOAT), extra=[best])
    file = save(tmp_path, model)
    check(file, scores(file, imagenet, output=1), IMAGENET)


def test_outputs_of_which_none_is_the_scores(tmp_path: Path) -> None:
    other = helper.make_node("Sigmoid", ["flatten_3"], ["other"])
    several = with_outputs(("Sigmoid", TensorProto.FLOAT), ("Softmax", TensorProto.FLOAT), extra=[other])
    refused(tmp_path / "several", several, r"it has 1 input and 2 outputs\. .*by --output NAME: other, softmax_5\.")
    imported, _ = bring(save(tmp_path / "told", several), replace(IMAGENET, output="softmax_5"))
    assert not imported.package.manifest.output.multi_label
    with pytest.raises(ParameterError, match=r"--output five: its outputs are other, softmax_5\."):
        bring(save(tmp_path / "wrong", several), replace(IMAGENET, output="five"))
    best = helper.make_node("ArgMax", ["softmax_5"], ["best"], axis=1)
    refused(
        tmp_path / "best",
        with_outputs(("ArgMax", TensorProto.INT64), extra=[best]),
        "it gives no scores, only whole numbers or text, such as the best class",
    )


def test_inputs_that_are_not_pictures(tmp_path: Path) -> None:
    refused(
        tmp_path / "four", network(("Concat", np.ones((1, 1, SIDE, SIDE), np.float32), {"axis": 1})), "damaged|Conv"
    )
    model = network(shape=["N", 4, SIDE, SIDE])
    kernel = next(one for one in model.graph.initializer if list(one.dims) == [8, 3, 3, 3])
    kernel.CopyFrom(onnx.numpy_helper.from_array(np.ones((8, 4, 3, 3), np.float32), kernel.name))
    refused(tmp_path / "channels", model, "its first layer takes 4 channels. Only pictures in colour")
    text = network(shape=["N", 3, SIDE, SIDE])
    text.graph.input[0].type.tensor_type.elem_type = TensorProto.STRING
    text.graph.node.insert(0, helper.make_node("Cast", ["image"], ["cast"], to=TensorProto.FLOAT))
    text.graph.node[1].input[0] = "cast"
    refused(tmp_path / "text", text, r"its input is a tensor\(string\)")


def test_what_is_not_a_list_of_scores(tmp_path: Path) -> None:
    model = network()
    relu = next(node.output[0] for node in model.graph.node if node.op_type == "Relu")
    del model.graph.output[:]
    model.graph.output.append(helper.make_tensor_value_info(relu, TensorProto.FLOAT, None))
    refused(tmp_path, model, r"its output has the shape \(1, 8, 11, 11\), which is not a list of scores")


def test_damaged_files(tmp_path: Path) -> None:
    data = network().SerializeToString()
    for name, content, problem in [
        ("cut.onnx", data[: len(data) // 2], "by its name it is a .onnx model, by its content it is not"),
        ("text.onnx", b"hello", "by its name it is a .onnx model, by its content it is not"),
        ("hollow.onnx", b"\x08\x0a\x3a\x00", "damaged|ONNX Runtime"),
        ("noise.onnx", b"\x08\x0a\x3a\x04\xff\xff\xff\xff", "it is not an ONNX model, or it is damaged or cut off"),
    ]:
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ModelFileError, match=problem):
            bring(tmp_path / name)


def test_a_size_that_the_graph_does_not_take(tmp_path: Path) -> None:
    kernel = np.ones((8 * 11 * 11, 3), np.float32)
    model = network(shape=["N", 3, "h", "w"])
    dense = next(node for node in model.graph.node if node.op_type == "Gemm")
    pooled = next(node for node in model.graph.node if node.op_type == "GlobalAveragePool")
    pooled.op_type = "Identity"
    next(one for one in model.graph.initializer if one.name == dense.input[1]).CopyFrom(
        onnx.numpy_helper.from_array(kernel, dense.input[1])
    )
    file = save(tmp_path, model)
    with pytest.raises(ModelFileError, match=r"takes pictures of any size.*--size 224"):
        bring(file)
    with pytest.raises(ModelFileError, match=r"does not take an input of the shape \(1, 3, 32, 32\)"):
        bring(file, Options(size=(32, 32)))
    bring(file, Options(size=(SIDE, SIDE)))
