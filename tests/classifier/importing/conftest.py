"""What the tests of TensorFlow's files share."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.fixture(scope="module")
def make() -> Any:
    """The tools, which take seconds to import."""
    from tests.support import makers

    return makers
