"""Reads the JSON of messages, within bounds."""

from __future__ import annotations

import json
from typing import Any, NoReturn

from classifier.errors import ProtocolError
from classifier.protocols.oip.tensors import Buffer

MOST_VALUES = 2_000_000
"""The most values, lists and objects in a message's JSON. Each takes up to 32 bytes more than its text."""


def read_json(data: Buffer, most_values: int = MOST_VALUES) -> dict[str, Any]:
    """Reads a JSON object in which no name comes twice, without NaN and infinity.

    Raises:
        ProtocolError: it is none, or has more values, lists and objects than it may.
    """
    raw = bytes(data)
    # Counted before it is parsed, since a list of three bytes takes sixty in memory. What strings hold counts, too.
    if sum(map(raw.count, (b",", b"[", b"{"))) > most_values:
        raise ProtocolError(f"The JSON has more than {most_values} values. Send less at a time, or tensors in binary.")
    try:
        # Only UTF-8, as RFC 8259 says; `json` alone would also guess UTF-16 and UTF-32.
        found = json.loads(raw.decode(), object_pairs_hook=_unique, parse_constant=_no_number)
    except RecursionError:
        raise ProtocolError("The JSON is nested too deeply.") from None
    except UnicodeDecodeError:
        raise ProtocolError("The JSON is not UTF-8.") from None
    except json.JSONDecodeError as error:
        raise ProtocolError(f"The JSON cannot be read: {error.msg} at character {error.pos}.") from None
    except ValueError:  # of `int`, for thousands of digits
        raise ProtocolError("The JSON has a number of too many digits.") from None
    if not isinstance(found, dict):
        raise ProtocolError("The JSON must be an object.")
    return found


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ProtocolError("The JSON has an object in which a name comes twice.")
    return found


def _no_number(constant: str) -> NoReturn:
    raise ProtocolError(f"The JSON has {constant}, which is not a number.")
