"""Parts of the page, by themselves."""

from __future__ import annotations

import pytest

from classifier import Classifier, Settings
from classifier.backends import names
from tests.support.dummy_backend import DUMMY
from tests.support.photos import ROOT, photo
from web.models import models
from web.page import components, text


def test_the_page_names_a_backend_by_its_record(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(names.BACKENDS, DUMMY.name, DUMMY)
    monkeypatch.setattr(text, "language", lambda: "en")
    model = Classifier.load(ROOT / "model/efficientnet-lite0", settings=Settings(backend="dummy"))
    monkeypatch.setitem(models().packages, model.package.name, model.package)
    assert "on Abacus with Dummy Runtime" in components._took(model.classify(photo("panda.webp")))
