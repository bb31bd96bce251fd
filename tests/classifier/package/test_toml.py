"""Values in a TOML text are replaced; comments, their column, and the rest of the text stay."""

from __future__ import annotations

import pytest
import tomlkit

from classifier.package.toml import set_value

TEXT = """\
name = 'a'   # as callers write it
size = []    # pixels
plain = 1
near = 1#x
"""


@pytest.mark.parametrize(
    ("key", "value", "line"),
    [
        ("name", "ab", 'name = "ab"  # as callers write it'),
        ("name", "a name that is longer", 'name = "a name that is longer" # as callers write it'),
        ("size", [8, 6], "size = [8, 6] # pixels"),
        ("plain", 2.5, "plain = 2.5"),
        ("near", 25, "near = 25#x"),
    ],
)
def test_a_value_is_replaced_and_its_comment_stays_in_its_column(key: str, value: object, line: str) -> None:
    document = tomlkit.parse(TEXT)
    set_value(document, key, value)
    before, after = TEXT.splitlines(), tomlkit.dumps(document).splitlines()
    assert [new for old, new in zip(before, after, strict=True) if new != old] == [line]


def test_a_key_that_is_not_there_or_stands_for_a_table_in_parts_is_an_error() -> None:
    document = tomlkit.parse("table.a = 1\nother = 2\ntable.b = 3\n")
    with pytest.raises(KeyError):
        set_value(document, "missing", 1)
    with pytest.raises(TypeError, match="table is a table"):
        set_value(document, "table", 1)
