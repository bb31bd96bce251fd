"""Reads what a request asks: the pictures in the `file` parts of its form, or its body as it is, and the fields."""

from __future__ import annotations

from dataclasses import dataclass, field

from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException
from starlette.requests import ClientDisconnect, Request

from classifier.errors import ParameterError, TooManyBytesError
from classifier.formatting import cut, quoted
from web.errors import (
    BadFormError,
    DisconnectedError,
    IncompleteFormError,
    NoPictureError,
    RequestTooLargeError,
    TextPartError,
    WrongBodyError,
)
from web.uploads.compressed import coding_of
from web.uploads.multipart import MAX_FILES, Form
from web.uploads.wrong_bodies import wrong, wrong_file

__all__ = ["FILE", "MAX_FILES", "Sent", "bad_form", "read_request"]

FILE = "file"
"""The name of the parts that are pictures."""


@dataclass(frozen=True, slots=True)
class Sent:
    """What a request has in its body.

    Attributes:
        pictures: in order; an empty one among several is an empty file.
        names: of all texts that came beside them in a form.
        fields: the texts that came beside them in a form, by name; of several the last. Empty ones are left out, since
            browsers send every field.
    """

    pictures: list[bytes]
    names: list[str] = field(default_factory=list)
    fields: dict[str, str] = field(default_factory=dict)


async def read_request(request: Request, max_bytes: int) -> Sent:
    """The request's pictures, and what came with them.

    Args:
        request: a request whose body was not read yet.
        max_bytes: the most bytes of all pictures together.

    Raises:
        RequestError: the form cannot be read, the connection ended too early, or the pictures are over the limit.
        TooManyBytesError: the only picture is over the limit.
        ParameterError: there is no picture, or it came in another way.
    """
    coding = coding_of(request.scope)
    if coding != "identity":
        raise WrongBodyError(came=f"compressed (Content-Encoding: {cut(coding)})")
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    try:
        if kind == "multipart/form-data":
            sent = await _of_form(request)
        else:
            # Not `request.body()`: the request would keep the body until the answer has been sent.
            sent = Sent([b"".join([chunk async for chunk in request.stream()])])
            if came := wrong(sent.pictures[0], cut(kind)):
                raise WrongBodyError(came=came)
    except ClientDisconnect:
        raise DisconnectedError from None
    if sent.pictures == [b""]:
        raise NoPictureError(came="the only file is empty" if kind == "multipart/form-data" else "the body is empty")
    if sum(map(len, sent.pictures)) > max_bytes:
        error = TooManyBytesError if len(sent.pictures) == 1 else RequestTooLargeError
        raise error(limit=max_bytes)
    return sent


def bad_form(error: MultiPartException) -> BadFormError:
    """What to answer to a form that cannot be parsed."""
    return BadFormError(reason=error.message.rstrip("."), most=MAX_FILES)


async def _of_form(request: Request) -> Sent:
    parser = Form(request.headers, request.stream(), extended_names=True)
    try:
        form = await parser.parse()
    except MultiPartException as error:
        raise bad_form(error) from None
    try:
        if not parser.complete:
            raise IncompleteFormError
        return await _sent(form)
    finally:
        await form.close()


async def _sent(form: FormData) -> Sent:
    parts = form.multi_items()
    others = [(name, part) for name, part in parts if name != FILE]
    texts = [(name, part) for name, part in others if isinstance(part, str)]
    sent = Sent([], [name for name, _ in texts], {name: text for name, text in texts if text})
    kinds: list[str] = []
    for part in form.getlist(FILE):
        if not isinstance(part, UploadFile):
            raise TextPartError(most=MAX_FILES)
        # A browser sends a part without name and content for a field in which no file was chosen.
        if part.filename or part.size:
            sent.pictures.append(await part.read())
            kinds.append(part.content_type or "")
            await part.close()  # else all parts would be in memory twice
    files = quoted(name for name, part in others if isinstance(part, UploadFile))
    if sent.pictures and files:
        raise ParameterError(f"{files}: a form's file is read only if it is named `{FILE}`. Name it so.", name=files)
    if len(sent.pictures) == 1 and (came := wrong_file(sent.pictures[0], cut(kinds[0]))):
        raise WrongBodyError(came=f"sent with a file that is {came}")
    if not sent.pictures:
        there = f"a file named {files}" if files else f"no `{FILE}`"
        raise NoPictureError(
            came=f"the form has {there}" + (f", but {quoted(sent.names)}" if sent.names and not files else "")
        )
    return sent
