"""Reads the pictures out of a request: the `file` parts of its form, or its body as it is."""

from __future__ import annotations

from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException
from starlette.requests import ClientDisconnect, Request

from classifier.errors import TooManyBytesError
from web.errors import (
    BadFormError,
    DisconnectedError,
    IncompleteFormError,
    NoPictureError,
    RequestTooLargeError,
    TextPartError,
)
from web.uploads.multipart import MAX_FILES, Form

__all__ = ["MAX_FILES", "bad_form", "read_pictures"]


async def read_pictures(request: Request, max_bytes: int) -> list[bytes]:
    """The request's pictures, in order.

    Args:
        request: a request whose body was not read yet.
        max_bytes: the most bytes of all pictures together.

    Raises:
        RequestError: the form cannot be read, the connection ended too early, or the pictures are over the limit.
        TooManyBytesError: the only picture is over the limit.
        ParameterError: there is no picture.
    """
    is_form = request.headers.get("content-type", "").partition(";")[0].strip().lower() == "multipart/form-data"
    try:
        if is_form:
            pictures = await _of_form(request)
        else:
            # Not `request.body()`: the request would keep the body until the answer has been sent.
            pictures = [b"".join([chunk async for chunk in request.stream()])]
    except ClientDisconnect:
        raise DisconnectedError from None
    if not any(pictures):
        raise NoPictureError
    if sum(map(len, pictures)) > max_bytes:
        kind = TooManyBytesError if len(pictures) == 1 else RequestTooLargeError
        raise kind(limit=max_bytes)
    return pictures


def bad_form(error: MultiPartException) -> BadFormError:
    """What to answer to a form that cannot be parsed."""
    return BadFormError(reason=error.message.rstrip("."), most=MAX_FILES)


async def _of_form(request: Request) -> list[bytes]:
    parser = Form(request.headers, request.stream())
    try:
        form = await parser.parse()
    except MultiPartException as error:
        raise bad_form(error) from None
    try:
        if not parser.complete:
            raise IncompleteFormError
        return await _files(form)
    finally:
        await form.close()


async def _files(form: FormData) -> list[bytes]:
    pictures = []
    for part in form.getlist("file"):
        if not isinstance(part, UploadFile):
            raise TextPartError(most=MAX_FILES)
        pictures.append(await part.read())
        await part.close()  # else all parts would be in memory twice
    return pictures
