"""Reads the pictures out of a request: the `file` parts of its form, or its body as it is."""

from __future__ import annotations

from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request

from classifier.errors import ParameterError, TooManyBytesError
from classifier.picture.limits import millions

MAX_FILES = 100
"""Per request."""

_HOW = f"Send each picture as a part named `file` that has a file name, {MAX_FILES} at most."


class _Form(MultiPartParser):
    """Starlette's parser takes a form that breaks off for one with fewer parts; this knows whether it ended."""

    complete = False

    def on_end(self) -> None:
        """Called at the last boundary."""
        self.complete = True


async def read_pictures(request: Request, max_bytes: int) -> list[bytes]:
    """The request's pictures, in order.

    Args:
        request: one whose body was not read yet.
        max_bytes: of all pictures together.

    Raises:
        HTTPException: 400, the form cannot be read, or the connection ended too early.
        ParameterError: there is no picture.
        TooManyBytesError: they are over the limit.
    """
    is_form = request.headers.get("content-type", "").partition(";")[0].strip().lower() == "multipart/form-data"
    try:
        if is_form:
            pictures = await _of_form(request)
        else:
            # Not `request.body()`: the request would keep it for as long as the answer takes to be sent.
            pictures = [b"".join([chunk async for chunk in request.stream()])]
    except ClientDisconnect:
        raise HTTPException(400, "The connection ended before the request did.") from None
    if not any(pictures):
        raise ParameterError(
            "No picture was sent. Send a multipart form with a part named `file`, or the picture as the body.",
            name="file",
        )
    if sum(map(len, pictures)) > max_bytes:
        raise TooManyBytesError(
            f"The request is too large: the limit is {millions(max_bytes)} MB in all. Send less.",
            limit=f"{millions(max_bytes)} MB",
        )
    return pictures


async def _of_form(request: Request) -> list[bytes]:
    parser = _Form(request.headers, request.stream(), max_files=MAX_FILES, max_fields=MAX_FILES)
    try:
        form = await parser.parse()
    except (MultiPartException, KeyError, UnicodeDecodeError) as error:
        reason = getattr(error, "message", "it is broken").rstrip(".")
        raise HTTPException(400, f"The form cannot be read: {reason}. {_HOW}") from None
    try:
        if not parser.complete:
            raise HTTPException(400, "The form is incomplete: its last boundary is missing. Send it again, in full.")
        return await _files(form)
    finally:
        await form.close()


async def _files(form: FormData) -> list[bytes]:
    pictures = []
    for part in form.getlist("file"):
        if not isinstance(part, UploadFile):
            raise ParameterError(f"A part named `file` has no file name, and so is text. {_HOW}", name="file")
        pictures.append(await part.read())
        await part.close()  # or all of them would be there twice
    return pictures
