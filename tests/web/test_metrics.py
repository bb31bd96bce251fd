"""What /metrics counts."""

from __future__ import annotations

from starlette.testclient import TestClient

from tests.support.api import PANDA, classify


def test_metrics_count_pictures_errors_and_stages(client: TestClient) -> None:
    def metrics() -> dict[str, float]:
        lines = client.get("/metrics").text.splitlines()
        pairs = (line.rpartition(" ") for line in lines if not line.startswith("#"))
        return {name: float(value) for name, _, value in pairs}

    ok = 'classifier_pictures_total{client="api",model="efficientnet-lite2",outcome="ok"}'
    bad = 'classifier_pictures_total{client="api",model="",outcome="unsupported_format"}'
    classify(client, PANDA)
    classify(client, b"no picture")
    before = metrics()
    classify(client, PANDA)
    classify(client, b"no picture")
    after = metrics()
    assert after[ok] == before[ok] + 1
    assert after[bad] == before[bad] + 1
    for stage in ("queue", "decode", "preprocess", "inference", "total"):
        name = f'classifier_stage_seconds_count{{stage="{stage}"}}'
        assert after[name] == before[name] + 1
    requests = 'classifier_requests_total{method="POST",path="/api/v1/classify",status="%s"}'
    assert after[requests % 200] == before[requests % 200] + 1
    assert after[requests % 415] == before[requests % 415] + 1
    assert after["classifier_queue_depth"] == after["classifier_slots_busy"] == 0
    assert after["classifier_ready"] == 1
    assert any(name.startswith("classifier_last_inference_info{") for name in after)
