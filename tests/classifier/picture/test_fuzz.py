"""A few mutated pictures in each run, always the same; `make fuzz` tries without end."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings

from tests.fuzz import check, mutants


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
@settings(
    derandomize=True,
    max_examples=1_500,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(mutants())
def test_a_mutated_file_is_a_picture_within_the_limits_or_an_error(data: bytes) -> None:
    check(data)
