"""What may be asked for beside a picture: in the query, in the fields of a form, or in JSON, all three alike."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import AfterValidator, BaseModel, Field, ValidationError
from pydantic_core import PydanticCustomError
from starlette.datastructures import QueryParams

from classifier.asked import MOST_EXPLAINED, TOP, Explain
from classifier.errors import ParameterError
from classifier.formatting import quoted
from classifier.views import View
from web.errors import UnknownParameterError
from web.uploads.forms import FILE, Sent
from web.uploads.json_reader import IMAGE

MAX_TOP_K = 1000

_MOST_DIGITS = 9  # of an index: no model has so many classes

_FOREIGN = ("_", "utm_", "x-amz-", "x-goog-")
"""Beginnings of names that are not the caller's own, but added by browsers, web frameworks, proxies or mailings."""

_FOREIGN_NAMES = frozenset(
    {
        *("fbclid", "gclid", "msclkid"),  # of links that were followed
        # Of forms in web pages: their button, and what frameworks put beside the fields.
        *("authenticity_token", "csrf_token", "csrfmiddlewaretoken", "max_file_size", "submit", "utf8"),
        # For a gateway in front of the server.
        *("access_token", "api-key", "api-version", "api_key", "apikey", "auth", "key", "password", "sig"),
        *("signature", "subscription-key", "token"),
    }
)


def _explained(text: str | None) -> str | None:
    """Checks the form of `explain`, which a model's classes are compared to later."""
    if text is None or text == TOP:
        return text
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isascii() and part.isdecimal() and len(part) <= _MOST_DIGITS for part in parts):
        raise PydanticCustomError("explain", f"Give the index of a class, several with commas between them, or {TOP}")
    if len(parts) > MOST_EXPLAINED:
        raise PydanticCustomError("explain", f"No more than {MOST_EXPLAINED} classes are explained at a time")
    return text


class Parameters(BaseModel):
    """All parameters. A field that is added here is known everywhere."""

    top_k: Annotated[int | None, Field(ge=1, le=MAX_TOP_K, description="predictions per picture")] = None
    model: Annotated[str | None, Field(description="a model's name; the default if absent")] = None
    lang: Annotated[str | None, Field(description="language of the labels; English if absent")] = None
    view: Annotated[
        View | None,
        Field(
            description="what the model sees: the centre `crop`, the `whole` picture on grey, or `both`, whose scores "
            "are averaged; if absent what the server's owner chose, `crop` unless they did"
        ),
    ] = None
    explain: Annotated[
        str | None,
        AfterValidator(_explained),
        Field(
            description="classes to draw heat maps of: the index of one, such as `388`, several with commas between "
            f"them, or `{TOP}` for the predictions; {MOST_EXPLAINED} at most"
        ),
    ] = None

    @property
    def classes(self) -> Explain | None:
        """The classes that `explain` names."""
        if self.explain is None or self.explain == TOP:
            return TOP if self.explain else None
        return [int(part) for part in self.explain.split(",")]


async def check_query(request: Request) -> None:  # not a plain function, for which FastAPI would start a thread
    """Refuses a query with a parameter that there is not; a dependency, so that the body need not be read.

    Raises:
        UnknownParameterError: names it, and those there are.
    """
    _check(request.query_params, ())


def with_fields(asked: Parameters, query: QueryParams, sent: Sent) -> Parameters:
    """The parameters of query and body together.

    Args:
        asked: those of the query.
        query: the query itself.
        sent: what the body holds.

    Raises:
        UnknownParameterError: the body has one that there is not.
        RequestValidationError: one has a wrong value.
        ParameterError: query and body differ.
    """
    _check(sent.names, (f"{FILE} ({IMAGE} in JSON)",))
    fields = {name: value for name, value in sent.fields.items() if name in Parameters.model_fields}
    try:
        found = Parameters.model_validate(fields)
    except ValidationError as error:
        raise RequestValidationError(error.errors()) from None
    for name in fields:
        if query.get(name) and getattr(asked, name) != getattr(found, name):
            raise ParameterError(f"{name}: the query and the body have different values. Send it once.", name=name)
    return asked.model_copy(update={name: getattr(found, name) for name in fields})


def _check(names: Iterable[str], pictures: tuple[str, ...]) -> None:
    unknown = [name for name in names if name not in Parameters.model_fields and not _is_foreign(name)]
    if unknown:
        raise UnknownParameterError(names=quoted(unknown), known=", ".join((*pictures, *Parameters.model_fields)))


def _is_foreign(name: str) -> bool:
    """Whether a name is ignored; the empty one is what remains of a stray `&=`."""
    lower = name.lower()
    return not name or lower.startswith(_FOREIGN) or lower in _FOREIGN_NAMES
