"""The engines themselves, asked by NVIDIA's client: what the tests of the remote backend stand on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.support.engines import Engine

LITE0 = "efficientnet-lite0"
WAYS = [
    ("mlserver", "http", "json"),
    ("mlserver", "grpc", "binary"),
    ("kserve", "http", "json"),
    ("kserve", "http", "binary"),
    ("kserve", "grpc", "binary"),
    ("triton", "http", "json"),
    ("triton", "http", "binary"),
    ("triton", "grpc", "binary"),
]


@pytest.mark.parametrize(("name", "kind", "how"), WAYS)
def test_a_plain_client_gets_the_scores_of_the_model(
    engine: Callable[[str], Engine],
    plain: Callable[..., Any],
    local: Callable[..., Any],
    batch: Callable[..., Any],
    name: str,
    kind: str,
    how: str,
) -> None:
    started = engine(name)
    address = started.http.removeprefix("http://") if kind == "http" else started.grpc
    said, outputs = plain(kind, address, LITE0, "image", batch(LITE0), how, "logits")
    expected = local(LITE0)._backend.run(batch(LITE0)).scores
    assert said["live"]
    assert said["ready"]
    assert said["response"] == {"id": "7", "model_name": LITE0}
    assert np.abs(outputs["logits"] - expected).max() < 1e-4
