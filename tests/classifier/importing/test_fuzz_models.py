"""A few mutated model files in each run, always the same; `make fuzz` tries without end."""

from __future__ import annotations

import random

import pytest

from tests.fuzz_models import broken_promise, seeds
from tests.support.mutated_models import mutant

_MUTANTS = 4


@pytest.mark.parametrize("name", sorted(set(seeds()) - {"convolutions.tflite"}))
def test_a_mutated_model_becomes_a_package_or_one_sentence(name: str) -> None:
    chance = random.Random(f"{name} 6")
    for _ in range(_MUTANTS):
        kind, wrong = broken_promise(name, mutant(chance, name, seeds()[name]))
        assert not wrong
        assert kind in ("imported", "refused", "signal 6", "signal 11")


@pytest.mark.parametrize("labels", [b"", b"\xff\xfe\x00", b"{", b'{"a": 1e400}', b"[" * 100_000, b"a\n" * 3 + b"\x00"])
def test_so_do_its_labels(labels: bytes) -> None:
    assert broken_promise("float.tflite", seeds()["float.tflite"], labels=labels) == ("refused", "")
