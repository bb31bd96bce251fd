"""Answers a request, whatever carried it: within the limits of the JSON API, and with a turn for each picture."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import Any

import anyio.to_thread
from numpy.typing import NDArray

from classifier import ModelPackage
from classifier.errors import ClassifierError, ProtocolError
from classifier.formatting import millions
from classifier.machine.cancellation import Cancellation
from classifier.protocols.oip import InferRequest, InferResponse
from classifier.result import Inference
from classifier.views import View
from web import metrics
from web.api.turns import threads, turn
from web.loaded import ModelChangedError
from web.models import Take, models
from web.oip.description import FEATURES, VERSION, find_package
from web.oip.inputs import read_inputs, read_view
from web.oip.outputs import Output, Remarks, read_outputs
from web.uploads.budget import Reservation, budget, max_bytes


async def infer(
    name: str, request: InferRequest, *, version: str = "", client: str, cancellation: Cancellation
) -> InferResponse:
    """Answers a request; to be called on the server's event loop.

    Args:
        name: the model's.
        request: the request, whose bytes the caller has reserved in `budget`.
        version: the model's; any if empty.
        client: who asks, see `web.clients`.
        cancellation: is cancelled when nobody waits for the answer any more.

    Raises:
        ProtocolError: the request does not fit the model.
        ClassifierError: as `Models.resolve`, `Classifier.infer` and `WorkQueue.take` do. Of several pictures, that of
            the first one that fails, and its message says which.
    """
    while True:
        with suppress(ModelChangedError):  # one answer is of one version, so it begins again with the new one
            return await _infer(find_package(name, version), request, client, cancellation)


async def _infer(
    package: ModelPackage, request: InferRequest, client: str, cancellation: Cancellation
) -> InferResponse:
    """Answers a request by this version of a model.

    Raises:
        ModelChangedError: another version has taken its place.
        ClassifierError: as `infer` does.
    """
    outputs = read_outputs(request, package)
    view = read_view(request)
    pictures = await anyio.to_thread.run_sync(read_inputs, request, package, max_bytes())
    found: list[list[NDArray[Any]]] = []
    remarks = Remarks(len(pictures))
    with Reservation(budget(), client=client) as room:
        room.complete()  # what is answered does not arrive, and so gives way to nobody
        for number, data in enumerate(pictures, 1):
            try:
                async with turn(models().queue, client, cancellation) as take:
                    work = partial(_run, package, data, outputs, view, take)
                    values, result = await anyio.to_thread.run_sync(work, limiter=threads())
            except ClassifierError as error:
                error.message = remarks.of(number, error.message)
                raise
            found.append(values)
            remarks.add(number, result)
            room.grow(_check_size(found[-1], len(pictures)))
    tensors = [output.tensor(values) for output, values in zip(outputs, zip(*found, strict=True), strict=True)]
    return InferResponse(package.name, tensors, VERSION, request.id, remarks.parameters)


def _check_size(values: list[NDArray[Any]], pictures: int) -> int:
    """The bytes of the answer, if all pictures have outputs like these."""
    size = pictures * sum(sum(map(len, part)) if part.dtype == object else part.nbytes for part in values)
    if size > max_bytes():
        limit = millions(max_bytes())
        raise ProtocolError(f"The answer would have over {limit} MB. Send fewer pictures, or ask for fewer outputs.")
    return size


def _run(
    package: ModelPackage, data: bytes | NDArray[Any], outputs: list[Output], view: View | None, take: Take
) -> tuple[list[NDArray[Any]], Inference]:
    """The outputs of one picture, which is counted, and what they are made of."""
    features = any(output.name == FEATURES for output in outputs)
    try:
        with take() as given:
            result = models().get(package).infer(data, given, features=features, view=view)
    except ClassifierError as error:
        metrics.count_error("api", error)
        raise
    metrics.count("api", result)
    return [output.of(result) for output in outputs], result
