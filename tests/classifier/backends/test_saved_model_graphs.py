"""What the check of SavedModels lets through: the list of operations, and what saves and restores variables."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from classifier.backends import saved_model_operations
from classifier.backends.loading import load
from classifier.backends.model_files import ModelFile
from classifier.backends.saved_model_operations import pure_operations, risk
from classifier.errors import TrustError
from tests.support.late import late

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not find_spec("tensorflow"), reason="TensorFlow is not installed")]

tf = late("tensorflow")

# Operations that read or write files, reach other processes or machines, run code, print, wait, or tell time, some of
# them stateless in TensorFlow's registry.
_HARMFUL = """
    Abort BatchFunction CacheDatasetV2 CollectiveReduceV2 ConfigureDistributedTPU Copy CopyHost CreateSummaryDbWriter
    CreateSummaryFileWriter CustomAggregator DTensorRestoreV2 DataServiceDatasetV4 DatasetFromGraph DatasetToTFRecord
    DebugIdentity DebugIdentityV2 DebugIdentityV3 DebugNanCount DebugNumericSummaryV2 DecodeProtoV2 DistributedSave
    DumpTensor EagerPyFunc EncodeProto ExperimentalDatasetToTFRecord FIFOQueueV2 FileSystemSetConfiguration
    FixedLengthRecordDataset GenerateVocabRemapping GeneratorDataset GetSessionTensor ImmutableConst ImportEvent
    InfeedDequeue InitializeTableFromDataset InitializeTableFromTextFile InitializeTableFromTextFileV2
    IteratorGetNext LMDBDataset LMDBReader LoadAndRemapMatrix LoadDataset MapDataset MatchingFiles MatchingFilesDataset
    MergeV2Checkpoints MlirPassthroughOp MutexLock NcclAllReduce OneShotIterator OutfeedEnqueue Print PrintV2 PyFunc
    PyFuncStateless QueueDequeueV2 ReadFile ReaderReadV2 RecordInput Recv RegisterDatasetV2 RemoteCall Restore
    RestoreSlice RestoreV2 RpcCall RpcClient RpcServer Save SaveDataset SaveDatasetV2 SaveSlices SaveV2 Send
    SnapshotDatasetV2 SqlDataset Stage SymbolicGradient TFRecordDatasetV2 TFRecordReaderV2 TPUCompile TPUExecute
    TPUPartitionedCall TextLineDataset TextLineReaderV2 Timestamp WholeFileReaderV2 WriteFile WriteGraphSummary
    WriteImageSummary WriteRawProtoSummary WriteScalarSummary WriteSummary XlaCallModule XlaCustomCall
    XlaCustomCallV2 XlaHostCompute XlaLaunch XlaRecvFromHost XlaSendToHost _HostSend _Recv _Send _XlaRun
"""
HARMFUL = _HARMFUL.split()
PARTS = ("Dataset", "Debug", "File", "Iterator", "PyFunc", "Queue", "Reader", "Rpc", "Collective", "TPU", "Writer")


def registered() -> Any:
    from tensorflow.python.framework import op_def_registry

    return op_def_registry


def test_each_operation_of_the_list_is_one_of_tensorflows() -> None:
    assert len(pure_operations()) > 900
    assert [name for name in pure_operations() if registered().get(name) is None] == []


def test_nothing_harmful_is_on_the_list() -> None:
    assert [name for name in HARMFUL if registered().get(name) is None] == []  # so none is misspelled
    assert not pure_operations() & set(HARMFUL)
    # ShardedFilename and ShardedFilespec only join strings.
    assert [name for name in pure_operations() if any(part in name.replace("ShardedFile", "") for part in PARTS)] == []


def test_the_list_is_sorted_and_names_each_once() -> None:
    text = Path(saved_model_operations.__file__).with_name("pure_operations.txt").read_text("utf-8")
    groups = [block.split("\n", 1)[1].split() for block in text.split("\n\n")[1:]]
    assert all(group == sorted(group) for group in groups)
    assert sum(map(len, groups)) == len(pure_operations())


def content(folder: Path) -> Any:
    from tensorflow.core.protobuf import saved_model_pb2

    return saved_model_pb2.SavedModel.FromString((folder / "saved_model.pb").read_bytes())


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The content of a harmless SavedModel of TensorFlow 2."""
    folder = tmp_path_factory.mktemp("plain")
    module = tf.Module()
    module.kernel = tf.Variable(tf.eye(3))
    signature = [tf.TensorSpec((1, 4, 4, 3), name="image")]
    module.call = tf.function(lambda image: {"scores": tf.reduce_mean(image, [1, 2]) @ module.kernel}, signature)
    tf.saved_model.save(module, str(folder), signatures={"serving_default": module.call})
    return content(folder)


@pytest.fixture
def saved(plain: Any) -> Any:
    """The same, to be changed."""
    return type(plain).FromString(plain.SerializeToString())


def functions(saved: Any) -> dict[str, Any]:
    """Functions by a part of their names."""
    found = {}
    for function in saved.meta_graphs[0].graph_def.library.function:
        for part in ("traced_save", "traced_restore", "signature_wrapper"):
            if part in function.signature.name:
                found[part] = function
    return found


def test_what_saves_and_restores_is_let_through_only_where_the_loader_has_it(saved: Any) -> None:
    named = functions(saved)
    assert {node.op for node in named["traced_save"].node_def} >= {"SaveV2", "MergeV2Checkpoints"}
    assert risk(saved) == ""
    named["signature_wrapper"].node_def.add(name="evil", op="PartitionedCall").attr["f"].func.name = named[
        "traced_save"
    ].signature.name
    assert "traced_save" in risk(saved)
    assert "MergeV2Checkpoints, SaveV2" in risk(saved)


def _as_operation(meta: Any, name: str) -> None:
    meta.graph_def.library.function[0].node_def.add(name="evil", op=name)


def _as_object(meta: Any, name: str) -> None:
    meta.object_graph_def.concrete_functions[name].SetInParent()


def _as_gradient(meta: Any, name: str) -> None:
    meta.graph_def.library.gradient.add(function_name="other", gradient_func=name)


def _as_registered_gradient(meta: Any, name: str) -> None:
    meta.graph_def.library.registered_gradients.add(gradient_func=name, registered_op_type="x")


def _as_backward(meta: Any, name: str) -> None:
    meta.graph_def.library.function[0].attr["backward_function_name"].s = name.encode()


def _in_a_list(meta: Any, name: str) -> None:
    meta.graph_def.library.function[0].node_def.add(name="evil", op="Case").attr["branches"].list.func.add(name=name)


def _in_an_attribute(meta: Any, name: str) -> None:
    attribute = meta.graph_def.library.function[0].node_def.add(name="evil", op="PartitionedCall").attr["f"]
    attribute.func.name = meta.graph_def.library.function[0].signature.name
    attribute.func.attr["g"].func.name = name


def _before_the_signature(meta: Any, name: str) -> None:
    output = meta.signature_def["serving_default"].outputs["scores"].name.partition(":")[0]
    call = next(node for node in meta.graph_def.node if node.attr["f"].func.name == name)
    next(node for node in meta.graph_def.node if node.name == output).input.append(f"^{call.name}")


@pytest.mark.parametrize(
    "change",
    [
        _as_operation,
        _as_object,
        _as_gradient,
        _as_registered_gradient,
        _as_backward,
        _in_a_list,
        _in_an_attribute,
        _before_the_signature,
    ],
)
def test_a_function_that_saves_and_is_used(saved: Any, change: Callable[[Any, str], None]) -> None:
    change(saved.meta_graphs[0], functions(saved)["traced_save"].signature.name)
    assert risk(saved)


def test_other_operations_beside_those_that_save(saved: Any) -> None:
    functions(saved)["traced_save"].node_def.add(name="evil", op="WriteFile")
    assert "traced_save" in risk(saved)


def test_operations_named_in_attributes_or_taken_over_by_functions(saved: Any) -> None:
    library = saved.meta_graphs[0].graph_def.library
    library.function[0].node_def.add(name="evil", op="PartitionedCall").attr["f"].func.name = "WriteFile"
    assert "WriteFile" in risk(saved)
    library.function.add().signature.name = "WriteFile"
    assert "WriteFile" in risk(saved)


def test_each_harmful_operation_is_refused(saved: Any) -> None:
    node = functions(saved)["signature_wrapper"].node_def.add(name="evil")
    for operation in (*HARMFUL, "NoneOfTensorFlows"):
        node.op = operation
        assert operation in risk(saved)
        assert "signature_wrapper" in risk(saved)


def test_another_graph_of_the_file(saved: Any) -> None:
    other = saved.meta_graphs.add()
    other.CopyFrom(saved.meta_graphs[0])
    other.meta_info_def.tags[:] = ["train"]
    other.graph_def.library.function[0].node_def.add(name="evil", op="WriteFile")
    assert "WriteFile" in risk(saved)


def test_code_for_xla(saved: Any) -> None:
    from tensorflow.compiler.mlir.stablehlo import stablehlo

    def module(line: str) -> bytes:
        text = (
            f"func.func @main(%arg0: tensor<1x3xf32>) -> tensor<1x3xf32> {{\n {line}\n return %0 : tensor<1x3xf32> }}"
        )
        return bytes(stablehlo.serialize_portable_artifact_str(text, "1.0.0"))

    node = functions(saved)["signature_wrapper"].node_def.add(name="xla", op="XlaCallModule")
    node.attr["module"].s = module("%0 = stablehlo.add %arg0, %arg0 : tensor<1x3xf32>")
    assert risk(saved) == ""
    call = '%0 = "stablehlo.custom_call"(%arg0) {call_target_name = "system"} : (tensor<1x3xf32>) -> tensor<1x3xf32>'
    node.attr["module"].s = module(call)
    assert "XlaCallModule with calls of native code" in risk(saved)
    node.attr["module"].s = rb'"vhlo.custom\5fcall_v1"() : () -> ()'
    assert "XlaCallModule with calls of native code" in risk(saved)


class Old:
    """A SavedModel as TensorFlow 1 wrote them: a graph that is run in parts."""

    def __init__(self, folder: Path, before: Callable[[], Any] | None = None, *, aside: bool = False) -> None:
        self.folder = folder
        with tf.Graph().as_default(), tf.compat.v1.Session() as session:
            image = tf.compat.v1.placeholder(tf.float32, (None, 4, 4, 3), name="image")
            kernel = tf.compat.v1.get_variable("kernel", initializer=2 * tf.eye(3), use_resource=False)
            done = [before()] if before else []
            with tf.control_dependencies([] if aside else done):
                scores = tf.matmul(tf.reduce_mean(image, [1, 2]), kernel, name="scores")
            session.run(tf.compat.v1.global_variables_initializer())
            tf.compat.v1.train.Saver(name="of_the_training")
            tf.compat.v1.saved_model.simple_save(session, str(folder), {"image": image}, {"scores": scores})

    def change(self, change: Callable[[Any], None]) -> None:
        """Changes the file's graph."""
        saved = content(self.folder)
        change(saved.meta_graphs[0])
        (self.folder / "saved_model.pb").write_bytes(saved.SerializeToString())

    def scores(self, *, trust: bool = False) -> Any:
        result = load(ModelFile.open(self.folder), trust=trust).call(tf.ones((1, 4, 4, 3)))
        return next(iter(result.values())).numpy()


def test_a_harmless_one_of_tensorflow_1(tmp_path: Path) -> None:
    old = Old(tmp_path / "saved")
    assert {"SaveV2", "RestoreV2"} <= {node.op for node in content(old.folder).meta_graphs[0].graph_def.node}
    np.testing.assert_array_equal(old.scores(), [[2, 2, 2]])


def _save(path: Path) -> Any:
    return tf.raw_ops.SaveV2(
        prefix=str(path), tensor_names=["x"], shape_and_slices=[""], tensors=[tf.ones(())], name="evil"
    )


def test_scores_that_depend_on_what_saves(tmp_path: Path) -> None:
    old = Old(tmp_path / "saved", lambda: _save(tmp_path / "trace"))
    with pytest.raises(TrustError, match=r"its graph uses SaveV2.*--trust"):
        old.scores()
    assert not list(tmp_path.glob("trace*"))
    old.scores(trust=True)
    assert list(tmp_path.glob("trace*"))


def _first(meta: Any) -> None:
    meta.collection_def["saved_model_main_op"].node_list.value.append("evil")


def _first_of_old(meta: Any) -> None:
    meta.collection_def["legacy_init_op"].node_list.value.append("evil")


def _first_by_signature(meta: Any) -> None:
    meta.signature_def["__saved_model_init_op"].outputs["__saved_model_init_op"].name = "evil"


def _initialiser(meta: Any) -> None:
    from tensorflow.core.framework import variable_pb2

    variable = variable_pb2.VariableDef.FromString(meta.collection_def["variables"].bytes_list.value[0])
    variable.initializer_name = "evil"
    meta.collection_def["local_variables"].bytes_list.value.append(variable.SerializeToString())


def _restorer(meta: Any) -> None:
    restore = next(node for node in meta.graph_def.node if node.name == meta.saver_def.restore_op_name)
    restore.input.append("^evil")


def _restore_operation(meta: Any) -> None:
    meta.saver_def.restore_op_name = "evil"


@pytest.fixture(scope="module")
def aside(tmp_path_factory: pytest.TempPathFactory) -> Old:
    """One with an operation that saves and that nothing runs, which does no harm."""
    folder = tmp_path_factory.mktemp("aside")
    old = Old(folder / "saved", lambda: _save(folder / "trace"), aside=True)
    old.scores()
    assert not list(folder.glob("trace*"))
    return old


@pytest.mark.parametrize(
    "change", [_first, _first_of_old, _first_by_signature, _initialiser, _restorer, _restore_operation]
)
def test_what_saves_when_a_graph_of_tensorflow_1_is_loaded(change: Callable[[Any], None], aside: Old) -> None:
    place, file = aside.folder.parent, aside.folder / "saved_model.pb"
    for trace in place.glob("trace*"):
        trace.unlink()
    kept = file.read_bytes()
    try:
        aside.change(change)
        with pytest.raises(TrustError, match=r"its graph uses SaveV2.*--trust"):
            aside.scores()
        assert not list(place.glob("trace*"))
        with contextlib.suppress(tf.errors.FailedPreconditionError):  # where the variables are not restored
            aside.scores(trust=True)
        assert list(place.glob("trace*"))  # so each change is a real attack
    finally:
        file.write_bytes(kept)


def test_variables_restored_from_elsewhere(tmp_path: Path) -> None:
    old = Old(tmp_path / "saved", lambda: tf.constant(str(tmp_path / "other"), name="path"), aside=True)

    def elsewhere(meta: Any) -> None:
        for node in meta.graph_def.node:
            if node.op == "RestoreV2":
                node.input[0] = "path"

    old.change(elsewhere)
    with pytest.raises(TrustError, match=r"its graph uses RestoreV2.*--trust"):
        old.scores()
