"""The page's icons: `python -m tests.icons` writes the few that are drawn, of the 4,309 in Streamlit's font."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import streamlit
from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTFont

from tests.support.server import ROOT
from web.own_files import STATIC

FILE = STATIC / "icons.woff2"
_STREAMLIT = Path(streamlit.__file__).parent
_NAME = re.compile(r":material/([a-z0-9_]+)")


def main() -> None:
    """Writes the file."""
    font = streamlits()
    wanted = named() & set(icons(font))
    glyphs = {icons(font)[name] for name in wanted}
    # Else the subset would keep every icon whose name can be spelt with the letters of those that are wanted.
    for ligatures in _tables(font):
        for first, group in list(ligatures.items()):
            ligatures[first] = [one for one in group if one.LigGlyph in glyphs]
            if not ligatures[first]:
                del ligatures[first]
    options = Options()
    options.layout_features = ["*"]
    subsetter = Subsetter(options)
    subsetter.populate(text="".join(wanted))
    subsetter.subset(font)
    font.flavor = "woff2"
    font["head"].modified = font["head"].created  # the same file whenever it is written
    font.recalcTimestamp = False
    font.save(FILE)


def streamlits() -> TTFont:
    """Streamlit's font."""
    (file,) = (_STREAMLIT / "static/static/media").glob("MaterialSymbols-Rounded.*.woff2")
    return TTFont(file, recalcTimestamp=False)


@cache
def named() -> frozenset[str]:
    """All icons that Streamlit's scripts, its Python modules or ours name, and maybe a few that there are not."""
    files = [*_STREAMLIT.rglob("*.py"), *(_STREAMLIT / "static/static/js").glob("*.js"), *(ROOT / "web").rglob("*.py")]
    return frozenset(name for file in files for name in _NAME.findall(file.read_text("utf-8")))


def icons(font: TTFont) -> dict[str, str]:
    """The glyph of each icon in a font, by the icon's name."""
    # Both cases of a letter have the same glyph.
    letters = {glyph: chr(code).lower() for code, glyph in font.getBestCmap().items()}
    return {
        "".join(letters[glyph] for glyph in (first, *one.Component)): one.LigGlyph
        for ligatures in _tables(font)
        for first, group in ligatures.items()
        for one in group
    }


def _tables(font: TTFont) -> Iterator[dict[str, Any]]:
    for lookup in font["GSUB"].table.LookupList.Lookup:
        for table in lookup.SubTable:
            table = getattr(table, "ExtSubTable", table)
            if hasattr(table, "ligatures"):
                yield table.ligatures


if __name__ == "__main__":
    main()
