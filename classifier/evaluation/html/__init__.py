"""An evaluation as one HTML file: plots and pictures inside, nothing loaded from anywhere, no script."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from functools import partial
from html import escape
from pathlib import Path

from classifier import __version__
from classifier.backends import names as backends
from classifier.errors import ClassifierError
from classifier.evaluation.html import others, pictures, sections, sets
from classifier.evaluation.measure import Answer
from classifier.evaluation.result import Evaluation
from classifier.formatting import printable
from classifier.languages import Words, choose
from classifier.picture.prepare import Decoder

_STYLE = Path(__file__).with_name("report.css")

_MISTAKES = 24  # on the contact sheet
_THUMBNAIL = 288  # pixels along the longer side: sharp on most screens, some 12 kB


def thumbnails(found: Evaluation, decoder: Decoder, max_bytes: int) -> list[tuple[Answer, bytes | None]]:
    """The pictures for the contact sheet: the worst mistakes as JPEG files; None for one that cannot be read any more.

    Args:
        found: what was measured.
        decoder: reads the pictures.
        max_bytes: the most bytes that are read of one picture.
    """
    return [(answer, _thumbnail(answer.file, decoder, max_bytes)) for answer in found.mistakes[:_MISTAKES]]


def small_thumbnails(found: Evaluation, decoder: Decoder, max_bytes: int) -> dict[str, bytes]:
    """Small pictures, by file: for the lists of the matrix's cells the worst mistakes of each, and the worst others.

    Args:
        found: as for `thumbnails`.
        decoder: as for `thumbnails`.
        max_bytes: as for `thumbnails`.
    """
    cells = [one.file for cell in pictures.mistaken(found).values() for one in cell[: pictures.SHOWN]]
    strange = [one.file for one in found.others.worst[: others.WORST]] if found.others else []
    read = {file: _thumbnail(file, decoder, max_bytes, pictures.SIDE) for file in [*cells[: pictures.MOST], *strange]}
    return {file: picture for file, picture in read.items() if picture}


def render(
    found: Evaluation,
    sheet: Sequence[tuple[Answer, bytes | None]],
    lang: str | None = None,
    small: Mapping[str, bytes] | None = None,
) -> str:
    """The whole document.

    Args:
        found: what was measured.
        sheet: what `thumbnails` gave.
        lang: language of the labels, one of the package's; its default one if None. The report's texts are in the same
            language, or in English if they are not available in it.
        small: what `small_thumbnails` gave; without pictures there if None.
    """
    lang = lang or found.package.language
    language = choose(lang)
    labels, words = found.package.labels_for(lang), partial(language.text, "report")
    style = _STYLE.read_text("utf-8")
    # The browser enforces this policy: pictures from the file itself and this very style sheet, and nothing else.
    hashed = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; img-src data:; style-src 'sha256-{hashed}'; base-uri 'none'; form-action 'none'"
    title = words("title", model=found.package.manifest.title)
    support = sum(result.support > 0 for result in found.classes)
    about = " · ".join(
        (
            printable(found.dataset),
            words("about", pictures=found.total, classes=support),
            words("on", backend=backends.title(found.backend), device=language.device(found.device)),
        )
    )
    body = "\n".join(
        (
            sections.numbers(found, words),
            sections.trust(found, words),
            sections.classes(found, labels, words),
            sets.section(found.sets, found.package, labels, words),
            sections.confusion(found, labels, words),
            sections.mistakes(found, sheet, labels, words),
            pictures.cells(found, small or {}, labels, words),
            pictures.doubts(found, labels, words),
            pictures.comparison(found, words),
            others.section(found.others, small or {}, labels, words),
            sections.failures(found, language),
        )
    )
    return f"""<!doctype html>
<html lang="{language.html}">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{escape(title)}</title>
<style>{style}</style>
</head>
<body>
<header><h1>{escape(title)}</h1><p>{escape(about)}</p></header>
<main>
{body}
</main>
<footer>{escape(words("made", version=__version__))}{_made(found, words)}</footer>
</body>
</html>
"""


def _made(found: Evaluation, words: Words) -> str:
    """When, how and with which weights."""
    run = found.run
    if not run.date:
        return ""
    command = printable(run.command)
    if run.weights is None:
        return f"<br>{escape(words('run_elsewhere', date=run.date, command=command))}"
    file, hashed = run.weights
    return f"<br>{escape(words('run', date=run.date, file=file, hash=hashed, command=command))}"


def _thumbnail(file: str, decoder: Decoder, max_bytes: int, side: int = _THUMBNAIL) -> bytes | None:
    try:
        with open(file, "rb") as stream:
            return decoder.thumbnail(stream.read(max_bytes + 1), side)
    except (ClassifierError, OSError, ValueError):  # the last one for a name that no file can have
        return None
