"""Which operations of a SavedModel could do more than compute: read or write files, reach the network, run code.

A SavedModel is a program. Loading it runs its initialisers and its restore operation; asking for scores runs a
signature; TensorFlow folds constants by running their operations before a function runs. So each operation must be one
of those in `pure_operations.txt`, in every graph and every function of the file, whether or not something calls
it. A graph in a string, as of a data set, takes operations to run that are not on the list, so strings are not read.

The operations that save and restore the variables are the exception. TensorFlow writes them into each SavedModel, where
its loader never runs those that save, and runs those that restore with the path of the model's own variables.

The check reads `saved_model.pb`, and TensorFlow then reads it again: who can replace the file in between can also
replace the program, so that is no concern here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from classifier.formatting import printable

_SAVE, _RESTORE = {"MergeV2Checkpoints", "SaveV2"}, "RestoreV2"
_SAVER = {*_SAVE, _RESTORE}
_HLO = "XlaCallModule"
_MLIR, _NATIVE = b"ML\xefR", b"custom_call"
_MOST_NAMED = 6


@dataclass(frozen=True, slots=True)
class Use:
    """An operation that is not pure, and the function that uses it; no function where the graph itself does."""

    operation: str
    function: str = ""


@cache
def pure_operations() -> frozenset[str]:
    """Names of the operations that only compute."""
    lines = Path(__file__).with_name("pure_operations.txt").read_text("utf-8").splitlines()
    return frozenset(name for line in lines if not line.startswith("#") for name in line.split())


def uses(saved: Any) -> list[Use]:
    """The operations of a SavedModel that could do more than compute.

    Args:
        saved: the content of its `saved_model.pb`, a `SavedModel` message.
    """
    found: dict[Use, None] = {}
    for graph in saved.meta_graphs:
        # TensorFlow reads the functions by themselves, and runs nothing of the graph around them, exactly then.
        by_object = len(saved.meta_graphs) == 1 and graph.HasField("object_graph_def")
        found |= dict.fromkeys(_Graph(graph, by_object).impure())
    return list(found)


def risk(saved: Any) -> str:
    """Why it takes trust to load a SavedModel: the operations and where they are; empty if all are pure.

    Args:
        saved: the content of its `saved_model.pb`, a `SavedModel` message.
    """
    found = uses(saved)
    if not found:
        return ""
    first = next((use for use in found if use.function), found[0])
    where = f"its function {printable(first.function)}" if first.function else "its graph"
    mine = sorted({use.operation for use in found if use.function == first.function})
    others = sorted({use.operation for use in found} - set(mine))
    also = f" (and others use {_some(others)})" if others else ""
    return (
        f"{where} uses {_some(mine)}{also}, which could read or write files, reach the network or run code, even while "
        "the model is loaded"
    )


def _some(names: list[str]) -> str:
    shown = [printable(name) for name in names[:_MOST_NAMED]]
    return ", ".join([*shown, *(["..."] if len(names) > _MOST_NAMED else [])])


class _Graph:
    """A graph with its functions, of which a SavedModel usually holds one."""

    def __init__(self, meta: Any, by_object: bool) -> None:
        self._meta = meta
        self._by_object = by_object
        self._nodes = list(meta.graph_def.node)
        self._functions = list(meta.graph_def.library.function)
        self._names = {name for function in self._functions if not _registered(name := function.signature.name)}

    def impure(self) -> Iterator[Use]:
        saver_functions: dict[str, list[str]] = {}
        for function in self._functions:
            name = function.signature.name
            operations = list(self._impure_in(function.node_def))
            if self._by_object and operations and set(operations) <= _SAVER:
                saver_functions[name] = operations
            else:
                yield from (Use(operation, name) for operation in operations)
        for name in saver_functions.keys() & self._in_use():
            yield from (Use(operation, name) for operation in saver_functions[name])
        yield from (Use(operation) for operation in self._impure_in(self._nodes) if operation not in _SAVER)
        savers = {
            node.name: node
            for node in self._nodes
            if node.op in _SAVER or not saver_functions.keys().isdisjoint(_called(node))
        }
        yield from (Use(operation) for operation in self._run(savers))

    def _impure_in(self, nodes: Iterable[Any]) -> Iterator[str]:
        for node in nodes:
            if node.op == _HLO:
                module = node.attr["module"].s
                # In MLIR's binary form a name stands as it is; in text it could be spelled in other ways.
                if not module.startswith(_MLIR) or _NATIVE in module:
                    yield f"{_HLO} with calls of native code"
            elif node.op not in pure_operations() and node.op not in self._names:
                yield node.op
            for name in _functions_in(node.attr):
                if name not in self._names and name not in pure_operations():
                    yield name

    def _in_use(self) -> set[str]:
        """The functions that something names apart from the graph itself, which TensorFlow does not run then."""
        meta = self._meta
        used = set(meta.object_graph_def.concrete_functions)
        for function in self._functions:
            for node in function.node_def:
                used |= _called(node)
            used |= set(_functions_in(function.attr))
            used |= {value.s.decode("utf-8", "replace") for value in function.attr.values()}
        library = meta.graph_def.library
        used |= {name for one in library.gradient for name in (one.function_name, one.gradient_func)}
        return used | {one.gradient_func for one in library.registered_gradients}

    def _run(self, savers: dict[str, Any]) -> set[str]:
        """Operations that save or restore and that something else needs, or that restore other files."""
        consumers, inputs = defaultdict(set), {}
        for node in self._nodes:
            inputs[node.name] = {_node(name) for name in node.input}
            for name in inputs[node.name]:
                consumers[name].add(node.name)
        wanted = _wanted(self._meta)
        run = {node.op for name, node in savers.items() if not _reached(name, consumers).isdisjoint(wanted)}
        if self._by_object:
            return run
        saver = self._meta.saver_def
        path = _node(saver.filename_tensor_name)
        for name in _reached(_node(saver.restore_op_name), inputs) & savers.keys():
            node = savers[name]
            if node.op != _RESTORE or not node.input or _node(node.input[0]) != path:
                run.add(node.op)
        return run


def _registered(name: str) -> bool:
    """Whether a name is that of an operation of TensorFlow's own, which no function can take over."""
    from tensorflow.python.framework import op_def_registry  # private, but tf.raw_ops lacks some operations

    return op_def_registry.get(name) is not None


def _called(node: Any) -> set[str]:
    return {node.op, *_functions_in(node.attr)}


def _functions_in(attributes: Any) -> Iterator[str]:
    """Names of the functions in a node's or a function's attributes, and in theirs."""
    for value in attributes.values():
        kind = value.WhichOneof("value")
        functions = [value.func] if kind == "func" else value.list.func if kind == "list" else ()
        for function in functions:
            yield function.name
            yield from _functions_in(function.attr)


def _reached(start: str, edges: dict[str, set[str]]) -> set[str]:
    reached, todo = {start}, [start]
    while todo:
        new = edges.get(todo.pop(), set()) - reached
        reached |= new
        todo += new
    return reached


def _wanted(meta: Any) -> set[str]:
    """The nodes of a graph that TensorFlow can run, apart from what restores the variables."""
    from google.protobuf.message import DecodeError
    from tensorflow.core.framework import variable_pb2

    names: set[str] = set()
    for signature in meta.signature_def.values():
        for tensor in (*signature.inputs.values(), *signature.outputs.values()):
            names |= set(_tensor_names(tensor))
    for collection in meta.collection_def.values():
        names |= set(collection.node_list.value)
        for data in collection.bytes_list.value:
            try:
                variable = variable_pb2.VariableDef.FromString(data)
            except DecodeError:
                continue  # another kind of message, which names nothing that is run
            names |= {variable.initializer_name, variable.initial_value_name, variable.snapshot_name}
    return {_node(name) for name in names if name}


def _tensor_names(tensor: Any) -> Iterator[str]:
    sparse = tensor.coo_sparse
    yield from (tensor.name, sparse.values_tensor_name, sparse.indices_tensor_name, sparse.dense_shape_tensor_name)
    for component in tensor.composite_tensor.components:
        yield from _tensor_names(component)


def _node(name: str) -> str:
    """The node of a tensor or a control input."""
    return name.removeprefix("^").partition(":")[0]
