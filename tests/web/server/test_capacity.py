"""What a server takes fits into its descriptors and its memory, whatever these are."""

from __future__ import annotations

import pytest

from classifier.machine.memory import PAGE
from web.server.capacity import CONNECTION, VISIT, Capacity

KEPT = 80


@pytest.mark.parametrize("descriptors", [128, 256, 1024, 20_000, 1 << 20])
@pytest.mark.parametrize("memory", [None, 100_000_000, 1 << 30, 1 << 35])
def test_no_bound_is_reached_when_accepting_fails(descriptors: int, memory: int | None) -> None:
    room = Capacity.within(descriptors, memory, KEPT)
    # A round accepts one batch; what it accepted is counted, and what was refused is closed, some rounds later.
    others = min(KEPT, descriptors // 4)
    assert room.connections + room.refused + 4 * room.batch + others <= descriptors
    assert 0 < room.visits < room.connections
    assert room.connections * CONNECTION + room.visits * VISIT <= max(PAGE, (memory or 2 << 30) // 10)


def test_a_server_with_hardly_any_descriptors_serves_a_few() -> None:
    room = Capacity.within(32, 1 << 30, KEPT)
    assert room.connections >= 4
    assert room.visits >= 4


def test_a_usual_container_holds_hundreds() -> None:
    room = Capacity.within(1024, 1 << 30, KEPT)
    assert room.connections > 700
    assert room.visits > 200


def test_so_does_one_with_hardly_any_memory() -> None:
    room = Capacity.within(1024, 130_000_000, KEPT)
    assert room.connections > 300
    assert room.visits >= 50
