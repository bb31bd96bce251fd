"""Engines that answer wrongly, late, or not at all: each is one sentence, soon enough, and never a wrong score."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from classifier.errors import ClassifierError, EngineAnswerError, EngineUnavailableError
from classifier.protocols import oip
from tests.support.engine import Connect, Engine, Handler, close_to

_Deed = Callable[[Handler], object]


def scores(values: Any, dtype: Any = np.float32, name: str = "output", *, binary: bool = True) -> _Deed:
    """Answers with scores of any kind."""

    def deed(handler: Handler) -> None:
        response = oip.InferResponse("cifar10", [oip.Tensor(name, np.array(values, dtype))])
        body, length = oip.encode_response(response, [name] if binary else ())
        handler.answer(body, headers={oip.HEADER_LENGTH: str(length)} if length else {})

    return deed


def raw(*parts: bytes, pause: float = 0.0) -> _Deed:
    """Answers with bytes, slowly if need be, and closes the connection."""

    def deed(handler: Handler) -> None:
        handler.close_connection = True
        for part in parts:
            handler.wfile.write(part)
            time.sleep(pause)

    return deed


def answer(
    body: bytes, status: int = 200, kind: str = "application/json", headers: dict[str, str] | None = None
) -> _Deed:
    return lambda handler: handler.answer(body, status, kind, headers)


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
EVEN = [[0.1] * 10]
WRONG = {
    "too few classes": (scores([[0.1] * 9]), r"its scores have the shape \(1, 9\) instead of \(1, 10\)"),
    "too many pictures": (scores(EVEN * 2), r"the shape \(2, 10\)"),
    "a number alone": (scores(1.0), "the shape"),
    "whole numbers": (scores(EVEN, np.int64), "of the type int64"),
    "texts": (scores([[b"x"] * 10], object), "of the type object"),
    "another name": (scores(EVEN, name="other"), "lacks the output output"),
    "NaN": (scores([[np.nan] * 10]), "have NaN or infinity"),
    "infinity": (scores([[np.inf] * 10]), "have NaN or infinity"),
    "too large for float32": (scores([[1e300] * 10], np.float64), "have NaN or infinity"),
    "NaN in JSON": (
        answer(b'{"outputs":[{"name":"output","shape":[1,1],"datatype":"FP32","data":[NaN]}]}'),
        "does not follow the protocol",
    ),
    "logits": (scores([[-3.0, 7.0] * 5]), "not probabilities"),
    "empty": (answer(b""), "does not follow the protocol"),
    "an empty object": (answer(b"{}"), "lacks the output"),
    "an error that says success": (answer(b'{"error":"out of memory"}'), "an error, though with HTTP 200"),
    "a list": (answer(b"[]"), "does not follow the protocol"),
    "deep": (answer(b"[" * 100_000), "does not follow the protocol"),
    "not UTF-8": (answer(b"\xff\xfe"), "does not follow the protocol"),
    "a web page": (answer(b"<!doctype html><title>Sign in</title>", kind="text/html"), "a web page"),
    "a wrong length of the JSON": (answer(b"{}", headers={oip.HEADER_LENGTH: "-1"}), "where its JSON ends"),
    "a long length of the JSON": (answer(b"{}", headers={oip.HEADER_LENGTH: "9" * 5000}), "where its JSON ends"),
    "a redirect": (answer(b"", 302, headers={"Location": "http://127.0.0.1:1/"}), "another address"),
    "compressed": (answer(b"x", headers={"Content-Encoding": "gzip"}), "compressed"),
    "400": (answer(b'{"error":"no"}', 400), "HTTP 400"),
    "401": (answer(b"", 401), "a token"),
    "404": (answer(b"", 404), "no such model"),
    "500": (answer(b'{"error":"Traceback (most recent call last)"}', 500), r"HTTP 500\."),
    "not HTTP": (raw(b"\x00\x01SSH-2.0-OpenSSH\r\n\r\n"), "is not HTTP"),
    "huge": (raw(HEAD + b"Content-Length: 90000000\r\n\r\n", *[bytes(1 << 20)] * 8), "more than 5 MB"),
    "long headers": (raw(b"HTTP/1.1 200 OK\r\n", b"X: " + b"a" * 100_000), "is not HTTP"),
}
ABSENT = {
    "truncated": (raw(HEAD + b"Content-Length: 100\r\n\r\n{"), "ends before it is complete"),
    "truncated chunks": (raw(HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\n{"), "ends before it is complete"),
    "closed": (raw(), "closed the connection"),
    "502": (answer(b"<html>", 502, "text/html"), "HTTP 502"),
    "503": (answer(b"", 503), "HTTP 503"),
    "429": (answer(b"", 429), "HTTP 429"),
}
SLOW = {
    "nothing": raw(b"", pause=3),
    "a body that trickles": raw(HEAD + b"Content-Length: 100\r\n\r\n", *[b"{"] * 30, pause=0.1),
    "headers that trickle": raw(*[b"H", b"T", b"T"] * 10, pause=0.1),
    "interim answers without end": raw(*[b"HTTP/1.1 100 Continue\r\n\r\n"] * 30, pause=0.1),
}


def inference(deed: _Deed) -> Callable[[Handler], bool]:
    """Answers only inference so."""

    def fault(handler: Handler) -> bool:
        if handler.command != "POST":
            return False
        deed(handler)
        return True

    return fault


def sentence(error: ClassifierError) -> str:
    assert "\n" not in error.message
    assert "Traceback" not in error.message
    assert "127.0.0.1" not in error.message
    return error.message


@pytest.mark.parametrize("fault", WRONG)
def test_a_wrong_answer_is_a_sentence_and_is_not_asked_for_again(
    server: Engine, connect: Connect, pixels: NDArray[Any], fault: str
) -> None:
    deed, said = WRONG[fault]
    backend = connect(server.url)
    server.fault = inference(deed)
    with pytest.raises(EngineAnswerError, match=said) as raised:
        backend.run_one(pixels)
    assert sentence(raised.value)
    assert raised.value.status == 502
    assert server.paths["/v2/models/cifar10/infer"] == 1


@pytest.mark.parametrize("fault", ABSENT)
def test_an_answer_that_does_not_come_whole_is_unavailability(
    server: Engine, connect: Connect, pixels: NDArray[Any], fault: str
) -> None:
    deed, said = ABSENT[fault]
    backend = connect(server.url)
    server.fault = inference(deed)
    with pytest.raises(EngineUnavailableError, match=said) as raised:
        backend.run_one(pixels)
    assert sentence(raised.value)
    assert (server.paths["/v2/models/cifar10/infer"] > 1) == (fault != "429")


@pytest.mark.parametrize("fault", SLOW)
def test_the_deadline_holds_for_the_whole_answer(
    server: Engine, connect: Connect, pixels: NDArray[Any], fault: str
) -> None:
    backend = connect(server.url, timeout=0.5)
    server.fault = inference(SLOW[fault])
    start = time.monotonic()
    with pytest.raises(EngineUnavailableError, match="did not answer in time"):
        backend.run_one(pixels)
    assert 0.4 < time.monotonic() - start < 1.5


@pytest.mark.parametrize("status", [200, 400, 500])
def test_a_picture_that_an_engine_fails_at_is_not_in_the_way_of_others(
    server: Engine, connect: Connect, pixels: NDArray[Any], scores: NDArray[Any], status: int
) -> None:
    run = server.run

    def odd(handler: Handler) -> bool:
        return status != 200 and handler.command == "POST" and _black(handler) and handler.answer(b"", status)

    def some(batch: NDArray[Any]) -> NDArray[Any]:
        found = run(batch).copy()
        found[~np.any(batch, axis=(1, 2, 3))] = np.nan
        return found

    server.run = some
    server.fault = odd
    server.seconds = 0.1
    backend = connect(server.url, timeout=20)

    def ask(number: int) -> object:
        try:
            return backend.run_one(np.zeros_like(pixels) if number == 9 else pixels).scores[0]
        except EngineAnswerError as error:
            return error

    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(ask, range(16)))
    assert isinstance(found.pop(9), EngineAnswerError)
    for one in found:
        close_to(one, scores)


def _black(handler: Handler) -> bool:
    length = int(handler.headers[oip.HEADER_LENGTH])
    return not oip.decode_request(handler.body, length).inputs[0].data.any(axis=(1, 2, 3)).all()


def test_one_failure_is_tried_again(
    server: Engine, connect: Connect, pixels: NDArray[Any], scores: NDArray[Any]
) -> None:
    backend = connect(server.url)
    failures = iter([raw(), answer(b"", 503)])

    def fault(handler: Handler) -> bool:
        deed = next(failures, None) if handler.command == "POST" else None
        if deed:
            deed(handler)
        return deed is not None

    server.fault = fault
    close_to(backend.run_one(pixels).scores[0], scores)


def _described(**changes: Any) -> Callable[[Engine], None]:
    def change(server: Engine) -> None:
        server.metadata |= changes

    return change


def _missing(server: Engine) -> None:
    server.fault = lambda handler: handler.answer({"error": "unknown"}, 404)


def _page(server: Engine) -> None:
    server.fault = lambda handler: handler.answer(b"<html>hello</html>", 200, "text/html")


def _tensor(datatype: str, *shape: int, name: str = "x") -> list[dict[str, Any]]:
    return [{"name": name, "datatype": datatype, "shape": list(shape)}]


UNFIT = {
    "another size": (
        _described(inputs=_tensor("FP32", -1, 32, 32, 3)),
        r"takes x FP32 \(-1, 32, 32, 3\), but input.size",
    ),
    "a batch of a thousand": (_described(inputs=_tensor("FP32", 1000, 224, 224, 3)), "input.size"),
    "nothing but a batch": (_described(inputs=_tensor("FP32", -1)), "input.size"),
    "no shape": (_described(inputs=_tensor("FP32")), "input.size"),
    "quantised values": (_described(inputs=_tensor("INT8", -1, 224, 224, 3)), r"takes x INT8 .* sent as FP16, FP32"),
    "short numbers": (_described(outputs=_tensor("BF16", -1, 10)), r"gives x BF16 \(-1, 10\), .* read as FP16, FP32"),
    "quantised scores": (_described(outputs=_tensor("UINT8", -1, 10)), "gives x UINT8"),
    "8-bit values": (_described(inputs=_tensor("UINT8", -1, 224, 224, 3)), "input.mean and input.std"),
    "texts": (_described(inputs=_tensor("BYTES", -1, 224, 224, 3)), "takes x BYTES"),
    "other classes": (_described(outputs=_tensor("FP32", -1, 1000)), "output.classes .* expects 10 scores"),
    "two scores": (
        _described(outputs=_tensor("FP32", -1, 10) + _tensor("FP32", -1, 10, name="y")),
        "several of its outputs could be the scores: x, y",
    ),
    "no model": (_missing, "no such model"),
    "a web page": (_page, "instead of JSON"),
    "shapes that are texts": (_described(inputs=[{"name": "x", "shape": "?"}]), "does not follow the protocol"),
}


@pytest.mark.parametrize("case", UNFIT)
def test_a_model_that_does_not_fit_is_refused_before_a_picture_is_sent(
    server: Engine, connect: Connect, pixels: NDArray[Any], case: str
) -> None:
    change, said = UNFIT[case]
    change(server)
    backend = connect(server.url)
    with pytest.raises(EngineAnswerError, match=said) as raised:
        backend.run_one(pixels)
    assert sentence(raised.value)
    assert isinstance(backend.problem, EngineAnswerError)
    assert not server.batches


def test_engines_that_describe_nothing_are_asked_all_the_same(
    server: Engine, connect: Connect, pixels: NDArray[Any], scores: NDArray[Any]
) -> None:
    server.metadata |= {"inputs": [], "outputs": []}
    close_to(connect(server.url).run_one(pixels).scores[0], scores)
