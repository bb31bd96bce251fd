"""The page while its models change: no result outlives its model."""

from __future__ import annotations

import pytest

from tests.support.page import CAT, page, upload
from web.models import models


def test_a_picture_is_classified_again_once_its_model_has_changed(
    monkeypatch: pytest.MonkeyPatch, calls: list[str]
) -> None:
    test = upload(page(), CAT)
    test.run()
    assert len(calls) == 1
    monkeypatch.setattr(models().library, "changes", models().library.changes + 1)
    test.run()
    test.run()
    assert len(calls) == 2
