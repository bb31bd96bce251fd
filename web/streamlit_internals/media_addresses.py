"""Makes the addresses under `/media/` unguessable, so that nobody can tell whether a picture is being looked at.

Streamlit names a file by a hash of its content: whoever has the same picture could ask for it. Here the name depends on
the visit, too, and on a secret of this process. A file keeps its name through all runs of one visit.
"""

from __future__ import annotations

import hmac
import secrets

from streamlit.runtime import memory_media_file_storage
from streamlit.runtime.scriptrunner import get_script_run_ctx

_SECRET = secrets.token_bytes(32)
_content_hash = memory_media_file_storage._calculate_file_id


def hide() -> None:
    """Names all files from now on by content, visit and secret."""
    memory_media_file_storage._calculate_file_id = _name


def _name(data: bytes, mimetype: str, filename: str | None = None) -> str:
    context = get_script_run_ctx(suppress_warning=True)
    visit = context.session_id if context else ""
    return hmac.digest(_SECRET, f"{visit}:{_content_hash(data, mimetype, filename)}".encode(), "sha256").hex()
