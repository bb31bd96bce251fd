"""What the tests of the page share."""

from __future__ import annotations

from typing import Any

import pytest

from classifier import Classification
from web.models import Models


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The models asked, one entry for each time that a picture is really classified."""
    made: list[str] = []
    classify = Models.classify

    def counted(self: Models, data: bytes, **values: Any) -> Classification:
        made.append(values["model"])
        return classify(self, data, **values)

    monkeypatch.setattr(Models, "classify", counted)
    return made
