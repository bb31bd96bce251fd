"""The result as a file."""

from __future__ import annotations

import csv
import io
import json

import pytest

from classifier import Classification, Prediction, Timings
from tests.support.page import CAT, page, upload
from web.models import models
from web.page import downloads


def test_downloads_hold_the_result() -> None:
    test = upload(page(), CAT)
    result = test.session_state["page"].analysis.results[models().default, "crop"]
    values = json.loads(downloads.to_json(result))
    assert {"predictions", "model", "device", "timings", "width", "height"} <= set(values)
    assert values["predictions"][0]["score"] == result.predictions[0].score
    data = downloads.to_csv(result)
    assert data.startswith(b"\xef\xbb\xbf")
    rows = list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"))))
    assert list(rows[0]) == ["rank", "label", "index", "score", "sure"]
    assert rows[0]["label"] == result.predictions[0].label
    assert {row["sure"] for row in rows} == {"true" if result.sure else "false"}
    assert float(rows[0]["score"]) == pytest.approx(result.predictions[0].score, abs=1e-6)


def made(label: str, score: float = 0.5) -> Classification:
    return Classification(
        (Prediction(label, score, 0),),
        sure=True,
        width=1,
        height=1,
        format="PNG",
        model="m",
        backend="litert",
        device="CPU (1 thread)",
        timings=Timings(0, 0, 0, 0, 0),
    )


@pytest.mark.parametrize("label", ["=1+1", "+1", "-1", "@sum", '=HYPERLINK("x")', "\t=1", "\r=1", "\n=1"])
def test_a_label_is_no_formula_in_a_spreadsheet(label: str) -> None:
    rows = list(csv.reader(io.StringIO(downloads.to_csv(made(label)).decode("utf-8-sig"), newline="")))
    assert rows[1][1] == f"'{label}"
