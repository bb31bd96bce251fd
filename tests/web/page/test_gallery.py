"""The samples: each is recognised."""

from __future__ import annotations

import json

import pytest

from tests.support.page import answer
from web.page import gallery


@pytest.mark.parametrize("file", list(gallery.samples()))
def test_every_sample_is_recognised_surely(file: str) -> None:
    result = answer(sample=gallery.samples()[file].name)["result"]
    entries = json.loads((gallery.FOLDER / "manifest.json").read_text("utf-8"))
    right = next(entry["imagenet_labels"] for entry in entries if entry["file"] == file)
    assert result["sure"]
    assert result["predictions"][0]["index"] in right
