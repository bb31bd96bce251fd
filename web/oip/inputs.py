"""From the tensors of a request to what a model is run on: a file, pixels or values for each picture."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from classifier import ModelPackage
from classifier.errors import ProtocolError, TooManyBytesError
from classifier.formatting import listed
from classifier.protocols.oip import BYTES, InferRequest, Tensor, decode_base64, shown
from classifier.views import VIEWS, View
from web.errors import RequestTooLargeError
from web.oip import description
from web.uploads.multipart import MAX_FILES

MAX_PICTURES = MAX_FILES
"""The most pictures of one request."""

_BEGINNING = 64  # bytes, in which every file of a picture has some that are not text


def read_inputs(request: InferRequest, package: ModelPackage, max_bytes: int) -> list[bytes | NDArray[Any]]:
    """One element for each picture, in order: for `Classifier.infer`.

    Args:
        request: the request.
        package: the model's.
        max_bytes: the most bytes of all files together.

    Raises:
        ProtocolError: the tensors are not one of the model's inputs, or there are too many pictures.
        TooManyBytesError, RequestTooLargeError: the files are over the limit.
    """
    tensor = _check(request, package)
    if tensor.datatype != BYTES:
        if tensor.datatype == "FP32" and not np.isfinite(tensor.data).all():
            raise ProtocolError(f"The tensor {tensor.name!r} has NaN or infinity. Send finite values only.")
        return list(tensor.data)
    files = [_file(element) for element in tensor.elements]
    if sum(map(len, files)) > max_bytes:
        kind = TooManyBytesError if len(files) == 1 else RequestTooLargeError
        raise kind(limit=max_bytes)
    return list(files)


def read_view(request: InferRequest) -> View | None:
    """What the model is to see of each picture, by the request's parameter `view`; None if it has none.

    Raises:
        ProtocolError: there is no such view, or what is sent is no picture but a model's input.
    """
    asked = request.parameters.get("view")
    if asked is None:
        return None
    view = next((one for one in VIEWS if one == asked), None)
    if view is None:
        raise ProtocolError(f"The parameter 'view' must be {listed(map(repr, VIEWS))}.")
    if any(tensor.name != description.PICTURE for tensor in request.inputs):
        raise ProtocolError(f"The parameter 'view' goes with the input {description.PICTURE!r} only. Leave it out.")
    return view


def _check(request: InferRequest, package: ModelPackage) -> Tensor:
    known = {about.name: about for about in description.inputs(package)}
    if len(request.inputs) != 1:
        raise ProtocolError(f"The request has {len(request.inputs)} inputs. Send one of the model's: {listed(known)}.")
    (tensor,) = request.inputs
    if tensor.name not in known:
        raise ProtocolError(f"The model has no input {shown(tensor.name)}. Send one of its own: {listed(known)}.")
    about = known[tensor.name]
    if tensor.datatype != about.datatype:
        raise ProtocolError(
            f"The tensor {tensor.name!r} must be of the datatype {about.datatype}, not {tensor.datatype}."
        )
    count, *rest = tensor.shape or (0,)
    if about.datatype == BYTES and set(rest) == {1}:
        rest = []  # Triton's batches and MLServer's codecs have a row of one element for each picture
    if not tensor.shape or tuple(rest) != about.shape[1:]:
        raise ProtocolError(
            f"The tensor {tensor.name!r} has the shape {list(tensor.shape)}. This model takes "
            f"{list(about.shape)}, -1 being the number of pictures."
        )
    if not 1 <= count <= MAX_PICTURES:
        raise ProtocolError(f"The tensor {tensor.name!r} has {count} pictures. Send 1 to {MAX_PICTURES} at a time.")
    return tensor


def _file(element: bytes) -> bytes:
    """An element of BYTES as a file: as it is, or decoded if it is text in base64, which no picture is."""
    beginning = element[:_BEGINNING]
    if not beginning.isascii() or b"\0" in beginning:
        return element
    prefix = element.find(b",") + 1 if element.startswith(b"data:") else 0  # of an address as in web pages
    try:
        return decode_base64(element[prefix:])
    except ValueError:
        pass
    raise ProtocolError("An element of the tensor 'picture' is text. Send pictures as they are, or in JSON as base64.")
