"""Models as engines describe them, in all ways that are sound: each gives the scores that it gives here."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from classifier.backends.remote.addresses import Engine as Addresses
from classifier.backends.remote.addresses import parsed
from classifier.backends.remote.backend import RemoteBackend
from classifier.errors import EngineAnswerError
from classifier.package import ModelPackage
from classifier.preprocessing import normalise
from classifier.protocols import oip
from tests.support.engine import Connect, Engine, Handler, close_to
from tests.support.waiting import until

Array = NDArray[Any]
Change = Callable[[Engine], None]


def tensor(datatype: str, *shape: int, name: str = "x") -> dict[str, Any]:
    return {"name": name, "datatype": datatype, "shape": list(shape)}


def model(
    takes: dict[str, Any],
    gives: dict[str, Any],
    before: Callable[[Array], Array] = np.asarray,
    after: Callable[[Array], Array] = np.asarray,
) -> Change:
    """An engine whose model has this input and output; `before` makes a batch of the input, `after` the output."""

    def change(server: Engine) -> None:
        run = server.run
        server.metadata |= {"inputs": [takes], "outputs": [gives]}
        server.output = gives["name"]
        server.run = lambda data: after(run(before(data)))

    return change


def of_size(size: int) -> Callable[[Array], Array]:
    def before(data: Array) -> Array:
        assert len(data) == size
        return data

    return before


IMAGE, SCORES = tensor("FP32", -1, 224, 224, 3), tensor("FP32", -1, 10, name="any name, 名")
SOUND: dict[str, Change] = {
    "any size of all": model(tensor("FP32", -1, -1, -1, -1), tensor("FP32", -1, -1)),
    "channels first, one at a time": model(
        tensor("FP32", 1, 3, 224, 224), tensor("FP32", 1, 10), lambda data: data.transpose(0, 2, 3, 1)
    ),
    "exactly four": model(tensor("FP32", 4, 224, 224, 3), tensor("FP32", 4, 10), of_size(4)),
    "a picture": model(
        tensor("FP32", 224, 224, 3), tensor("FP32", 10), lambda data: data[None], lambda scores: scores[0]
    ),
    "a picture, a batch of scores": model(
        tensor("FP32", 3, 224, 224), tensor("FP32", 1, 10), lambda data: data.transpose(1, 2, 0)[None]
    ),
    "doubles": model(
        tensor("FP64", -1, 224, 224, 3), tensor("FP64", -1, 10), after=lambda scores: scores.astype(np.float64)
    ),
    "more dimensions": model(
        IMAGE, tensor("FP32", -1, 1, 1, 10), after=lambda scores: scores.reshape(len(scores), 1, 1, 10)
    ),
    "names of all kinds": model(IMAGE, SCORES),
}


@pytest.mark.parametrize("case", SOUND)
@pytest.mark.parametrize("binary", [True, False])
def test_the_scores_are_those_of_the_local_backend(
    server: Engine, connect: Connect, pixels: Array, scores: Array, case: str, binary: bool
) -> None:
    server.extensions = ["binary_tensor_data"] if binary else []
    SOUND[case](server)
    backend = connect(server.url)
    for one in backend.run(np.concatenate([normalise(pixels, backend._package.manifest.input)] * 3)).scores:
        close_to(one, scores)


def test_half_precision(server: Engine, connect: Connect, pixels: Array, scores: Array) -> None:
    model(
        tensor("FP16", -1, 224, 224, 3), tensor("FP16", -1, 10), after=lambda scores: scores.astype(np.float16)
    )(server)  # fmt: skip
    np.testing.assert_allclose(connect(server.url).run_one(pixels).scores[0], scores, atol=0.02)
    assert server.inputs == {"x": "FP16"}


def test_an_engine_whose_own_description_cannot_be_had_is_asked_in_json(
    server: Engine, connect: Connect, pixels: Array, scores: Array
) -> None:
    server.fault = lambda handler: handler.path == "/v2" and handler.answer(b"", 307, headers={"Location": "/v2/"})
    close_to(connect(server.url).run_one(pixels).scores[0], scores)
    assert "Inference-Header-Content-Length" not in server.seen


def changed(package: ModelPackage, part: str, **values: object) -> ModelPackage:
    """A package whose model.toml says something else."""
    manifest = package.manifest
    new = manifest.model_copy(update={part: getattr(manifest, part).model_copy(update=values)})
    return dataclasses.replace(package, manifest=new)


def backend_for(package: ModelPackage, server: Engine) -> RemoteBackend:
    return RemoteBackend(package, Addresses((parsed(server.url),), "oip", 5.0))


def test_bytes_go_to_an_input_of_bytes_but_nothing_that_is_no_whole_number(
    server: Engine, package: ModelPackage, pixels: Array
) -> None:
    model(tensor("UINT8", -1, 224, 224, 3), tensor("FP32", -1, 10))(server)
    server.run = lambda data: np.eye(10, dtype=np.float32)[data.reshape(len(data), -1).max(axis=1) % 10]
    backend = backend_for(changed(package, "input", mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0)), server)
    assert backend.run_one(pixels).scores[0].argmax() == pixels.max() % 10
    assert server.inputs == {"x": "UINT8"}
    for values in (np.float32(0.5), np.float32(300), np.float32(-1)):
        with pytest.raises(EngineAnswerError, match="takes whole numbers from 0 to 255"):
            backend.run_one(np.full((224, 224, 3), values))
    backend.close()


def test_of_several_outputs_the_one_is_taken_that_the_package_means(
    server: Engine, package: ModelPackage, pixels: Array
) -> None:
    server.metadata["outputs"] = [tensor("FP32", -1, 10, name=name) for name in ("Logits", "probabilities")]
    for logits, output in ((True, "Logits"), (False, "probabilities")):
        server.output = output
        server.run = lambda data, logits=logits: np.tile(np.arange(10, dtype=np.float32) / (1 if logits else 45), (len(data), 1))  # type: ignore[misc]  # fmt: skip  # noqa: E501
        backend = backend_for(changed(package, "output", logits=logits), server)
        assert backend.run_one(pixels).scores.shape == (1, 10)
        backend.close()


def test_probabilities_are_not_taken_for_logits(server: Engine, package: ModelPackage, pixels: Array) -> None:
    backend = backend_for(changed(package, "output", logits=True), server)
    with pytest.raises(EngineAnswerError, match=r"are probabilities already, .* says logits"):
        backend.run_one(pixels)
    backend.close()


def test_what_is_refused_for_want_of_other_inputs_says_so(server: Engine, connect: Connect, pixels: Array) -> None:
    def fault(handler: Handler) -> bool:
        return handler.command == "POST" and handler.answer({"error": "3 inputs are expected"}, 400)

    server.metadata["inputs"] += [tensor("FP32", -1, 5, name="age"), tensor("BYTES", -1, name="text")]
    server.fault = fault
    with pytest.raises(EngineAnswerError, match=r"besides image .* inputs age, text"):
        connect(server.url).run_one(pixels)


def test_a_signature_of_another_name_is_asked_for_over_rest_too(
    server: Engine, connect: Connect, pixels: Array, scores: Array
) -> None:
    def side(*sizes: int) -> dict[str, Any]:
        return {"dtype": "DT_FLOAT", "tensor_shape": {"dim": [{"size": str(size)} for size in sizes]}}

    classify = {"inputs": {"x": side(-1, 224, 224, 3)}, "outputs": {"y": side(-1, 10)}}
    signatures = {"classify": classify, "__saved_model_init_op": {"inputs": {}, "outputs": {}}}
    server.described = {"metadata": {"signature_def": {"signature_def": signatures}}}
    bodies: list[bytes] = []
    server.fault = lambda handler: handler.command == "POST" and bool(bodies.append(handler.body))  # type: ignore[func-returns-value]
    backend = connect(server.url, protocol="tfs")
    close_to(backend.run_one(pixels).scores[0], scores)
    assert bodies[0].startswith(b'{"signature_name":"classify"')


def test_an_engine_that_is_replaced_by_one_of_another_shape_is_asked_as_that_one_is(
    server: Engine, connect: Connect, pixels: Array, scores: Array
) -> None:
    backend = connect(server.url)
    backend.run_one(pixels)
    model(tensor("FP32", -1, 3, 224, 224), tensor("FP32", -1, 10), lambda data: data.transpose(0, 2, 3, 1))(server)

    def only_channels_first(handler: Handler) -> bool:
        if handler.command != "POST":
            return False
        shape = oip.decode_request(handler.body, int(handler.headers[oip.HEADER_LENGTH])).inputs[0].shape
        return shape[1] != 3 and handler.answer({"error": "unexpected shape"}, 400)

    server.fault = only_channels_first
    until(lambda: _works(backend, pixels))
    close_to(backend.run_one(pixels).scores[0], scores)


def _works(backend: RemoteBackend, pixels: Array) -> bool:
    try:
        backend.run_one(pixels)
    except EngineAnswerError:
        return False
    return True
