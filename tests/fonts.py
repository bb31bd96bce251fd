"""The page's fonts: `python -m tests.fonts` writes, of Streamlit's, the few icons that are drawn and the Latin letters.

The other letters stay in Streamlit's file, which a browser fetches when one of them is on the page.
"""

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
LETTERS_FILE = STATIC / "letters.woff2"
LETTERS = [
    code
    for first, last in ((0x20, 0x7E), (0xA0, 0x17F), (0x2000, 0x206F), (0x20A0, 0x20BF), (0x2190, 0x22FF))
    for code in range(first, last + 1)
]
"""English and its neighbours, punctuation, currencies, arrows, signs; `index_page` names the others."""

_STREAMLIT = Path(streamlit.__file__).parent
_NAME = re.compile(r":material/([a-z0-9_]+)")


def main() -> None:
    """Writes both files."""
    _write_icons()
    font = streamlits("SourceSansVF-Upright")
    options = Options()
    options.layout_features += ["tnum"]  # so that numbers stand below each other
    options.notdef_outline = True  # a box, and not nothing, for a letter that no font has
    subsetter = Subsetter(options)
    subsetter.populate(unicodes=LETTERS)
    subsetter.subset(font)
    # The font's licence, OFL-1.1, keeps its name for what its makers have not changed.
    for record in font["name"].names:
        if record.nameID in {1, 3, 4, 6, 16, 25}:
            record.string = "Letters"
    _save(font, LETTERS_FILE)


def _write_icons() -> None:
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
    _save(font, FILE)


def _save(font: TTFont, file: Path) -> None:
    font.flavor = "woff2"
    font["head"].modified = font["head"].created  # the same file whenever it is written
    font.recalcTimestamp = False
    font.save(file)


def streamlits(name: str = "MaterialSymbols-Rounded") -> TTFont:
    """One of Streamlit's fonts."""
    (file,) = (_STREAMLIT / "static/static/media").glob(f"{name}.*.woff2")
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
