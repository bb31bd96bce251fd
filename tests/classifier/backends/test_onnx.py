"""The ONNX backend: scores as onnx's own reference gives them, and models that cannot be run, in sentences."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

from classifier import BackendError, PackageError
from classifier.backends.choice import choose, load_backend
from classifier.backends.onnx import open_session
from tests.support import tiny_onnx
from tests.support.installed import pretend


def expected(model: Any, values: Any) -> list[Any]:
    found = ReferenceEvaluator(model).run(None, {"image": values})
    assert isinstance(found, list)
    return found


@pytest.mark.parametrize("first", [True, False], ids=["channels first", "channels last"])
@pytest.mark.parametrize("batch", ["N", None, 1])
def test_the_scores_and_features_are_those_of_the_reference(tmp_path: Path, first: bool, batch: Any) -> None:
    model = tiny_onnx.network(first=first, batch=batch, features=True)
    package = tiny_onnx.package(tmp_path / "tiny", model, first=first, features=True)
    backend, reason = load_backend(package, "auto", 2)
    assert (backend.name, backend.device) == ("onnx", "CPU (2 threads)")
    assert "no LiteRT form" in reason
    values = tiny_onnx.pictures(3, first=first)
    found = backend.run(values)
    maps, scores = zip(*(expected(model, values[index : index + 1]) for index in range(3)), strict=True)
    assert found.scores == pytest.approx(np.concatenate(scores), abs=1e-5)
    assert found.features is not None
    features = np.concatenate(maps)
    assert found.features == pytest.approx(features.transpose(0, 2, 3, 1) if first else features, abs=1e-5)
    many = backend.for_many()
    assert many.device == backend.device
    assert many.run(values).scores == pytest.approx(found.scores, abs=1e-6)


@pytest.mark.parametrize("kind", ["float16", "float64", "uint8", "int8", "int32"])
def test_values_arrive_in_the_type_of_the_input(tmp_path: Path, kind: str) -> None:
    model = tiny_onnx.network(kind)
    package = tiny_onnx.package(tmp_path / "tiny", model)
    values = tiny_onnx.pictures(2, raw=True) * 1.2 - (160 if kind == "int8" else 20)
    found = load_backend(package, "onnx", 1)[0].run(values).scores
    given = values
    if np.dtype(kind).kind in "iu":
        bounds = np.iinfo(kind)
        given = np.clip(np.round(values), bounds.min, bounds.max)
        assert kind == "int32" or (given != np.round(values)).any()
    (scores,) = expected(model, given.astype(kind))
    assert found.dtype == np.float32
    assert found == pytest.approx(scores, rel=0.01 if kind == "float16" else 1e-4, abs=0.1 if kind == "float16" else 0)


def test_weights_in_a_folder_with_their_data(tmp_path: Path) -> None:
    model = tiny_onnx.network()
    folder = tmp_path / "tiny" / "onnx"
    (folder / "parts").mkdir(parents=True)
    (folder / "model.onnx").write_bytes(tiny_onnx.external(model, "parts/kernel.data"))
    (folder / "parts" / "kernel.data").write_bytes(tiny_onnx.data_of(model))
    package = tiny_onnx.package(tmp_path / "tiny", None)
    values = tiny_onnx.pictures(1)
    assert load_backend(package, "onnx", 1)[0].run(values).scores == pytest.approx(expected(model, values)[0], abs=1e-5)
    assert package.weights_size("onnx") > len(tiny_onnx.data_of(model))
    (folder / "parts" / "kernel.data").unlink()
    with pytest.raises(PackageError, match=r"its weights are in another file, kernel\.data, which is not there\. Put"):
        load_backend(package, "onnx", 1)
    (folder / "parts" / "kernel.data").write_bytes(tiny_onnx.data_of(model)[:40])
    with pytest.raises(PackageError, match="holds its weights is cut off"):
        load_backend(package, "onnx", 1)


@pytest.mark.parametrize("how", ["above", "absolute", "link", "linked folder", "out and in"])
def test_no_data_from_outside_the_models_folder_is_read(tmp_path: Path, how: str) -> None:
    model = tiny_onnx.network()
    folder = tmp_path / "tiny"
    folder.mkdir()
    secret = tmp_path / "secret"
    secret.write_bytes(tiny_onnx.data_of(model))
    location = {"above": "../secret", "absolute": str(secret), "out and in": "in/../../secret", "linked folder": "in/k"}
    if how == "link":
        (folder / "k").symlink_to(secret)
    elif how == "linked folder":
        (tmp_path / "out").mkdir()
        secret.rename(tmp_path / "out" / "k")
        (folder / "in").symlink_to(tmp_path / "out")
    elif how == "out and in":
        (folder / "in").mkdir()
    package = tiny_onnx.package(folder, tiny_onnx.external(model, location.get(how, "k")))
    with pytest.raises(PackageError, match="outside its folder, which is not read"):
        load_backend(package, "onnx", 1)


def test_nor_for_a_graph_inside_the_graph(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(bytes(8))
    inner = helper.make_tensor_value_info("inner", TensorProto.UINT8, [8])
    secret = TensorProto(name="secret", data_type=TensorProto.UINT8, dims=[8], data_location=TensorProto.EXTERNAL)
    secret.external_data.add(key="location", value="../secret")
    branch = helper.make_graph([helper.make_node("Identity", ["secret"], ["inner"])], "b", [], [inner], [secret])
    always = helper.make_tensor("always", TensorProto.BOOL, [], [True])
    choice = helper.make_node("If", ["always"], ["scores"], then_branch=branch, else_branch=branch)
    scores = helper.make_tensor_value_info("scores", TensorProto.UINT8, [8])
    graph = helper.make_graph([choice], "g", [], [scores], [always])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "model.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(PackageError, match="outside its folder, which is not read"):
        open_session(tmp_path / "in", 1)


def test_a_link_to_a_model_finds_the_data_beside_the_model(tmp_path: Path) -> None:
    """As in a package that `CLASSIFIER_MODEL=model.onnx` makes at the start."""
    model = tiny_onnx.network()
    (tmp_path / "kernel.data").write_bytes(tiny_onnx.data_of(model))
    (tmp_path / "mine.onnx").write_bytes(tiny_onnx.external(model, "kernel.data"))
    package = tiny_onnx.package(tmp_path / "tiny", b"")
    (package.folder / "model.onnx").unlink()
    (package.folder / "model.onnx").symlink_to(tmp_path / "mine.onnx")
    assert load_backend(package, "onnx", 1)[0].run(tiny_onnx.pictures(1)).scores.shape == (1, tiny_onnx.CLASSES)


def _with_operation(name: str, domain: str = "") -> Any:
    model = tiny_onnx.network()
    (node,) = (node for node in model.graph.node if node.op_type == "Relu")
    node.op_type, node.domain = name, domain
    if domain:
        model.opset_import.append(helper.make_opsetid(domain, 1))
    return model


def _with_twins() -> Any:
    model = tiny_onnx.network()
    model.graph.node.append(helper.make_node("Identity", ["scores"], ["twin"]))
    model.graph.output.append(helper.make_tensor_value_info("twin", TensorProto.FLOAT, ["N", 3]))
    return model


@pytest.mark.parametrize(
    ("model", "sentence"),
    [
        (b"", "not an ONNX model, or it is damaged or cut off"),
        (b"this is no model", "not an ONNX model, or it is damaged or cut off"),
        (tiny_onnx.network().SerializeToString()[:200], "not an ONNX model, or it is damaged or cut off"),
        (tiny_onnx.network(opset=99), r"version 99 of ONNX's operations \(opset\), and ONNX Runtime [\d.]+ knows them"),
        (tiny_onnx.network(ir=99), r"version 99 of the ONNX format, and ONNX Runtime [\d.]+ reads up to \d+\. Export"),
        (_with_operation("Swirl", "my.own"), r"the operation my\.own:Swirl, which ONNX Runtime [\d.]+ does not know"),
        (_with_operation("Swirl"), r"the operation Swirl, which ONNX Runtime [\d.]+ does not know"),
        (tiny_onnx.network("bool"), r"its input is a tensor\(bool\), which a picture's values cannot be"),
        (tiny_onnx.network(first=False), r"its input has the shape \(N, 24, 24, 3\), but input\.size in .*model\.toml"),
        (tiny_onnx.network(batch=4), r"its input has the shape \(4, 3, 24, 24\), but input\.size"),
        (
            tiny_onnx.network().SerializeToString().replace(b"scores", b"sc\xffres"),
            "not an ONNX model, or it is damaged or cut off",
        ),
        (
            tiny_onnx.network().SerializeToString().replace(b"strides", b"strades"),
            r"cannot run it: This is an invalid model\..* Unrecognized attribute: strades .* see what onnx\.checker",
        ),
        (_with_twins(), r"its outputs are scores, twin; output\.name in .*model\.toml must say which has the scores"),
    ],
    ids=[
        "empty",
        "text",
        "cut",
        "opset",
        "ir",
        "custom",
        "unknown",
        "bool",
        "shape",
        "batch",
        "name",
        "attribute",
        "outputs",
    ],
)
def test_what_cannot_be_run_says_why(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], model: Any, sentence: str
) -> None:
    package = tiny_onnx.package(tmp_path / "tiny", model)
    with pytest.raises(PackageError, match=rf"tiny/model\.onnx: .*{sentence}") as caught:
        load_backend(package, "onnx", 1)
    assert "onnxruntime_src" not in caught.value.message
    assert "\n" not in caught.value.message
    assert capfd.readouterr() == ("", "")


def test_a_graph_that_fails_at_its_first_picture_says_so(tmp_path: Path) -> None:
    model = tiny_onnx.network()
    (pool,) = (node for node in model.graph.node if node.op_type == "GlobalAveragePool")
    pool.op_type = "Identity"  # the product that follows is then of shapes that do not fit
    with pytest.raises(PackageError, match=r"does not take input\.size \(3, 24, 24\)|cannot run it"):
        load_backend(tiny_onnx.package(tmp_path / "tiny", model), "onnx", 1)


def test_a_changed_file_is_refused(tmp_path: Path) -> None:
    package = tiny_onnx.package(tmp_path / "tiny", tiny_onnx.network())
    with (package.folder / "model.toml").open("a") as file:
        file.write(f'sha256 = "{"0" * 64}"\n')
    with pytest.raises(PackageError, match=r"weights\.onnx\.sha256: the file is damaged or was replaced"):
        load_backend(type(package).load(package.folder), "onnx", 1)


def test_without_it_the_message_says_how_to_install_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tiny_onnx.package(tmp_path / "tiny", tiny_onnx.network())
    pretend(monkeypatch, "onnxruntime", installed=False)
    with pytest.raises(BackendError, match=r"needs ONNX Runtime, which is not installed.*requirements/onnx\.txt"):
        choose(package)


def test_many_callers_get_their_own_scores(tmp_path: Path) -> None:
    package = tiny_onnx.package(tmp_path / "tiny", tiny_onnx.network())
    backend = load_backend(package, "onnx", 2)[0]
    values = tiny_onnx.pictures(8)
    alone = backend.run(values).scores
    found: dict[int, Any] = {}

    def work(index: int) -> None:
        for _ in range(50):
            found[index] = backend.run(values[index : index + 1]).scores

    threads = [threading.Thread(target=work, args=(index,)) for index in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert np.concatenate([found[index] for index in range(8)]) == pytest.approx(alone, abs=1e-6)


def test_threads_rest_between_pictures(tmp_path: Path) -> None:
    backend = load_backend(tiny_onnx.package(tmp_path / "tiny", tiny_onnx.network()), "onnx", 2)[0]
    values = tiny_onnx.pictures(1)
    start = time.process_time()
    for _ in range(20):
        backend.run(values)
        time.sleep(0.02)
    assert (time.process_time() - start) / 20 < 0.003  # 0.0003; 0.008 with threads that spin while they wait


def test_a_session_can_be_opened_of_a_file_or_a_folder(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(tiny_onnx.network().SerializeToString())
    for path in (tmp_path, tmp_path / "model.onnx"):
        assert isinstance(open_session(path, 1), onnxruntime.InferenceSession)
    with pytest.raises(PackageError, match=r"gone\.onnx: there is no such file"):
        open_session(tmp_path / "gone.onnx", 1)
