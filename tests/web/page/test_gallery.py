"""The samples: each is recognised and credited."""

from __future__ import annotations

import json

import pytest

from tests.support.page import bars, page, words
from web.models import models
from web.page import gallery


@pytest.mark.parametrize("file", list(gallery.samples()))
def test_every_sample_is_recognised_surely_and_credited(file: str) -> None:
    sample = gallery.samples()[file]
    test = page()
    test.button(key=sample.key).click().run()
    assert not test.error
    assert not test.warning
    labels = models().packages[models().default].labels["en"]
    entries = json.loads((gallery.FOLDER / "manifest.json").read_text("utf-8"))
    right = next(entry["imagenet_labels"] for entry in entries if entry["file"] == file)
    assert bars(test)[0][0] in {labels[index] for index in right}
    assert f"Photo: {sample.author}, {sample.licence}" in words(test)
