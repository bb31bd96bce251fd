"""SavedModels that read or write files while they are loaded or run: refused, unless trusted, before anything runs."""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from classifier.backends import saved_model_operations
from classifier.backends.loading import load
from classifier.backends.model_files import ModelFile
from classifier.backends.saved_model_operations import Use
from classifier.errors import TrustError
from tests.support.late import late

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not find_spec("tensorflow"), reason="TensorFlow is not installed")]

tf = late("tensorflow")
Deed = Callable[[Any, str], Any]


def dataset_cached(image: Any, path: str) -> Any:
    return tf.data.Dataset.range(2).cache(path).reduce(tf.constant(0, tf.int64), lambda old, new: old + new)


def dataset_snapshot(image: Any, path: str) -> Any:
    return tf.data.Dataset.range(2).snapshot(path).reduce(tf.constant(0, tf.int64), lambda old, new: old + new)


def dataset_saved(image: Any, path: str) -> Any:
    number = tf.TensorSpec((), tf.int64)
    saved = tf.raw_ops.SaveDatasetV2(
        input_dataset=tf.data.Dataset.range(2)._variant_tensor,
        path=path,
        shard_func_other_args=[],
        shard_func=tf.function(lambda x: tf.constant(0, tf.int64)).get_concrete_function(number),
        output_types=[tf.int64],
        output_shapes=[()],
    )
    return tf.data.experimental.from_variant(saved, number).reduce(tf.constant(0, tf.int64), lambda old, new: old + new)


def dataset_mapped(image: Any, path: str) -> Any:
    def mapped(number: Any) -> Any:
        with tf.control_dependencies([tf.io.write_file(path, "x")]):
            return tf.identity(number)

    return tf.data.Dataset.range(2).map(mapped).reduce(tf.constant(0, tf.int64), lambda old, new: old + new)


def summary(image: Any, path: str) -> Any:
    writer = tf.raw_ops.SummaryWriter(shared_name=path)
    return tf.raw_ops.CreateSummaryFileWriter(
        writer=writer, logdir=path, max_queue=1, flush_millis=1, filename_suffix=""
    )


def branch(image: Any, path: str) -> Any:
    def write() -> Any:
        with tf.control_dependencies([tf.io.write_file(path, "x")]):
            return tf.constant(1)

    return tf.cond(tf.reduce_sum(image) > -1.0, write, lambda: tf.constant(0))


def loop(image: Any, path: str) -> Any:
    def body(number: Any) -> Any:
        with tf.control_dependencies([tf.io.write_file(path, "x")]):
            return number + 1

    return tf.while_loop(lambda number: number < tf.cast(tf.reduce_sum(image), tf.int32) + 2, body, [0])


def nested(image: Any, path: str) -> Any:
    @tf.function(autograph=False)
    def inner() -> Any:
        with tf.control_dependencies([tf.io.write_file(path, "x")]):
            return tf.constant(1)

    return tf.function(lambda: inner(), autograph=False)()


WRITING: dict[str, tuple[str, str, Deed]] = {
    "print": ("PrintV2", "call", lambda image, path: tf.print("x", output_stream=f"file://{path}")),
    "write": ("WriteFile", "call", lambda image, path: tf.io.write_file(path, "x")),
    "checkpoint": (
        "SaveV2",
        "call",
        lambda image, path: tf.raw_ops.SaveV2(prefix=path, tensor_names=["x"], shape_and_slices=[""], tensors=[image]),
    ),
    "old checkpoint": (
        "Save",
        "call",
        lambda image, path: tf.raw_ops.Save(filename=path, tensor_names=["x"], data=[image]),
    ),
    "cache": ("CacheDatasetV2", "call", dataset_cached),
    "snapshot": ("SnapshotDatasetV2", "call", dataset_snapshot),
    "saved data set": ("SaveDatasetV2", "call", dataset_saved),
    "mapped data set": ("WriteFile", "mapped", dataset_mapped),
    "summary": ("CreateSummaryFileWriter", "call", summary),
    "branch": ("WriteFile", "cond_true", branch),
    "loop": ("WriteFile", "while_body", loop),
    "nested call": ("WriteFile", "inner", nested),
    "debugger": (
        "DebugIdentityV2",
        "call",
        lambda image, path: tf.raw_ops.DebugIdentityV2(
            input=image, tfdbg_run_id="x", debug_urls=[f"file://{path}"], tensor_debug_mode=2, circular_buffer_size=-1
        ),
    ),
}
READING: dict[str, tuple[str, Deed]] = {
    "read": ("ReadFile", lambda image, path: tf.io.read_file(path)),
    "list": ("MatchingFiles", lambda image, path: tf.io.matching_files(path)),
    "lines": (
        "TextLineDataset",
        lambda image, path: tf.data.TextLineDataset(path).reduce(tf.constant(""), lambda old, new: old + new),
    ),
    "restore": (
        "RestoreV2",
        lambda image, path: tf.raw_ops.RestoreV2(
            prefix=path, tensor_names=["x"], shape_and_slices=[""], dtypes=[tf.float32]
        ),
    ),
    "memory map": (
        "ImmutableConst",
        lambda image, path: tf.raw_ops.ImmutableConst(dtype=tf.float32, shape=[1], memory_region_name=path),
    ),
    "reader": (
        "ReaderReadV2",
        lambda image, path: tf.raw_ops.ReaderReadV2(
            reader_handle=tf.raw_ops.WholeFileReaderV2(),
            queue_handle=tf.raw_ops.FIFOQueueV2(component_types=[tf.string]),
        ),
    ),
    "records": ("RecordInput", lambda image, path: tf.raw_ops.RecordInput(file_pattern=path)),
    "message's type": (
        "EncodeProto",
        lambda image, path: tf.raw_ops.EncodeProto(
            sizes=[[1]], values=[[[1]]], field_names=["a"], message_type="x.Y", descriptor_source=path
        ),
    ),
    "Python": ("EagerPyFunc", lambda image, path: tf.py_function(lambda: 1, [], tf.int32)),
    "numpy": ("PyFunc", lambda image, path: tf.numpy_function(lambda: 1, [], tf.int64)),
    "clock": ("Timestamp", lambda image, path: tf.timestamp()),
}


class Evil:
    """Gives scores; does a deed before, if there is one."""

    def __init__(self, deed: Deed | None = None, path: str = "") -> None:
        self.module = tf.Module()
        self.module.kernel = tf.Variable(tf.eye(3))
        self.call = self.module.call = self.function(deed, path)

    def function(self, deed: Deed | None, path: str) -> Any:
        def call(image: Any) -> Any:
            done = [deed(image, path)] if deed else []
            with tf.control_dependencies([one for one in tf.nest.flatten(done) if one is not None]):
                return {"scores": tf.reduce_mean(image, [1, 2]) @ self.module.kernel}

        return tf.function(call, input_signature=[tf.TensorSpec((1, 4, 4, 3), name="image")], autograph=False)

    def save(self, folder: Path, **signatures: Any) -> Path:
        tf.saved_model.save(self.module, str(folder), signatures={"serving_default": self.call, **signatures})
        return folder


def refused(folder: Path, operation: str) -> None:
    with pytest.raises(TrustError, match=rf"uses .*{operation}.*, which could read or write files.*--trust"):
        load(ModelFile.open(folder))


def written(folder: Path, name: str = "trace") -> list[str]:
    return [one.name for one in folder.iterdir() if one.name.startswith(name)]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the deeds are done."""
    return tmp_path_factory.mktemp("deeds")


@pytest.fixture(scope="module")
def every(place: Path) -> Path:
    """A SavedModel with a signature for each deed, and none that the loader runs by itself."""
    (place / "secret").write_text("secret")
    evil = Evil()
    signatures = {name: evil.function(deed, str(place / name)) for name, (_, _, deed) in WRITING.items()}
    signatures |= {name: evil.function(deed, str(place / "secret")) for name, (_, deed) in READING.items()}
    return evil.save(place / "saved", **signatures)


@pytest.fixture(scope="module")
def uses(every: Path) -> set[Use]:
    """What the check finds in it."""
    from tensorflow.core.protobuf import saved_model_pb2

    saved = saved_model_pb2.SavedModel.FromString((every / "saved_model.pb").read_bytes())
    return set(saved_model_operations.uses(saved))


@pytest.fixture(scope="module")
def trusted(every: Path) -> Any:
    """The model, loaded without a check."""
    return tf.saved_model.load(str(every)).signatures


@pytest.mark.parametrize("name", WRITING)
def test_what_writes_when_it_runs(name: str, place: Path, uses: set[Use], trusted: Any) -> None:
    operation, function, _ = WRITING[name]
    assert any(use.operation == operation and function in use.function for use in uses)
    assert not written(place, name)
    trusted[name](image=tf.zeros((1, 4, 4, 3)))
    assert written(place, name)  # so it is a real attack


@pytest.mark.parametrize("name", READING)
def test_what_reads_when_it_runs(name: str, uses: set[Use]) -> None:
    assert READING[name][0] in {use.operation for use in uses}


def test_it_is_refused_before_anything_runs(tmp_path: Path) -> None:
    folder = Evil(WRITING["print"][2], str(tmp_path / "trace")).save(tmp_path / "saved")
    refused(folder, "PrintV2")
    assert not written(tmp_path)


def test_what_writes_while_it_is_loaded(tmp_path: Path) -> None:
    class Resource(tf.saved_model.experimental.TrackableResource):  # type: ignore[misc, name-defined]
        def _create_resource(self) -> Any:
            return tf.raw_ops.VarHandleOp(dtype=tf.float32, shape=[])

        def _initialize(self) -> Any:
            return tf.io.write_file(str(tmp_path / "trace"), "x")

    evil = Evil()
    evil.module.resource = Resource()
    folder = evil.save(tmp_path / "saved")
    (tmp_path / "trace").unlink(missing_ok=True)
    refused(folder, "WriteFile")
    assert not written(tmp_path)
    load(ModelFile.open(folder), trust=True)
    assert written(tmp_path)


def test_a_table_that_is_filled_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    evil = Evil()
    initializer = tf.lookup.TextFileInitializer(
        str(tmp_path / "secret"), tf.string, 0, tf.int64, tf.lookup.TextFileIndex.LINE_NUMBER
    )
    evil.module.table = tf.lookup.StaticHashTable(initializer, -1)
    refused(evil.save(tmp_path / "saved"), "InitializeTableFromTextFileV2")


def test_functions_that_no_signature_calls(tmp_path: Path) -> None:
    evil = Evil()
    evil.module.other = tf.function(lambda: nested(0, str(tmp_path / "trace")), input_signature=[])
    refused(evil.save(tmp_path / "other"), "WriteFile")

    @tf.custom_gradient
    def passed(value: Any) -> Any:
        def gradient(upstream: Any) -> Any:
            with tf.control_dependencies([tf.io.write_file(str(tmp_path / "trace"), "x")]):
                return tf.identity(upstream)

        return tf.identity(value), gradient

    folder = tmp_path / "gradient"
    evil = Evil(lambda image, path: passed(image))
    options = tf.saved_model.SaveOptions(experimental_custom_gradients=True)
    tf.saved_model.save(evil.module, str(folder), signatures={"serving_default": evil.call}, options=options)
    refused(folder, "WriteFile")
