"""The shares of memory: together no more than there is, and what each was before when there is plenty."""

from __future__ import annotations

import pytest

from classifier.machine.memory import MemoryPlan

WISHES = {"max_bytes": 20_000_000, "decoders": 4, "decoder": 880_000_000}
MB = 1_000_000


def test_with_plenty_everyone_gets_what_they_want_and_models_the_rest() -> None:
    plan = MemoryPlan.share(10_000 * MB, **WISHES)
    assert plan == MemoryPlan(400 * MB, 20 * MB, 4, 880 * MB, 6_080 * MB)


def test_where_nobody_knows_the_memory_nothing_is_bounded_by_it() -> None:
    assert MemoryPlan.share(None, **WISHES) == MemoryPlan(400 * MB, 20 * MB, 4, 880 * MB, None)
    assert MemoryPlan.share(None, **WISHES, uploads=70 * MB).uploads == 70 * MB


@pytest.mark.parametrize("another", [0, 9 * MB, 49 * MB, 300 * MB])
@pytest.mark.parametrize("uploads", [None, 45 * MB])
@pytest.mark.parametrize("free", [60, 100, 200, 392, 640, 1_000, 1_500, 3_000, 20_000])
def test_the_shares_are_no_more_than_there_is(free: int, uploads: int | None, another: int) -> None:
    plan = MemoryPlan.share(free * MB, **WISHES, uploads=uploads, another_model=another)
    assert plan.models is not None
    decoders = plan.decoders * plan.decoder
    least = 32 << 20  # what one decoder cannot do without
    assert plan.uploads + decoders + plan.models <= max(free * MB, plan.uploads + least)
    assert plan.decoder >= least
    if uploads is None:
        assert 2 * plan.max_bytes <= plan.uploads


@pytest.mark.parametrize(
    ("free", "decoders", "decoder"), [(400, 3, 100), (60, 1, 45), (392, 2, 147), (100_000, 4, 880)]
)
def test_with_little_memory_there_are_fewer_decoders_with_less_each(free: int, decoders: int, decoder: int) -> None:
    plan = MemoryPlan.share(free * MB, **WISHES)
    assert (plan.decoders, plan.decoder) == (decoders, decoder * MB)


def test_a_model_more_gets_room_where_it_takes_little() -> None:
    assert MemoryPlan.share(392 * MB, **WISHES).models == 0
    plan = MemoryPlan.share(392 * MB, **WISHES, another_model=40 * MB)
    assert (plan.models, plan.decoder, plan.uploads) == (40 * MB, 147 * MB, 58 * MB)
    assert MemoryPlan.share(60 * MB, **WISHES, another_model=40 * MB).models == 0


def test_uploads_are_what_the_operator_says() -> None:
    plan = MemoryPlan.share(200 * MB, **WISHES, uploads=100 * MB)
    assert (plan.uploads, plan.max_bytes, plan.decoders, plan.decoder) == (100 * MB, 20 * MB, 1, 100 * MB)
