"""Changing values in a TOML document whose comments and layout stay as their author wrote them."""

from __future__ import annotations

from tomlkit import TOMLDocument
from tomlkit.items import Item, Table


def set_value(table: TOMLDocument | Table, key: str, value: object) -> None:
    """Replaces the value of a key; the comment behind it stays in its column where there is room.

    Args:
        table: the document, or a table of it.
        key: an existing key that stands for a value, not for a table.
        value: a string, number, truth value or list.

    Raises:
        KeyError: there is no such key.
        TypeError: the key stands for a table that is written in several parts.
    """
    old = _item(table, key).as_string()
    table[key] = value
    item = _item(table, key)
    gap = item.trivia.comment_ws
    if gap.startswith(" "):
        item.trivia.comment_ws = " " * max(1, len(gap) + len(old) - len(item.as_string()))


def _item(table: TOMLDocument | Table, key: str) -> Item:
    item = table.item(key)
    if not isinstance(item, Item):
        raise TypeError(f"{key} is a table, not a value")
    return item
