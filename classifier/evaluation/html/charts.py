"""The report's plots as inline SVG, without scripts and style attributes, which the document's policy forbids."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape

from rich.cells import cell_len, set_cell_size

from classifier.evaluation.metrics import Bin
from classifier.formatting import percent
from classifier.languages import Words

_SIDE = 360  # side of a plot, in SVG's user units
_LABEL = 22  # the longest label beside the confusion matrix, in cells (one for a Latin letter, two for a Chinese one)

FEW_IN_BIN = 10
"""With fewer pictures than this, a bar of the reliability diagram is pale: other pictures could change it a lot."""


def reliability(bins: Sequence[Bin], words: Words) -> str:
    """The reliability diagram: accuracy by score, with the line on which both are equal."""
    marks = [_rule(at / 4, f"{at * 25}%") for at in range(5)]
    bars = []
    for bin_ in bins:
        if bin_.confidence is None or bin_.accuracy is None:
            continue
        x, width = bin_.low * _SIDE + 1.5, (bin_.high - bin_.low) * _SIDE - 3
        low, high = sorted((bin_.accuracy, bin_.confidence))
        said = words(
            "bin",
            low=percent(bin_.low, 0),
            high=percent(bin_.high, 0),
            pictures=bin_.pictures,
            confidence=percent(bin_.confidence),
            accuracy=percent(bin_.accuracy),
        )
        kind = "over" if bin_.confidence > bin_.accuracy else "under"
        group = '<g class="pale">' if bin_.pictures < FEW_IN_BIN else "<g>"
        bars.append(
            f"{group}<title>{escape(said)}</title>"
            + _rect(x, _SIDE * (1 - low), width, _SIDE * low, "bar")
            + _rect(x, _SIDE * (1 - high), width, _SIDE * (high - low), kind)
            + "</g>"
        )
    line = f'<line class="ideal" x1="0" y1="{_SIDE}" x2="{_SIDE}" y2="0"/>'
    axes = (
        f'<text class="axis" x="{_SIDE / 2}" y="{_SIDE + 40}" text-anchor="middle">{escape(words("score"))}</text>'
        f'<text class="axis" transform="translate(-44 {_SIDE / 2}) rotate(-90)" text-anchor="middle">'
        f"{escape(words('accuracy'))}</text>"
    )
    inside = "".join(marks) + "".join(bars) + line + axes
    return _svg((-58, -12, _SIDE + 76, _SIDE + 62), words("reliability"), inside)


def risk_coverage(curve: Sequence[tuple[float, float]], words: Words) -> str:
    """The risk-coverage curve: what share of the answers that are trusted most is wrong, by how many are given."""
    marks = [_rule(at / 4, f"{at * 25}%") for at in range(5)]
    points = " ".join(f"{coverage * _SIDE:.1f},{(1 - risk) * _SIDE:.1f}" for coverage, risk in curve)
    line = f'<polyline class="curve" points="{points}"/>'
    axes = (
        f'<text class="axis" x="{_SIDE / 2}" y="{_SIDE + 40}" text-anchor="middle">{escape(words("coverage"))}</text>'
        f'<text class="axis" transform="translate(-44 {_SIDE / 2}) rotate(-90)" text-anchor="middle">'
        f"{escape(words('risk'))}</text>"
    )
    return _svg((-58, -12, _SIDE + 76, _SIDE + 62), words("risk_coverage"), "".join(marks) + line + axes)


def spread(bins: Sequence[Bin], words: Words) -> str:
    """How many pictures have which score."""
    height = 110
    most = max(bin_.pictures for bin_ in bins)
    bars = []
    for bin_ in bins:
        tall = height * bin_.pictures / most
        title = f"{percent(bin_.low, 0)}–{percent(bin_.high, 0)}: {bin_.pictures}"
        bars.append(
            f"<g><title>{escape(title)}</title>"
            + _rect(bin_.low * _SIDE + 1.5, height - tall, (bin_.high - bin_.low) * _SIDE - 3, tall, "count")
            + "</g>"
        )
    marks = "".join(
        f'<text x="{at * _SIDE / 4}" y="{height + 16}" text-anchor="middle">{at * 25}%</text>' for at in range(5)
    )
    base = f'<line class="rule" x1="0" y1="{height}" x2="{_SIDE}" y2="{height}"/>'
    top = f'<text x="-8" y="6" text-anchor="end" dy=".3em">{most}</text>'
    axis = f'<text class="axis" x="{_SIDE / 2}" y="{height + 36}" text-anchor="middle">{escape(words("score"))}</text>'
    return _svg((-58, -6, _SIDE + 76, height + 50), words("spread"), "".join(bars) + base + marks + top + axis)


def bar(value: float | None) -> str:
    """A share as a bar, for a table's cell that also has it as text."""
    width = 100 * (value or 0)
    return (
        '<svg class="meter" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">'
        f'<rect class="track" width="100" height="8"/><rect class="bar" width="{width:.1f}" height="8"/></svg>'
    )


def matrix(
    rows: Sequence[int],
    columns: Sequence[int],
    counts: dict[tuple[int, int], int],
    totals: dict[int, int],
    label: Callable[[int], str],
    words: Words,
) -> str:
    """A confusion matrix.

    Args:
        rows: class indices of what pictures show.
        columns: class indices of what the model says.
        counts: pictures by truth and prediction.
        totals: pictures by truth.
        label: gives the label of a class by its index.
        words: the report's texts.
    """
    side = 56 if len(columns) <= 4 else 40 if len(columns) <= 12 else 27
    left = 8 + 7.2 * max(min(_LABEL, cell_len(label(index))) for index in rows)
    above = 10 + 6.4 * max(min(_LABEL, cell_len(label(index))) for index in columns)
    parts = []
    for at, index in enumerate(rows):
        y = at * side + side / 2
        parts.append(f'<text x="-8" y="{y}" dy=".35em" text-anchor="end">{_short(label(index))}</text>')
    for at, index in enumerate(columns):
        x = at * side + side / 2
        parts.append(f'<text transform="translate({x + 4} -8) rotate(-60)">{_short(label(index))}</text>')
    for down, truth in enumerate(rows):
        for across, said in enumerate(columns):
            x, y = across * side, down * side
            parts.append(_rect(x + 1, y + 1, side - 2, side - 2, "empty"))
            if count := counts.get((truth, said)):
                title = words("cell", truth=label(truth), said=label(said), count=count)
                kind = "hit" if truth == said else "miss"
                link = f'<a xlink:href="#{cell_id(truth, said)}">' if kind == "miss" else "<g>"
                parts.append(f"{link}<g{_shade(kind, count / totals[truth])}><title>{escape(title)}</title>")
                parts.append(_rect(x + 1, y + 1, side - 2, side - 2))
                middle = f'x="{x + side / 2}" y="{y + side / 2}" dy=".35em" text-anchor="middle"'
                parts.append(f"<text {middle}>{_compact(count)}</text></g>{'</a>' if kind == 'miss' else '</g>'}")
    # The slanted labels reach beyond the last column.
    lean = above * 0.6
    box = (-left, -above, left + len(columns) * side + lean, above + len(rows) * side + 6)
    # Not an image: what is in one cannot be reached by those who do not see it, and the wrong cells are links.
    return _svg(box, words("confusion"), "".join(parts), fixed=True, role="group")


def cell_id(truth: int, said: int) -> str:
    """The anchor of the pictures of a cell."""
    return f"cell-{truth}-{said}"


def _svg(
    box: tuple[float, float, float, float], title: str, inside: str, fixed: bool = False, role: str = "img"
) -> str:
    size = f' width="{box[2]:.0f}" height="{box[3]:.0f}"' if fixed else ""
    where = " ".join(f"{value:.0f}" for value in box)
    return f'<svg class="plot" role="{role}" aria-label="{escape(title)}" viewBox="{where}"{size}>{inside}</svg>'


def _rule(at: float, text: str) -> str:
    y, x = _SIDE * (1 - at), _SIDE * at
    return (
        f'<line class="rule" x1="0" y1="{y}" x2="{_SIDE}" y2="{y}"/>'
        f'<text x="-8" y="{y}" dy=".35em" text-anchor="end">{text}</text>'
        f'<text x="{x}" y="{_SIDE + 18}" text-anchor="middle">{text}</text>'
    )


def _shade(kind: str, share: float) -> str:
    """The strength of a cell's colour, and a class by which the style sheet gives its number a readable colour."""
    depth = " deep" if share > 0.76 else " mid" if share > 0.4 else ""
    return f' class="{kind}{depth}" fill-opacity="{0.15 + 0.85 * share:.2f}"'


def _rect(x: float, y: float, width: float, height: float, kind: str = "") -> str:
    own = f' class="{kind}"' if kind else ""
    return f'<rect{own} x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" rx="2"/>'


def _short(text: str) -> str:
    """A label, shortened to the room there is; the table beside has it in full."""
    return escape(text if cell_len(text) <= _LABEL else set_cell_size(text, _LABEL - 1).rstrip() + "…")


def _compact(count: int) -> str:
    """A count in at most four characters."""
    return str(count) if count < 1000 else f"{count / 1000:.2g}k" if count < 9950 else f"{count / 1000:.0f}k"
