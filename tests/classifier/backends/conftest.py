"""What the tests of backends share."""

from __future__ import annotations

import pytest

from classifier import ModelPackage
from tests.support.packages import LITE0


@pytest.fixture(scope="session")
def package() -> ModelPackage:
    """The small model's package."""
    return ModelPackage.load(LITE0)
