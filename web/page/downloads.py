"""A result as a file: JSON as the API answers it, CSV for spreadsheets."""

from __future__ import annotations

import json

from classifier import Classification
from classifier.formatting import csv_line, flag


def to_json(result: Classification) -> bytes:
    """The result in the format of the API's results."""
    return json.dumps(result.to_dict(), ensure_ascii=False, indent=2).encode()


def to_csv(result: Classification) -> bytes:
    """A row for each class, in UTF-8 with the byte order mark by which Excel recognises it.

    Its columns are rank, label, index and score of the class, and whether the answer as a whole is sure.
    """
    rows: list[tuple[object, ...]] = [("rank", "label", "index", "score", "sure")]
    for rank, item in enumerate(result.predictions, 1):
        rows.append((rank, item.label, item.index, f"{item.score:.6f}", flag(result.sure)))
    return "".join(f"{csv_line(row)}\r\n" for row in rows).encode("utf-8-sig")
