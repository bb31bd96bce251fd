"""Errors over HTTP: RFC 9457 problem details, one shape for every error of the API.

The page's middleware needs this module from the first request on, so it imports neither FastAPI nor pydantic.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, ClassVar, cast

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse

from classifier.errors import ClassifierError
from web.base_path import BASE

if TYPE_CHECKING:
    from fastapi.exceptions import RequestValidationError

MEDIA_TYPE = "application/problem+json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A problem object (RFC 9457)."""

    # For pydantic: the docstring below a field is its description in the API's schema.
    __pydantic_config__: ClassVar[dict[str, bool]] = {"use_attribute_docstrings": True}

    type: str = "about:blank"
    """always `about:blank`: the status says the kind"""
    title: str
    """the status in words"""
    status: int
    """the HTTP status"""
    detail: str
    """what is wrong and what to do"""
    code: str
    """stable identifier of the error, for programs"""


def problem(status: int, detail: str, code: str) -> Problem:
    """A problem object for a status."""
    return Problem(title=HTTPStatus(status).phrase, status=status, detail=detail, code=code)


def from_error(error: ClassifierError) -> Problem:
    """The problem object of one of our errors."""
    return problem(error.status, error.message, error.code)


NOT_FOUND = problem(404, f"There is nothing at this path. {BASE}/api/docs lists the paths of the API.", "not_found")
UNEXPECTED = problem(500, "Something went wrong here. Try again later.", "internal")


def respond(about: Problem, headers: dict[str, str] | None = None) -> JSONResponse:
    """A response that carries a problem object."""
    return JSONResponse(asdict(about), about.status, headers, media_type=MEDIA_TYPE)


def as_bytes(about: Problem, retry_after: int | None = None) -> bytes:
    """The whole answer that carries a problem object, for connections on which there is no request to respond to."""
    body = json.dumps(asdict(about)).encode()
    retry = f"Retry-After: {retry_after}\r\n" if retry_after else ""
    head = (
        f"HTTP/1.1 {about.status} {about.title}\r\nContent-Type: {MEDIA_TYPE}\r\nContent-Length: {len(body)}\r\n"
        f"{retry}X-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body


def respond_to(error: ClassifierError, headers: dict[str, str] | None = None) -> JSONResponse:
    """The answer to one of our errors, with Retry-After if trying again may help."""
    retry = {"Retry-After": str(error.retry_after)} if error.retry_after else {}
    return respond(from_error(error), {**retry, **(headers or {})})


async def on_classifier_error(_: Request, error: Exception) -> JSONResponse:
    """Answers one of our errors."""
    assert isinstance(error, ClassifierError)  # noqa: S101
    return respond_to(error)


async def on_http_error(_: Request, error: Exception) -> JSONResponse:
    """Answers the framework's own errors: unknown path, wrong method."""
    assert isinstance(error, HTTPException)  # noqa: S101
    headers = dict(error.headers or {})
    if error.status_code == 404:
        about = NOT_FOUND
    elif error.status_code == 405:
        about = problem(405, f"This path takes {headers.get('Allow', 'other methods')} only.", "method_not_allowed")
    else:
        about = problem(error.status_code, str(error.detail), "http_error")
    return respond(about, headers)


async def on_validation_error(_: Request, error: Exception) -> JSONResponse:
    """Answers parameters that do not fit, naming each."""
    parts: list[dict[str, Any]] = list(cast("RequestValidationError", error).errors())
    detail = "; ".join(f"{part['loc'][-1]}: {part['msg']}" for part in parts)
    return respond(problem(422, f"{detail}.", "bad_parameter"))


async def on_unexpected(_: Request, __: Exception) -> JSONResponse:
    """Answers unexpected errors; the traceback goes to the log, not to the caller."""
    return respond(UNEXPECTED)
