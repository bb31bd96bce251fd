"""ONNX models of all shapes, types and layouts: imported, their scores are those that ONNX Runtime alone gives."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

from classifier import Classifier, Settings
from classifier.backends.choice import load_backend
from classifier.backends.model_files import kind_of
from classifier.errors import BackendError
from classifier.importing.options import SCALES, Options
from tests.support.imported import bring, picture
from tests.support.installed import pretend
from tests.support.onnx_models import SIDE, check, first, imagenet, network, save, scores, softmax, unit

IMAGENET = Options(scaling=SCALES["imagenet"])
LAST: dict[str, tuple[Any, ...]] = {
    "softmax": (("Softmax",),),
    "softmax of old opsets": (("Softmax", {"axis": 1}), ("Identity",)),
    "logits": (),
    "logits, cast": (("Cast", {"to": TensorProto.DOUBLE}), ("Cast", {"to": TensorProto.FLOAT})),
    "logits, scaled": (("Mul", np.float32(0.5)), ("Add", np.array([0.1, 0.2, 0.3], np.float32))),
    "logarithms": (("LogSoftmax",),),
    "sigmoid": (("Sigmoid",),),
    "(1, 3, 1, 1)": (("Softmax",), ("Unsqueeze", np.array([2, 3]))),
    "(3,)": (("Softmax",), ("Squeeze", np.array([0]))),
}


@pytest.mark.parametrize("name", LAST)
def test_the_last_operation(tmp_path: Path, name: str) -> None:
    file = save(tmp_path, network(after=LAST[name]))
    found = scores(file, imagenet)
    logits = name.startswith("log")
    imported, _ = check(file, softmax(found) if logits else found, IMAGENET)
    output = imported.package.manifest.output
    assert (output.logits, output.multi_label, output.features) == (logits, name == "sigmoid", "features")


NHWC = ("Transpose", {"perm": [0, 3, 1, 2]})


@pytest.mark.parametrize(
    ("before", "shape", "size", "channels_first"),
    [
        ([], ["N", 3, "h", "w"], (20, 28), True),
        ([], [1, None, None, None], (20, 28), True),
        ([], None, (20, 28), True),
        ([NHWC], ["N", 20, 28, 3], None, False),
        ([NHWC], ["N", None, None, 3], (20, 28), False),
        ([NHWC], [None, None, None, None], (20, 28), False),
        ([("Mul", np.float32(1)), NHWC], [None, None, None, None], (20, 28), False),
    ],
)
def test_the_layout(
    tmp_path: Path, before: list[Any], shape: list[Any] | None, size: tuple[int, int] | None, channels_first: bool
) -> None:
    model = network(*before, shape=shape or [1, 3, 8, 8])
    if shape is None:
        model.graph.input[0].type.tensor_type.ClearField("shape")
    file = save(tmp_path, model)
    found = scores(file, imagenet if channels_first else lambda pixels: imagenet(pixels).transpose(1, 2, 0), (20, 28))
    imported, _ = check(file, found, Options(scaling=SCALES["imagenet"], size=size))
    assert imported.package.manifest.input.channels_first == channels_first
    assert imported.package.manifest.input.size == (20, 28)


def test_grey_pictures_without_an_axis_for_channels_have_no_range_of_three_colours(tmp_path: Path) -> None:
    step = (np.float32(4.758 / 255), np.uint8(114))  # the same range as ImageNet's
    colour = (("Unsqueeze", np.array([1])), ("Expand", np.array([1, 3, SIDE, SIDE])))
    model = network(("QuantizeLinear", *step), ("DequantizeLinear", *step), *colour, shape=("N", SIDE, SIDE))
    imported, said = bring(save(tmp_path, model))
    assert imported.package.manifest.input.shape == (SIDE, SIDE)
    assert said["values"].startswith("0 to 1: a guess")


def test_grey_pictures(tmp_path: Path) -> None:
    file = save(tmp_path, network(shape=["N", 1, SIDE, SIDE]))
    luma = np.array([0.299, 0.587, 0.114], np.float32)
    check(file, scores(file, lambda pixels: (pixels @ luma)[None] / 255))


@pytest.mark.parametrize("kind", ["float16", "uint8", "float64"])
def test_types_of_the_input(tmp_path: Path, kind: str) -> None:
    before: dict[str, list[Any]] = {
        "float16": [],
        "uint8": [("Cast", {"to": TensorProto.FLOAT}), ("Sub", np.float32(120)), ("Mul", np.float32(0.01))],
        "float64": [("Cast", {"to": TensorProto.FLOAT})],
    }
    file = save(tmp_path, network(*before[kind], kind=kind))
    if kind == "float64":
        single = network()
        found = scores(save(tmp_path / "single", single), unit)
    else:
        found = scores(file, first if kind == "uint8" else unit)
    _, said = check(file, found, within=0.01)
    assert ("float16 weights" in said["found"]) == (kind == "float16")
    assert ("0 to 255" in said["values"]) == (kind == "uint8")


@pytest.mark.parametrize("opset", [9, 13, 21, 23])
def test_operations_of_all_versions(tmp_path: Path, opset: int) -> None:
    model = network(opset=opset, ir=4)
    file = save(tmp_path, model)
    check(file, scores(file, imagenet), IMAGENET)


def test_constants_among_the_inputs(tmp_path: Path) -> None:
    model = network(ir=3, opset=9)
    model.graph.input.extend(
        helper.make_tensor_value_info(one.name, one.data_type, one.dims) for one in model.graph.initializer
    )
    file = save(tmp_path, model)
    check(file, scores(file, imagenet), IMAGENET)


def test_local_functions(tmp_path: Path) -> None:
    """As the newer of PyTorch's two exporters writes them."""
    model = network(("Div", np.float32(255)), after=[("Squash",)], opset=18)
    opset = helper.make_opsetid("", 18)
    squash = helper.make_function("mine", "Squash", ["x"], ["y"], [helper.make_node("Softmax", ["x"], ["y"])], [opset])
    model.functions.append(squash)
    model.graph.node[-1].domain = "mine"
    model.opset_import.append(helper.make_opsetid("mine", 1))
    file = save(tmp_path, model)
    imported, said = check(file, scores(file, first))
    assert "0 to 255" in said["values"]
    assert not imported.package.manifest.output.logits


def external(folder: Path, model: Any, *, one: bool, name: str = "model.onnx") -> Path:
    folder.mkdir(exist_ok=True)
    onnx.save(
        model,
        folder / name,
        save_as_external_data=True,
        all_tensors_to_one_file=one,
        location="model.onnx.data" if one else None,
        size_threshold=0,
    )
    return folder / name


@pytest.mark.parametrize("link", [False, True])
@pytest.mark.parametrize("one", [False, True])
def test_weights_in_files_of_their_own(tmp_path: Path, one: bool, link: bool) -> None:
    file = external(tmp_path / "there", network(("Div", np.array([255], np.float32))), one=one, name="mine.onnx")
    save(tmp_path / "there", network(), name="labels.of")
    expected = scores(file, first)
    imported, said = check(file, expected, Options(link=link))
    assert said["values"].startswith("0 to 255")  # the constant is in such a file, too
    folder = imported.package.folder / "onnx"
    assert imported.package.manifest.weights["onnx"].file == "onnx"
    assert (folder / "model.onnx").is_symlink() == link
    data = {path.name for path in folder.iterdir()} - {"model.onnx"}
    assert data == {"model.onnx.data"} if one else len(data) == 4
    if not link:
        for path in (tmp_path / "there").iterdir():
            path.unlink() if path.is_file() else None
        load_backend(imported.package, "onnx", 1)


def with_another_output() -> Any:
    """A model that must be changed: that output goes."""
    model = network()
    pooled = next(node.output[0] for node in model.graph.node if node.op_type == "Flatten")
    model.graph.output.append(helper.make_tensor_value_info(pooled, TensorProto.FLOAT, None))
    return model


def test_a_changed_copy_has_its_data_with_it(tmp_path: Path) -> None:
    file = external(tmp_path / "there", with_another_output(), one=True)
    save(tmp_path / "there", network(), name="labels.of")
    imported, _ = check(file, scores(file, imagenet), Options(scaling=SCALES["imagenet"], link=True))
    assert not (imported.package.folder / "onnx" / "model.onnx.data").is_symlink()


@pytest.mark.parametrize("changed", [False, True])
def test_as_huggingface_keeps_it(tmp_path: Path, changed: bool) -> None:
    """In its cache each file is a link into another folder, where it has another name."""
    file = external(tmp_path / "snapshot", with_another_output() if changed else network(), one=True)
    (tmp_path / "blobs").mkdir()
    for path in list((tmp_path / "snapshot").iterdir()):
        path.rename(tmp_path / "blobs" / f"hash of {path.name}")
        path.symlink_to(f"../blobs/hash of {path.name}")
    save(tmp_path / "snapshot", network(), name="no.model")
    expected = scores(file, imagenet)
    for link in (False, True):
        (tmp_path / str(link)).mkdir()
        (tmp_path / str(link) / "link").symlink_to(tmp_path / "snapshot")
        source = tmp_path / str(link) / "link" / "model.onnx"
        check(file, expected, Options(scaling=SCALES["imagenet"], link=link), source)
        (tmp_path / "snapshot" / "package").rename(tmp_path / str(link) / "package")


def test_a_zip_with_all_that_belongs_to_a_model(tmp_path: Path) -> None:
    file = external(tmp_path / "there", network(), one=True)
    expected = scores(file, imagenet)
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        for path in (tmp_path / "there").iterdir():
            archive.write(path, f"export/{path.name}")
        archive.writestr("export/labels.txt", "cat\ndog\nbird\n")
        archive.writestr("export/notes.md", "of no use")
    check(file, expected, IMAGENET, tmp_path / "all.zip")


def test_the_feature_map_is_the_last_before_the_mean(tmp_path: Path) -> None:
    for number, before in enumerate(([], [NHWC])):
        model = network(*before, shape=["N", *([SIDE, SIDE, 3] if before else [3, SIDE, SIDE])])
        relu = next(node.output[0] for node in model.graph.node if node.op_type == "Relu")
        imported, _ = bring(save(tmp_path / str(number), model), IMAGENET)
        backend, _ = load_backend(imported.package, "onnx", 1)
        values = np.random.default_rng(6).normal(size=(2, *imported.package.manifest.input.shape)).astype(np.float32)
        found = backend.run(values)
        assert found.features is not None
        model.graph.output.append(helper.make_tensor_value_info(relu, TensorProto.FLOAT, None))
        whole, features = map(np.asarray, ReferenceEvaluator(model).run(None, {"image": values}))
        assert found.features == pytest.approx(features.transpose(0, 2, 3, 1), abs=1e-4)
        assert found.scores == pytest.approx(whole, abs=1e-4)


def test_a_link_where_nothing_needs_a_change(tmp_path: Path) -> None:
    file = save(tmp_path, network())
    imported, _ = check(file, scores(file, imagenet), Options(scaling=SCALES["imagenet"], link=True))
    assert (imported.package.folder / "model.onnx").resolve() == file
    assert imported.package.manifest.output.features is None


def test_a_model_is_told_by_its_content(tmp_path: Path) -> None:
    data = network().SerializeToString()
    for name, content, kind in [
        ("renamed.bin", data, "onnx"),
        ("cut.onnx", data[:-1], None),
        ("half.onnx", data[: len(data) // 2], None),
        ("other.onnx", b"\x08\x07", None),
        ("text.onnx", b"version https://git-lfs.github.com/spec/v1\n", None),
        ("more.onnx", data + b"\0", None),
    ]:
        (tmp_path / name).write_bytes(content)
        assert kind_of(tmp_path / name) == kind, name


@pytest.mark.parametrize("missing", ["onnxruntime", "onnx"])
def test_without_onnx_runtime_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    file = save(tmp_path, network())
    pretend(monkeypatch, missing, installed=False)
    with pytest.raises(BackendError, match=r"needs ONNX Runtime.*requirements/onnx\.txt"):
        bring(file)


def test_a_package_can_be_calibrated(tmp_path: Path) -> None:
    """A temperature belongs to logits: it must change the scores of a model that gives them, and nothing else."""
    imported, _ = bring(save(tmp_path, network(after=())), IMAGENET)
    folder = imported.package.folder
    before = Classifier.load(folder, settings=Settings(backend="onnx", threads=1)).classify(picture(), top_k=3)
    text = (folder / "model.toml").read_text("utf-8")
    (folder / "model.toml").write_text(text.replace("logits = true", "logits = true\ntemperature = 3.0"), "utf-8")
    after = Classifier.load(folder, settings=Settings(backend="onnx", threads=1)).classify(picture(), top_k=3)
    assert [one.label for one in after.predictions] == [one.label for one in before.predictions]
    assert after.predictions[0].score < before.predictions[0].score
