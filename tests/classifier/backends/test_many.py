"""One caller and many at once: two forms of a model, the same scores."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from classifier import Classifier, Settings
from classifier.backends.many import ForMany
from classifier.errors import PackageError
from classifier.machine.queue import WorkQueue
from tests.support.dummy_backend import DummyBackend
from tests.support.photos import ROOT, photo

PANDA = photo("panda.webp")


class Backend(DummyBackend):
    """Tells its two forms apart."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.many = object()

    def for_many(self):
        """The other form, if it can be loaded."""
        if self.error:
            raise self.error
        return self.many


def soon(forms: ForMany, wanted: object) -> bool:
    """Whether `soon` gives that within some seconds."""
    end = time.monotonic() + 20
    while forms.soon() is not wanted and time.monotonic() < end:
        time.sleep(0.01)
    return forms.soon() is wanted


def test_the_form_for_many_is_loaded_once_and_nobody_waits_for_it() -> None:
    backend = Backend()
    forms = ForMany(backend)
    assert not forms.copies
    assert soon(forms, backend.many)
    assert forms.get() is backend.many
    assert forms.copies


@pytest.mark.parametrize(
    ("backend", "room"), [(Backend(), lambda: False), (Backend(PackageError("no")), None)], ids=["no room", "broken"]
)
def test_without_it_one_form_serves_all(backend: Backend, room: Callable[[], bool] | None) -> None:
    forms = ForMany(backend, room)
    for _ in range(20):
        assert forms.soon() is backend
        time.sleep(0.01)
    assert not forms.copies


def test_a_backend_that_serves_many_by_itself_has_no_copies() -> None:
    backend = DummyBackend.__new__(DummyBackend)
    forms = ForMany(backend)
    assert forms.get() is backend
    assert not forms.copies


def test_several_pictures_go_to_interpreters_of_one_thread_with_the_same_scores() -> None:
    queue = WorkQueue(2, 8)
    model = Classifier.load(ROOT / "model/cifar10", settings=Settings(backend="litert", threads=2), queue=queue)
    alone = model.classify(PANDA)
    forms = model._backend._now()
    assert not forms.copies
    with queue.take():
        model.classify(PANDA)
        assert soon(forms, forms.get())
        among_others = model.classify(PANDA)
    assert model.copies
    assert among_others.predictions == model.classify(PANDA).predictions == alone.predictions


def test_one_thread_needs_no_copies() -> None:
    queue = WorkQueue(2, 8)
    model = Classifier.load(ROOT / "model/cifar10", settings=Settings(backend="litert", threads=1), queue=queue)
    with queue.take():
        model.classify(PANDA)
        time.sleep(0.2)
        model.classify(PANDA)
    assert not model.copies
