"""The gallery of sample pictures: a click on one classifies it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

FOLDER = Path(__file__).parent / "samples"


@dataclass(frozen=True, slots=True)
class Sample:
    """A sample picture, its width and height in pixels, and where it is from."""

    file: str
    size: tuple[int, int]
    author: str
    licence: str
    source: str

    @property
    def name(self) -> str:
        """Its name in the texts and in addresses."""
        return Path(self.file).stem

    @property
    def thumbnail(self) -> Path:
        """The file with its thumbnail, which `thumbnails` makes."""
        return FOLDER / "thumbnails" / Path(self.file).with_suffix(".webp")

    @property
    def shown(self) -> Path:
        """The file that browsers show: a PNG file is many times as large as a WebP file, which `thumbnails` makes."""
        return FOLDER / "shown" / f"{self.name}.webp" if self.file.endswith(".png") else FOLDER / self.file

    def read(self) -> bytes:
        """The file's content."""
        return (FOLDER / self.file).read_bytes()


@lru_cache(maxsize=1)
def samples() -> dict[str, Sample]:
    """All samples by file name, in the order of the manifest."""
    entries = json.loads((FOLDER / "manifest.json").read_text("utf-8"))
    fields = ("file", "size", "author", "licence", "source")
    return {entry["file"]: Sample(*(entry[field] for field in fields)) for entry in entries}
