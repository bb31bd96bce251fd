"""Parts of the page, by themselves."""

from __future__ import annotations

import pytest

from classifier import Classifier, ModelPackage, Settings
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


def test_models_with_the_same_title_are_told_apart_by_their_names(monkeypatch: pytest.MonkeyPatch) -> None:
    first = ModelPackage.load(ROOT / "model/efficientnet-lite0")
    for name in list(models().packages):
        monkeypatch.delitem(models().packages, name)
    monkeypatch.setitem(models().packages, "mine", first.called("mine"))
    assert components.model_title("mine") == "EfficientNet-Lite0"
    monkeypatch.setitem(models().packages, "copy", first.called("copy"))
    assert [components.model_title(name) for name in ("mine", "copy")] == [
        "EfficientNet-Lite0 (mine)",
        "EfficientNet-Lite0 (copy)",
    ]
