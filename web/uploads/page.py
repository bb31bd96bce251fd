"""A bound on what one visit to the page holds: Streamlit bounds the size of each file, not their number."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.formparsers import MultiPartException
from starlette.types import ASGIApp, Receive, Scope, Send

from web.clients import client_of
from web.errors import TooManyFilesError
from web.problems import respond_to
from web.streamlit_internals.sessions import UPLOAD_PATH, uploads_held
from web.uploads.body import BodyLimit
from web.uploads.budget import FRAMING, Budget, budget, max_bytes
from web.uploads.forms import bad_form
from web.uploads.multipart import boundary_of
from web.uploads.senders import senders

MAX_FILES = 8
"""The most files of one session; the page needs at most three: uploader, camera, and one that replaces either."""

_LARGEST = 2
"""The bytes of a session are bounded to those of two largest files, for uploader and camera: the page frees a file
before it sends the one that replaces it.
"""


@dataclass
class _Visit:
    bytes: Budget
    sending: int = 0


class UploadCap:
    """ASGI middleware that bounds uploads to the page as `BodyLimit` does, and by what their session holds already.

    An upload beyond the bounds of its session is answered with 429.
    """

    def __init__(self, app: ASGIApp) -> None:
        """Args: app: Streamlit's app."""
        self.app = app
        self._visits: dict[str, _Visit] = {}  # by session, those that are sending now

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a request on, or answers why not."""
        _, upload, rest = scope.get("path", "").partition(UPLOAD_PATH)
        if not upload or scope["type"] != "http" or scope["method"] != "PUT":
            await self.app(scope, receive, send)
            return
        try:  # Starlette would look at each byte of a form of another kind
            boundary_of(Headers(scope=scope))
        except MultiPartException as error:
            await respond_to(bad_form(error))(scope, receive, send)
            return
        session = rest.partition("/")[0]
        visit = self._visits.get(session) or _visit(session)
        held = uploads_held(session)
        if len(held) + visit.sending >= MAX_FILES:
            await respond_to(visit.bytes.full())(scope, receive, send)
            return
        self._visits[session] = visit
        visit.sending += 1
        try:
            limited = BodyLimit(self.app, max_bytes, lambda: (visit.bytes, budget()))
            await limited(scope, receive, send)
        finally:
            if uploads_held(session) != held:
                senders().note(session, client_of(scope))
            visit.sending -= 1
            if not visit.sending:
                del self._visits[session]


def _visit(session: str) -> _Visit:
    most = _LARGEST * max_bytes()

    def full() -> TooManyFilesError:
        return TooManyFilesError(files=MAX_FILES, limit=most)

    return _Visit(Budget(most + _LARGEST * FRAMING, full, held=lambda: sum(uploads_held(session))))
