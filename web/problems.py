"""Errors over HTTP: RFC 9457 problem details, one shape for every error of the API."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from classifier.errors import ClassifierError

MEDIA_TYPE = "application/problem+json"


class Problem(BaseModel):
    """A problem object (RFC 9457)."""

    type: str = Field("about:blank", description="always `about:blank`: the status says the kind")
    title: str = Field(description="the status in words")
    status: int = Field(description="the HTTP status")
    detail: str = Field(description="what is wrong and what to do")
    code: str = Field(description="stable identifier of the error, for programs")


def problem(status: int, detail: str, code: str) -> Problem:
    """A problem object for a status."""
    return Problem(title=HTTPStatus(status).phrase, status=status, detail=detail, code=code)


def from_error(error: ClassifierError) -> Problem:
    """The problem object of one of our errors."""
    return problem(error.status, error.message, error.code)


NOT_FOUND = problem(404, "There is nothing at this path. /api/docs lists the paths of the API.", "not_found")
UNEXPECTED = problem(500, "Something went wrong here. Try again later.", "internal")


def respond(about: Problem, headers: dict[str, str] | None = None) -> JSONResponse:
    """A response that carries a problem object."""
    return JSONResponse(about.model_dump(), about.status, headers, media_type=MEDIA_TYPE)


async def on_classifier_error(_: Request, error: Exception) -> JSONResponse:
    """Answers one of our errors; a 503 says when to come back."""
    assert isinstance(error, ClassifierError)  # noqa: S101
    retry = getattr(error, "retry_after", None)
    return respond(from_error(error), {"Retry-After": str(retry)} if retry else None)


async def on_http_error(_: Request, error: Exception) -> JSONResponse:
    """Answers the framework's own errors: unknown path, wrong method, broken form."""
    assert isinstance(error, HTTPException)  # noqa: S101
    headers = dict(error.headers or {})
    if error.status_code == 404:
        about = NOT_FOUND
    elif error.status_code == 405:
        about = problem(405, f"This path takes {headers.get('Allow', 'other methods')} only.", "method_not_allowed")
    else:
        code = "bad_request" if error.status_code == 400 else "http_error"
        about = problem(error.status_code, str(error.detail), code)
    return respond(about, headers)


async def on_validation_error(_: Request, error: Exception) -> JSONResponse:
    """Answers parameters that do not fit, naming each."""
    assert isinstance(error, RequestValidationError)  # noqa: S101
    parts: list[dict[str, Any]] = list(error.errors())
    detail = "; ".join(f"{part['loc'][-1]}: {part['msg']}" for part in parts)
    return respond(problem(422, f"{detail}.", "bad_parameter"))


async def on_unexpected(_: Request, __: Exception) -> JSONResponse:
    """Answers what nobody thought of; the log has the traceback, the caller does not."""
    return respond(UNEXPECTED)
