"""A result as a file: JSON as the API answers it, CSV for spreadsheets."""

from __future__ import annotations

import csv
import io
import json

from classifier import Classification


def to_json(result: Classification) -> bytes:
    """The result in the format of the API's results."""
    return json.dumps(result.to_dict(), ensure_ascii=False, indent=2).encode()


def to_csv(result: Classification) -> bytes:
    """Rank, label, index and score of each class, in UTF-8 with the byte order mark by which Excel recognises it."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["rank", "label", "index", "score"])
    for rank, item in enumerate(result.predictions, 1):
        # A spreadsheet would run a text that begins like this as a formula: https://owasp.org/www-community/attacks/CSV_Injection
        label = f"'{item.label}" if item.label.startswith(("=", "+", "-", "@", "\t", "\r")) else item.label
        writer.writerow([rank, label, item.index, f"{item.score:.6f}"])
    return text.getvalue().encode("utf-8-sig")
